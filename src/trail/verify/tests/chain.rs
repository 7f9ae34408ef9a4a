use std::path::PathBuf;

use super::*;
use crate::trail::line::Link;
use crate::trail::tests::{bare_trail, lines, verify_part};

/// A trail of seven lines in two segments, which begin with lines 1 and 5.
struct Bare {
    directory: tempfile::TempDir,
    lines: Vec<String>,
}

impl Bare {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        bare_trail(directory.path(), 5);
        let lines = lines(directory.path());
        let sample = Self { directory, lines };
        sample.store(&sample.lines.clone());
        assert_eq!(sample.verify().unwrap().records, 7);
        sample
    }

    fn path(&self, first: u64) -> PathBuf {
        SegmentFile::new(self.directory.path(), first).path
    }

    /// Writes `lines` as the trail, the first four to the first segment.
    fn store(&self, lines: &[String]) {
        std::fs::write(self.path(1), lines[..4].concat()).unwrap();
        std::fs::write(self.path(5), lines[4..].concat()).unwrap();
    }

    fn store_first(&self, lines: &[&str]) {
        std::fs::write(self.path(1), lines.concat()).unwrap();
    }

    fn verify(&self) -> Result<Summary, VerifyError> {
        verify(self.directory.path())
    }

    fn fault(&self) -> Fault {
        match self.verify() {
            Err(VerifyError::Fault(fault)) => *fault,
            other => panic!("{other:?}"),
        }
    }

    /// Asserts the fault's kind, its segment by first sequence, and its line.
    fn assert_fault(&self, kind: FaultKind, segment: u64, line: u64) -> Fault {
        let fault = self.fault();
        let found = (fault.kind, fault.segment.clone(), fault.line);
        assert_eq!(found, (kind, self.path(segment), line), "{fault}");
        fault
    }
}

fn swapped<T: Clone>(items: &[T], a: usize, b: usize) -> Vec<T> {
    let mut items = items.to_vec();
    items.swap(a, b);
    items
}

