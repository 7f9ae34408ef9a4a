use super::*;
use crate::trail::tests::outcome;

/// A signed trail of two segments, and its key.
fn sample() -> (TrailBuilder, SigningKey) {
    let (signer, same) = twins();
    let mut sample = TrailBuilder::new(Some(signer));
    sample.start(None).push(&outcome()).checkpoint(false).push(&outcome()).rotate().push(&outcome()).stop();
    (sample, same)
}

/// One key, twice.
fn twins() -> (SigningKey, SigningKey) {
    let pem = crate::trail::tests::key_pem();
    (SigningKey::from_pem(&pem).unwrap(), SigningKey::from_pem(&pem).unwrap())
}

#[test]
fn the_summary_says_what_is_signed_and_what_is_not() {
    let (mut sample, key) = sample();
    let summary = check(&sample, &by_key(&key)).unwrap();
    let signed = summary.signed.clone().unwrap();
    assert_eq!((signed.sequence, signed.unsigned_after), (7, 0));
    assert_eq!((summary.checkpoints, summary.trail), (3, Some(sample.trail)));
    assert!(summary.to_string().contains("up to sequence 7, "), "{summary}");
    sample.start(None).push(&outcome());
    let summary = check(&sample, &by_key(&key)).unwrap();
    assert_eq!(summary.signed.unwrap().unsigned_after, 2);
    let unchecked = check(&sample, &Measure::default()).unwrap();
    assert_eq!(unchecked.signed, None);
    assert!(unchecked.to_string().contains("not checked, which takes a --public-key"), "{unchecked}");
}

#[test]
fn another_key_and_no_signature_at_all_prove_nothing() {
    let (sample, _) = sample();
    let fault = fault(check(&sample, &by_key(&key())));
    assert_eq!((fault.kind, fault.line, fault.found), (FaultKind::Forged, 3, Some(3)), "{fault}");
    let mut unsigned = TrailBuilder::new(None);
    unsigned.start(None).stop();
    check(&unsigned, &Measure::default()).unwrap();
    let fault = self::fault(check(&unsigned, &by_key(&key())));
    assert_eq!(fault.kind, FaultKind::Forged, "{fault}");
    let none_yet = Measure { signed_from: 100, ..by_key(&key()) };
    let error = check(&unsigned, &none_yet).unwrap_err();
    assert!(matches!(error, VerifyError::Unsigned(_)), "{error}");
    assert!(error.to_string().contains("key_file"), "{error}");
}

/// The gateway signs what it finds at its start: only whoever asks can say since when there is a key.
#[test]
fn checkpoints_without_a_signature_may_stand_only_where_there_was_no_key_yet() {
    let (signer, key) = twins();
    let mut unsigned = TrailBuilder::new(None);
    unsigned.start(None).push(&outcome()).stop();
    let mut sample = unsigned.clone();
    sample.set_key(Some(signer));
    sample.start(None).stop();
    let found = fault(check(&sample, &by_key(&key)));
    assert_eq!((found.kind, found.found), (FaultKind::Forged, Some(4)), "{found}");
    let since_then = Measure { signed_from: 5, ..by_key(&key) };
    assert_eq!(check(&sample, &since_then).unwrap().signed.unwrap().sequence, 6);
    sample.set_key(None);
    sample.start(None).stop();
    let found = fault(check(&sample, &since_then));
    assert_eq!((found.kind, found.found), (FaultKind::Forged, Some(10)), "{found}");
}

#[test]
fn a_key_may_have_been_replaced() {
    let (first_signer, first) = twins();
    let (second_signer, second) = twins();
    let mut sample = TrailBuilder::new(Some(first_signer));
    sample.start(None).stop();
    sample.set_key(Some(second_signer));
    sample.start(None).stop();
    for one in [&first, &second] {
        assert_eq!(fault(check(&sample, &by_key(one))).kind, FaultKind::Forged);
    }
    let public_keys = [first, second].map(|key| key.public_key().unwrap());
    let both = Measure { public_keys: public_keys.into(), ..Measure::default() };
    assert!(check(&sample, &both).unwrap().signed.is_some());
}

#[test]
fn a_rest_that_was_written_anew_is_found_by_the_key() {
    let (mut sample, key) = sample();
    sample.segments[0].lines[1] = sample.segments[0].lines[3].clone();
    sample.rechain((0, 1));
    check(&sample, &Measure::default()).unwrap();
    let fault = fault(check(&sample, &by_key(&key)));
    assert_eq!((fault.kind, fault.found), (FaultKind::Forged, Some(3)), "{fault}");
}

#[test]
fn a_rest_that_was_written_anew_is_found_by_a_checkpoint_kept_elsewhere() {
    let (good, _) = sample();
    let measure = by_kept([&good.segments[0].lines[2], &good.segments[1].lines[0]]);
    let summary = check(&good, &measure).unwrap();
    assert_eq!((summary.kept_checked, summary.kept_unchecked), (2, 0));
    assert!(summary.to_string().contains("2 checkpoints confirmed"), "{summary}");
    let mut bad = good.clone();
    bad.segments[0].lines[3] = bad.segments[0].lines[1].clone();
    bad.rechain((0, 3));
    let fault = fault(check(&bad, &measure));
    assert_eq!((fault.kind, fault.line, fault.found), (FaultKind::Changed, 4, Some(4)), "{fault}");
    assert!(fault.detail.contains("kept elsewhere"), "{fault}");
}

