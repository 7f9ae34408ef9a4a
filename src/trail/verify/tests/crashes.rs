use super::*;
use crate::trail::tests::builder::heartbeat;
use crate::trail::tests::outcome;

#[test]
fn a_crash_is_told_with_its_place_and_is_no_fault() {
    let mut sample = TrailBuilder::new(None);
    sample.start(None).push(&outcome()).crash().push(&outcome()).stop();
    sample.start(None).stop();
    let summary = check(&sample, &Measure::default()).unwrap();
    let crash = &summary.crashes[0];
    assert_eq!((summary.crashes.len(), summary.runs, summary.recovered_unknown), (1, 3, 1));
    assert_eq!((crash.sequence, crash.line, crash.torn.as_ref().unwrap().bytes), (2, 2, 10));
    assert!(!summary.unfinished);
    let text = summary.to_string();
    assert!(text.contains("3 starts, 1 crash") && text.contains("crash after sequence 2"), "{text}");
    assert!(text.contains("10 bytes of an unfinished line set aside in torn"), "{text}");
}

#[test]
fn an_end_without_a_stop_is_no_fault() {
    let mut sample = TrailBuilder::new(None);
    sample.start(None).push(&outcome());
    sample.segments[0].rest = b"{\"v\":1,\"se".to_vec();
    sample.segments[0].rest.extend([0; 100]);
    let summary = check(&sample, &Measure::default()).unwrap();
    assert!(summary.unfinished);
    assert_eq!((summary.records, summary.torn_bytes, summary.crashes.len()), (2, 10, 0));
    assert!(summary.to_string().contains("10 bytes of a line that is not finished"), "{summary}");
}

#[test]
fn a_segment_that_was_about_to_begin_is_no_fault_where_it_belongs() {
    let mut sample = TrailBuilder::new(None);
    sample.start(None).push(&outcome());
    let directory = written(&sample);
    let begun = |first| SegmentFile::new(directory.path(), first).path;
    for content in [vec![], vec![0; 4096], b"{\"v\":1".to_vec()] {
        std::fs::write(begun(3), content).unwrap();
        assert_eq!(verify(directory.path()).unwrap().records, 2);
    }
    std::fs::rename(begun(3), begun(4)).unwrap();
    std::fs::write(begun(4), "").unwrap();
    assert_eq!(fault(verify(directory.path())).kind, FaultKind::CutOff);
}

/// A power cut takes whole sectors; whatever was not yet on disk may have a hole then.
#[test]
fn sectors_that_were_lost_at_the_end_are_no_fault_and_a_changed_byte_is_one() {
    let mut sample = TrailBuilder::new(None);
    sample.start(None);
    for _ in 0..20 {
        sample.push(&outcome());
    }
    let whole = sample.segments[0].lines.concat();
    let directory = written(&sample);
    let path = SegmentFile::new(directory.path(), 1).path;
    for (from, to) in [(4096, 8192), (512, 1024), (8192, whole.len())] {
        let mut lost = whole.clone();
        lost[from..to].fill(0);
        std::fs::write(&path, &lost).unwrap();
        let summary = verify(directory.path()).unwrap();
        let intact = whole[..from].split(|byte| *byte == b'\n').count() - 1;
        assert_eq!(summary.records, intact as u64);
        assert!(summary.torn_bytes > 0 && summary.unfinished, "{summary}");
        // Where another segment follows, it was not the end.
        let next = SegmentFile::new(directory.path(), sample.at.next).path;
        let mut line = Vec::new();
        sample.at.append(&mut line, &heartbeat().payload().unwrap());
        std::fs::write(&next, line).unwrap();
        assert!(verify(directory.path()).is_err());
        std::fs::remove_file(next).unwrap();
    }
    for (from, to) in [(5000, 5001), (4096, 4097), (4095, 8192), (4096, 8193), (5000, 5600)] {
        let mut changed = whole.clone();
        changed[from..to].fill(0);
        std::fs::write(&path, &changed).unwrap();
        assert_eq!(fault(verify(directory.path())).kind, FaultKind::Changed, "{from} to {to}");
    }
}

#[test]
fn nothing_is_left_over_before_a_segment_that_took_over_in_good_order() {
    let mut sample = TrailBuilder::new(None);
    sample.start(None).push(&outcome()).rotate().stop();
    for rest in [&b"{\"v\":1"[..], b"x", b"\0\0x"] {
        let mut bad = sample.clone();
        bad.segments[0].rest = rest.to_vec();
        let found = fault(check(&bad, &Measure::default()));
        assert_eq!((found.kind, found.line), (FaultKind::Misplaced, 3), "{found}");
    }
    let mut bad = sample.clone();
    let copy = bad.segments[1].lines[0].clone();
    bad.segments[0].lines.push(copy);
    let found = fault(check(&bad, &Measure::default()));
    assert_eq!((found.kind, found.line), (FaultKind::Misplaced, 3), "{found}");
}

#[test]
fn an_empty_directory_is_no_trail() {
    let directory = tempfile::tempdir().unwrap();
    let error = verify(directory.path()).unwrap_err();
    assert!(error.to_string().contains("there is no trail here"), "{error}");
}

#[test]
fn a_segment_that_was_compressed_meanwhile_is_found() {
    let mut sample = TrailBuilder::new(None);
    sample.start(None).rotate().stop();
    let directory = written(&sample);
    let listed = SegmentFile::list(directory.path()).unwrap();
    sample.segments[0].encoding = crate::trail::segment::Encoding::Zstd;
    std::fs::remove_file(&listed[0].path).unwrap();
    sample.write(directory.path());
    let (measure, mut progress) = (Measure::default(), |_| ());
    let mut walk = Walk::new(&listed, &measure, &mut progress);
    walk.segment(0).unwrap();
    walk.segment(1).unwrap();
    assert_eq!(walk.finish(directory.path()).unwrap().records, 4);
}
