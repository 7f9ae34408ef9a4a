use std::path::Path;

use serde_json::Value;

use super::failure::{config, message};
use crate::domain::RequestId;
use crate::trail::segment::SegmentFile;
use crate::trail::tests::*;
use crate::trail::writing::lane::Message;
use crate::trail::writing::start;
use crate::trail::writing::writer::Writer;
use crate::trail::*;

/// Opens the trail as a run does that will not end well.
fn begin(directory: &Path) -> Writer {
    start::open(&config(directory)).unwrap().0
}

/// Puts the intent of a dissolve on record, and returns its request and its number.
fn announced(writer: &mut Writer) -> (RequestId, u64) {
    let record = intent();
    let Record::Intent(Intent { call, .. }) = &record else { unreachable!() };
    (call.request_id, written(writer, &record))
}

fn written(writer: &mut Writer, record: &Record) -> u64 {
    let (message, mut answer) = message(Durability::Sync);
    let change = record.change();
    writer.write([Message { payload: record.payload().unwrap(), change, ..message }].into_iter());
    answer.try_recv().unwrap().unwrap()
}

fn ended(writer: &mut Writer, id: RequestId) {
    let Record::Outcome(mut outcome) = outcome() else { unreachable!() };
    outcome.call.request_id = id;
    written(writer, &Record::Outcome(outcome));
}

/// What the last start has said of the runs before it.
fn recovered(directory: &Path) -> Value {
    start::open(&config(directory)).unwrap().0.finish().unwrap();
    let values = values(directory);
    let last_start = values.iter().rposition(|value| value["kind"] == "start").unwrap();
    verify(directory).unwrap();
    values[last_start + 1].clone()
}

fn unknown(lost: &[(RequestId, u64)]) -> Value {
    lost.iter().map(|(id, seq)| serde_json::json!({"intent": seq, "request_id": id})).collect()
}

#[test]
fn what_a_crash_left_open_is_closed_as_unknown_once() {
    let directory = tempfile::tempdir().unwrap();
    let mut writer = begin(directory.path());
    let (first, second) = (announced(&mut writer), announced(&mut writer));
    ended(&mut writer, first.0);
    let third = announced(&mut writer);
    drop(writer);
    let told = recovered(directory.path());
    assert_eq!((&told["kind"], &told["after"]), (&"recovered".into(), &"crash".into()));
    assert_eq!(told["unknown"], unknown(&[second, third]));
    // That run has ended well, and there is nothing more to say.
    assert_eq!(recovered(directory.path())["kind"], "checkpoint");
}

#[test]
fn a_crash_with_nothing_open_is_told_too() {
    let directory = tempfile::tempdir().unwrap();
    drop(begin(directory.path()));
    let told = recovered(directory.path());
    assert_eq!((&told["after"], &told["unknown"]), (&"crash".into(), &Value::Array(Vec::new())));
}

/// Only the last segment is read: the earlier one is damaged, and nobody minds.
#[test]
fn what_was_open_is_carried_into_the_next_segment() {
    let directory = tempfile::tempdir().unwrap();
    let mut writer = begin(directory.path());
    let (first, second) = (announced(&mut writer), announced(&mut writer));
    writer.rotate().unwrap();
    let third = announced(&mut writer);
    ended(&mut writer, first.0);
    drop(writer);
    let earlier = &segments(directory.path())[0];
    let whole = std::fs::read_to_string(earlier).unwrap();
    std::fs::write(earlier, "gone\n").unwrap();
    start::open(&config(directory.path())).unwrap().0.finish().unwrap();
    std::fs::write(earlier, whole).unwrap();
    verify(directory.path()).unwrap();
    let values = values(directory.path());
    let told = values.iter().find(|value| value["kind"] == "recovered").unwrap();
    assert_eq!(told["unknown"], unknown(&[second, third]));
}

/// A segment that took over from a failed one may have lost its checkpoint to the crash: then those before it are read.
#[test]
fn a_segment_that_does_not_say_what_was_open_leads_to_the_one_before() {
    let directory = tempfile::tempdir().unwrap();
    let mut writer = begin(directory.path());
    let (first, second) = (announced(&mut writer), announced(&mut writer));
    ended(&mut writer, first.0);
    let third = announced(&mut writer);
    ended(&mut writer, third.0);
    drop(writer);
    let all = lines(directory.path());
    // Before the end of the third.
    split(directory.path(), &[0, 6]);
    assert_eq!(all.len(), 7);
    assert_eq!(recovered(directory.path())["unknown"], unknown(&[second]));
    assert_eq!(segments(directory.path()).len(), 2);
}