/// A line that says it is `seq` and follows `prev`.
fn forged(seq: u64, prev: &str) -> String {
    let mut line = Vec::new();
    let at = Position { next: seq, prev: Link::parse(prev.as_bytes()).unwrap().hash };
    at.append(&mut line, br#"{"time":"t","kind":"outcome","forged":true}"#);
    String::from_utf8(line).unwrap()
}

#[test]
fn every_changed_byte_is_found_in_its_line() {
    let sample = Bare::new();
    // No line holds the hash of the last one: what is changed in it can go unnoticed.
    for index in 0..sample.lines.len() - 1 {
        for at in 0..sample.lines[index].len() - 1 {
            let mut lines = sample.lines.clone();
            let mut bytes = lines[index].clone().into_bytes();
            bytes[at] = if bytes[at] == b'7' { b'8' } else { b'7' };
            lines[index] = String::from_utf8(bytes).unwrap();
            sample.store(&lines);
            let fault = sample.fault();
            let line = fault.line - 1 + if fault.segment == sample.path(5) { 4 } else { 0 };
            // A changed prev in the last line of the first segment could as well be a change of the line before.
            let in_prev = at > sample.lines[index].len() - 70;
            let ambiguous = in_prev && index == 3;
            let named = line == index as u64 || (ambiguous && line + 1 == index as u64);
            assert!(named, "byte {at} of line {index}: {fault}");
        }
    }
}

#[test]
fn a_dropped_line_is_missed() {
    let sample = Bare::new();
    let [a, b, c, d] = [0, 1, 2, 3].map(|index| sample.lines[index].as_str());
    sample.store_first(&[b, c, d]);
    sample.assert_fault(FaultKind::Missing, 1, 1);
    sample.store_first(&[a, c, d]);
    let fault = sample.assert_fault(FaultKind::Missing, 1, 2);
    assert_eq!((fault.expected, fault.found), (Some(2), Some(3)));
    let text = fault.to_string();
    assert!(
        text.contains("line 2: lines missing") && text.contains("expected sequence 2, found 3"),
        "{text}"
    );
}

#[test]
fn lines_dropped_where_a_segment_begins_or_ends_are_missed() {
    let sample = Bare::new();
    let [a, b, c] = [0, 1, 2].map(|index| sample.lines[index].as_str());
    sample.store_first(&[a, b, c]);
    sample.assert_fault(FaultKind::CutOff, 5, 1);
    sample.store_first(&[]);
    sample.assert_fault(FaultKind::CutOff, 1, 1);
    sample.store(&sample.lines);
    std::fs::write(sample.path(5), sample.lines[5..].concat()).unwrap();
    sample.assert_fault(FaultKind::Missing, 5, 1);
}

#[test]
fn a_segment_in_the_middle_is_missed() {
    let sample = Bare::new();
    std::fs::write(sample.path(5), &sample.lines[4]).unwrap();
    std::fs::write(sample.path(6), sample.lines[5..].concat()).unwrap();
    assert_eq!(sample.verify().unwrap().segments, 3);
    std::fs::remove_file(sample.path(5)).unwrap();
    sample.assert_fault(FaultKind::CutOff, 6, 1);
}

#[test]
fn an_inserted_line_is_named() {
    let sample = Bare::new();
    let [a, b, c, d] = [0, 1, 2, 3].map(|index| sample.lines[index].as_str());
    for intruder in [forged(3, b), forged(3, a), forged(99, a), forged(1, a), a.to_owned(), d.to_owned()] {
        sample.store_first(&[a, b, &intruder, c, d]);
        sample.assert_fault(FaultKind::Misplaced, 1, 3);
    }
}

#[test]
fn swapped_lines_are_out_of_order() {
    let sample = Bare::new();
    for (a, b) in [(1, 2), (1, 3), (2, 6)] {
        sample.store(&swapped(&sample.lines, a, b));
        sample.assert_fault(FaultKind::Misplaced, 1, a as u64 + 1);
    }
}

#[test]
fn a_renamed_segment_is_named() {
    let sample = Bare::new();
    for name in [3, 4, 6, 100] {
        std::fs::rename(sample.path(5), sample.path(name)).unwrap();
        sample.assert_fault(FaultKind::Renamed, name, 1);
        std::fs::rename(sample.path(name), sample.path(5)).unwrap();
    }
    std::fs::rename(sample.path(1), sample.path(2)).unwrap();
    sample.assert_fault(FaultKind::Renamed, 2, 1);
}

#[test]
fn what_is_no_record_is_a_change() {
    let sample = Bare::new();
    for line in ["\n".into(), "null\n".into(), sample.lines[1].replacen("\"v\":1", "\"v\":2", 1)] {
        sample.store_first(&[&sample.lines[0], &line, &sample.lines[2], &sample.lines[3]]);
        let fault = sample.assert_fault(FaultKind::Changed, 1, 2);
        assert_eq!(fault.expected, Some(2));
    }
}

#[test]
fn older_segments_are_missed_unless_a_part_is_asked_for() {
    let sample = Bare::new();
    std::fs::remove_file(sample.path(1)).unwrap();
    sample.assert_fault(FaultKind::Missing, 5, 1);
    let summary = verify_part(sample.directory.path()).unwrap();
    assert_eq!((summary.records, summary.first_sequence), (3, Some(5)));
    assert!(summary.to_string().contains("this is a part"), "{summary}");
}

#[test]
fn a_torn_last_line_is_told_apart() {
    let sample = Bare::new();
    let torn = sample.lines[4..].concat();
    std::fs::write(sample.path(5), &torn[..torn.len() - 1]).unwrap();
    let summary = sample.verify().unwrap();
    assert_eq!((summary.records, summary.torn_bytes), (6, sample.lines[6].len() as u64 - 1));
}

#[test]
fn a_directory_that_is_not_there_is_no_empty_trail() {
    let error = verify(Path::new("/nonexistent/audit")).unwrap_err();
    assert!(error.to_string().contains("/nonexistent/audit"), "{error}");
}
