use std::ops::ControlFlow;
use std::path::Path;

use super::*;
use crate::trail::segment::{Encoding, SegmentFile};

fn found(directory: &Path, filter: &Filter) -> Vec<u64> {
    let mut found = Vec::new();
    let damage = search(directory, filter, |line, entry| {
        assert_eq!(line.sequence, entry.seq);
        found.push(line.sequence);
        ControlFlow::Continue(())
    });
    assert_eq!(damage.unwrap(), Damage::default());
    for count in [1, 2, 100] {
        let (last, _) = last(directory, filter, count).unwrap();
        let last: Vec<u64> = last.iter().map(|kept| kept.line().sequence).collect();
        assert_eq!(last, found[found.len().saturating_sub(count)..], "the last {count}");
    }
    found
}

/// Of each field that can be asked for, and what it finds.
fn filters() -> Vec<(Filter, Vec<u64>)> {
    let any = Filter::default;
    let tenant = |name| vec![TenantId::parse(name).unwrap()];
    let conference = |id| vec![ConferenceId::parse(id).unwrap()];
    vec![
        (any(), (1..=9).collect()),
        (Filter { tenants: tenant("crm"), ..any() }, vec![2, 3, 6, 7, 9]),
        (Filter { tenants: [tenant("crm"), tenant("acme")].concat(), ..any() }, vec![2, 3, 4, 5, 6, 7, 9]),
        (Filter { tenants: tenant("cr"), ..any() }, vec![]),
        (Filter { tenants: tenant("acme"), actions: vec![Action::Dissolve], ..any() }, vec![4, 5]),
        (Filter { tenants: tenant("acme"), actions: vec![Action::Get], ..any() }, vec![]),
        (Filter { subjects: vec!["huangcl".into()], ..any() }, vec![2, 3, 4, 5, 6, 7, 9]),
        (Filter { subjects: vec!["huangc".into()], ..any() }, vec![]),
        (Filter { conferences: conference("OTHER"), ..any() }, vec![3]),
        (Filter { decisions: vec![Decision::Allowed], ..any() }, vec![3, 6, 9]),
        (Filter { decisions: vec![Decision::Refused], ..any() }, vec![4, 7]),
        (Filter { reasons: vec![Code::TenantRateLimited], ..any() }, vec![7]),
        (Filter { reasons: vec![Code::TenantRateLimited, Code::ScopeMissing], ..any() }, vec![4, 7]),
        (Filter { statuses: vec![400..=499], ..any() }, vec![4, 7]),
        (Filter { statuses: vec![200..=200, 403..=403], ..any() }, vec![3, 4, 6, 9]),
        (Filter { kinds: vec![Kind::Intent, Kind::Start], ..any() }, vec![1, 2, 5]),
        (Filter { requests: vec![id(1, 1)], ..any() }, vec![2, 3]),
        (Filter { requests: vec![id(60, 5)], ..any() }, vec![5, 8]),
        (Filter { requests: vec![id(74, 100)], ..any() }, vec![7]),
        (Filter { unknown: true, ..any() }, vec![8]),
        (Filter { since: Some(minute(61)), ..any() }, vec![6, 7, 8, 9]),
        (Filter { until: Some(minute(61)), ..any() }, vec![1, 2, 3, 4, 5]),
        (Filter { since: Some(minute(3)), until: Some(minute(62)), ..any() }, vec![4, 5, 6]),
        (Filter { since: Some(minute(3)), decisions: vec![Decision::Refused], ..any() }, vec![4, 7]),
        (Filter { since: Some(minute(500)), ..any() }, vec![]),
        (Filter { until: Some(minute(0)), ..any() }, vec![]),
    ]
}

#[test]
fn a_filter_finds_what_it_asks_for_and_nothing_else() {
    let directory = two_hours_trail();
    for (filter, expected) in filters() {
        assert_eq!(found(directory.path(), &filter), expected, "{filter:?}");
    }
}

#[test]
fn compressed_segments_are_searched_like_others() {
    let directory = two_hours_trail();
    for first in [1, 5] {
        let plain = SegmentFile::new(directory.path(), first).path;
        let packed = zstd::encode_all(std::fs::File::open(&plain).unwrap(), 3).unwrap();
        std::fs::write(SegmentFile::encoded(directory.path(), first, Encoding::Zstd).path, packed).unwrap();
        std::fs::remove_file(plain).unwrap();
    }
    for (filter, expected) in filters() {
        assert_eq!(found(directory.path(), &filter), expected, "{filter:?}");
    }
}