/// Blocks reach the disk in any order: what was not synced may have holes of zeros.
#[test]
fn a_hole_in_what_was_not_synced_is_a_tear() {
    let directory = tempfile::tempdir().unwrap();
    let mut writer = begin(directory.path());
    let first = announced(&mut writer);
    for _ in 0..4 {
        ended(&mut writer, first.0);
    }
    drop(writer);
    let segment = &segments(directory.path())[0];
    let text = text(segment);
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let kept = lines[..3].concat();
    let mut holed = text.clone().into_bytes();
    let sector = kept.len().next_multiple_of(512);
    holed[kept.len()..sector + 512].fill(0);
    let holed = String::from_utf8(holed).unwrap();
    std::fs::write(segment, &holed).unwrap();
    let told = recovered(directory.path());
    assert_eq!(told["unknown"], unknown(&[first]));
    let start = values(directory.path()).into_iter().rfind(|value| value["kind"] == "start").unwrap();
    assert_eq!(start["torn"]["bytes"], holed.len() - kept.len());
    let aside = directory.path().join(start["torn"]["file"].as_str().unwrap());
    assert_eq!(std::fs::read_to_string(aside).unwrap(), holed[kept.len()..]);
}

#[test]
fn room_that_was_taken_ahead_is_no_tear() {
    let directory = tempfile::tempdir().unwrap();
    let mut config = config(directory.path());
    config.segments.preallocate = 1 << 20;
    let (mut writer, _) = start::open(&config).unwrap();
    announced(&mut writer);
    drop(writer);
    let segment = &segments(directory.path())[0];
    assert!(segment.metadata().unwrap().len() > 1 << 20);
    start::open(&config).unwrap().0.finish().unwrap();
    let start = values(directory.path()).into_iter().rfind(|value| value["kind"] == "start").unwrap();
    assert_eq!(start["torn"], Value::Null);
    assert_eq!(std::fs::read_to_string(segment).unwrap().find('\0'), None, "given back at the end");
    verify(directory.path()).unwrap();
}

#[test]
fn a_trail_keeps_its_id_and_what_it_has_announced_to_remove() {
    let directory = tempfile::tempdir().unwrap();
    let mut writer = begin(directory.path());
    announced(&mut writer);
    writer.rotate().unwrap();
    let live = values(directory.path()).last().unwrap()["seq"].as_u64().unwrap();
    writer.retire(live).unwrap();
    drop(writer);
    std::fs::remove_file(SegmentFile::new(directory.path(), 1).path).unwrap();
    recovered(directory.path());
    let values = values(directory.path());
    let id = &values[0]["trail"];
    for value in
        values.iter().filter(|value| ["start", "checkpoint"].contains(&value["kind"].as_str().unwrap()))
    {
        assert_eq!(&value["trail"], id, "{value}");
    }
    assert_eq!(values.last().unwrap()["first"], live);
}

/// Whoever leaves one made-up line in place of a trail does not get the gateway to say that all was well.
#[test]
fn a_trail_without_its_beginning_does_not_get_another() {
    let directory = tempfile::tempdir().unwrap();
    let mut line = Vec::new();
    let at = line::Position { next: 500, prev: LineHash::ZERO };
    at.append(&mut line, br#"{"time":"2026-11-23T00:00:00.000000Z","kind":"heartbeat"}"#);
    std::fs::write(SegmentFile::new(directory.path(), 500).path, line).unwrap();
    start::open(&config(directory.path())).unwrap().0.finish().unwrap();
    assert!(verify(directory.path()).is_err());
}

/// More than a crash can have left is not set aside: it is for `verify` to say what happened.
#[test]
fn a_hole_with_much_after_it_is_no_tear() {
    let directory = tempfile::tempdir().unwrap();
    drop(begin(directory.path()));
    let segment = &segments(directory.path())[0];
    let mut bytes = text(segment).into_bytes();
    bytes.resize(bytes.len().next_multiple_of(512) + 512, 0);
    bytes.resize(bytes.len() + (17 << 20), b'x');
    bytes.push(b'\n');
    std::fs::write(segment, &bytes).unwrap();
    let error = start::open(&config(directory.path())).unwrap_err().to_string();
    assert!(error.contains("confgate audit verify"), "{error}");
    assert_eq!(std::fs::read(segment).unwrap(), bytes);
}

/// A stop with something open is one of a gateway whose requests were cut off.
#[test]
fn what_a_stop_left_open_is_closed_too() {
    let directory = tempfile::tempdir().unwrap();
    let mut writer = begin(directory.path());
    let first = announced(&mut writer);
    writer.finish().unwrap();
    assert_eq!(recovered(directory.path())["unknown"], unknown(&[first]));
}