#[test]
fn what_is_cut_off_at_the_end_is_missed_by_a_checkpoint_kept_elsewhere() {
    let (good, _) = sample();
    let measure = by_kept(good.segments[1].lines.last());
    check(&good, &measure).unwrap();
    let mut bad = good.clone();
    bad.segments[1].lines.truncate(2);
    check(&bad, &Measure::default()).unwrap();
    let found = fault(check(&bad, &measure));
    assert_eq!((found.kind, found.expected, found.found), (FaultKind::CutOff, Some(7), Some(6)), "{found}");
    bad.segments.pop();
    assert_eq!(fault(check(&bad, &measure)).kind, FaultKind::CutOff);
    let mut bad = good.clone();
    bad.segments[1].lines.pop();
    assert_eq!(fault(check(&bad, &measure)).expected, Some(8), "its own line");
    bad.segments[1].lines.pop();
    let part = check(&bad, &Measure { partial: true, ..measure }).unwrap();
    assert_eq!((part.kept_checked, part.kept_unchecked), (0, 1));
    assert!(part.to_string().contains("1 not checked"), "{part}");
}

#[test]
fn a_checkpoint_of_another_trail_is_told() {
    let (sample, _) = sample();
    let mut other = TrailBuilder::new(None);
    other.start(None).push(&outcome()).stop();
    let found = fault(check(&sample, &by_kept(other.segments[0].lines.last())));
    assert!(found.detail.contains("another trail"), "{found}");
    for _ in 0..9 {
        other.start(None).stop();
    }
    let found = fault(check(&sample, &by_kept(other.segments[0].lines.last())));
    assert!(found.detail.contains("another trail"), "{found}");
}

#[test]
fn the_last_checkpoint_says_where_the_trail_begins() {
    let (mut sample, key) = sample();
    let early = sample.segments[0].lines[2].clone();
    let mut removed = sample.clone();
    removed.segments.remove(0);
    let found = fault(check(&removed, &Measure::default()));
    assert_eq!((found.kind, found.expected, found.found), (FaultKind::Missing, Some(1), Some(5)), "{found}");
    assert!(check(&removed, &Measure { partial: true, ..Measure::default() }).is_ok());

    sample.start(None).retire(1).stop();
    let summary = check(&sample, &by_key(&key)).unwrap();
    assert_eq!((summary.first_sequence, summary.first_kept, summary.crashes.len()), (Some(5), 5, 0));
    assert!(summary.to_string().contains("lines before 5 were removed"), "{summary}");
    // What was kept elsewhere of the lines that are gone says nothing any more; of the last of them it does.
    assert_eq!(check(&sample, &by_kept([&early])).unwrap().kept_unchecked, 1);
    assert_eq!(check(&sample, &by_kept([&sample.segments[0].lines[0]])).unwrap().kept_checked, 1);
}

#[test]
fn a_checkpoint_that_contradicts_its_place_is_a_change() {
    let (sample, _) = sample();
    for (from, to) in [
        ("\"sequence\":2", "\"sequence\":1"),
        ("\"first\":1", "\"first\":4"),
        ("\"first\":1", "\"first\":true"),
        (&*format!("\"trail\":\"{}\"", sample.trail), "\"trail\":\"00000000-0000-0000-0000-000000000000\""),
        ("\"hash\":\"", "\"hash\":\"0"),
        ("Z\",\"kind\"", "0Z\",\"kind\""),
    ] {
        let mut bad = sample.clone();
        let line = String::from_utf8(bad.segments[0].lines[2].clone()).unwrap();
        let changed = line.replacen(from, to, 1);
        assert_ne!(line, changed);
        bad.segments[0].lines[2] = changed.into_bytes();
        let rest = bad.segments[0].lines.split_off(3);
        bad.segments.truncate(1);
        assert!(!rest.is_empty());
        let found = fault(check(&bad, &Measure::default()));
        assert_eq!((found.kind, found.line), (FaultKind::Changed, 3), "{found}");
    }
}

/// No later line vouches for it, and the signature is of what it says, not of how.
#[test]
fn the_last_checkpoint_has_one_form() {
    let (sample, key) = sample();
    for (from, to) in [("\"open\":null", "\"open\": null"), ("\"open\":null", "\"open\":null,\"more\":1")] {
        let mut bad = sample.clone();
        let last = bad.segments[1].lines.last_mut().unwrap();
        *last = String::from_utf8(last.clone()).unwrap().replacen(from, to, 1).into_bytes();
        let found = fault(check(&bad, &by_key(&key)));
        assert_eq!((found.kind, found.found), (FaultKind::Changed, Some(8)), "{found}");
    }
}