/// What lies outside of the time that is asked for may be anything: it is not looked at.
#[test]
fn segments_outside_of_the_time_are_not_read() {
    let directory = two_hours_trail();
    // Ten minutes earlier and later are looked at too.
    let middle = Filter { since: Some(minute(71)), until: Some(minute(100)), ..Filter::default() };
    let broken = |first: u64, kept: &str| {
        let path = SegmentFile::new(directory.path(), first).path;
        let line = std::fs::read_to_string(&path).unwrap().split_inclusive('\n').next().unwrap().to_owned();
        std::fs::write(path, format!("{line}{kept}\n")).unwrap();
    };
    broken(1, "broken");
    broken(8, "broken");
    assert_eq!(found(directory.path(), &middle), [7]);
    let damage = search(directory.path(), &Filter::default(), |_, _| ControlFlow::Continue(())).unwrap();
    assert_eq!(damage.lines, 2);
    let first = damage.first.unwrap();
    assert!(first.contains("line 2 of ") && first.contains("audit-00000000000000000001.jsonl"), "{first}");
}

#[test]
fn what_is_no_record_is_passed_over_and_told() {
    let directory = two_hours_trail();
    let path = SegmentFile::new(directory.path(), 5).path;
    let text = std::fs::read_to_string(&path).unwrap();
    // Of the time that is asked for, with a sequence, and still no record.
    let broken = text.replacen("\"count\":1000", "\"count\":\"x\"", 1);
    assert_ne!(broken, text);
    std::fs::write(path, broken).unwrap();
    let mut found = Vec::new();
    let damage = search(directory.path(), &Filter::default(), |line, _| {
        found.push(line.sequence);
        ControlFlow::Continue(())
    });
    assert_eq!(found, [1, 2, 3, 4, 5, 6, 8, 9]);
    assert!(damage.unwrap().first.unwrap().contains("line 3 of "));
}

#[test]
fn a_body_that_looks_like_a_member_finds_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let body = serde_json::value::RawValue::from_string(r#"{"tenant":"acme"}"#.into()).unwrap();
    let call = request(id(1, 1), "crm", Action::Create);
    let intent = Record::Intent(Intent { time: minute(1), call, body: Some(body) });
    trail_of(directory.path(), &[intent], &[]);
    let acme = Filter { tenants: vec![TenantId::parse("acme").unwrap()], ..Filter::default() };
    assert!(found(directory.path(), &acme).is_empty());
}

#[test]
fn a_large_segment_is_entered_near_the_time_that_is_asked_for() {
    let directory = tempfile::tempdir().unwrap();
    let outcome = |at| Record::Outcome(allowed(at, &request(id(at, 1), "crm", Action::Get), 1));
    let records: Vec<Record> = (0..6_000).map(outcome).collect();
    trail_of(directory.path(), &records, &[]);
    // Zeros after the last line, as in a segment that is written to.
    let path = SegmentFile::new(directory.path(), 1).path;
    let file = std::fs::OpenOptions::new().write(true).open(path).unwrap();
    file.set_len(file.metadata().unwrap().len() + (1 << 20)).unwrap();
    for at in [0, 1, 3_000, 5_999, 6_010] {
        let late = Filter { since: Some(minute(at)), ..Filter::default() };
        let expected: Vec<u64> = (u64::try_from(at).unwrap() + 1..=6_000).collect();
        assert_eq!(found(directory.path(), &late), expected, "{at}");
    }
    let mut lines = Lines::since(directory.path(), minute(5_000));
    let first = lines.read().unwrap().unwrap();
    assert!((3_000..=5_001).contains(&first.sequence), "{}", first.sequence);
    assert_eq!(first.number, first.sequence);
}

#[test]
fn a_story_goes_from_the_intent_to_whatever_ended_it() {
    let directory = two_hours_trail();
    let told = |id| {
        let (lines, damage) = story(directory.path(), id).unwrap();
        assert_eq!(damage, Damage::default());
        let place = |kept: &KeptLine| {
            let line = kept.line();
            let file = line.file.file_name().unwrap().to_str().unwrap().to_owned();
            (line.sequence, file, line.number)
        };
        lines.iter().map(place).collect::<Vec<_>>()
    };
    let (first, second, third) = (
        "audit-00000000000000000001.jsonl".to_owned(),
        "audit-00000000000000000005.jsonl".to_owned(),
        "audit-00000000000000000008.jsonl".to_owned(),
    );
    assert_eq!(told(id(1, 1)), [(2, first.clone(), 2), (3, first.clone(), 3)]);
    assert_eq!(told(id(3, 4)), [(4, first, 4)]);
    // Two hours later, in another segment.
    assert_eq!(told(id(60, 5)), [(5, second.clone(), 1), (8, third, 1)]);
    assert_eq!(told(id(75, 101)), [(7, second, 3)]);
    assert_eq!(told(id(61, 77)), []);
}
