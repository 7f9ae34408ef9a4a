//! Every operation on the file system fails once, in each way that it can, until a run has none left to fail.

use std::path::Path;

use serde_json::Value;

use super::failure::{config, message};
use crate::trail::segment::SegmentFile;
use crate::trail::tests::*;
use crate::trail::writing::failpoint::simulated::{Plan, with_plan};
use crate::trail::writing::lane::Message;
use crate::trail::writing::start;
use crate::trail::writing::writer::Writer;
use crate::trail::*;

/// What a caller of the scenario was told.
#[derive(Default)]
struct Told {
    /// Numbers of records that are on disk, and of those that are written, each with its request.
    synced: Vec<(u64, String)>,
    written: Vec<(u64, String)>,
    /// Requests whose intent was refused: the vendor has not seen them.
    refused: Vec<String>,
}

fn send(writer: &mut Writer, record: &Record, durability: Durability) -> Option<u64> {
    let (message, mut answer) = message(durability);
    let announces = matches!(record, Record::Intent(_));
    let change = record.change();
    writer.write([Message { payload: record.payload().unwrap(), announces, change, ..message }].into_iter());
    answer.try_recv().unwrap().ok()
}

/// One request: its intent on disk, then its outcome written.
fn request(writer: &mut Writer, told: &mut Told) {
    let intent = intent();
    let Record::Intent(Intent { call, .. }) = &intent else { unreachable!() };
    let id = call.request_id;
    match send(writer, &intent, Durability::Sync) {
        Some(seq) => told.synced.push((seq, id.to_string())),
        None => told.refused.push(id.to_string()),
    }
    let Record::Outcome(mut outcome) = outcome() else { unreachable!() };
    outcome.call.request_id = id;
    if let Some(seq) = send(writer, &Record::Outcome(outcome), Durability::Write) {
        told.written.push((seq, id.to_string()));
    }
}

/// A day in the life of a trail. Returns whether it was opened, and whether it was closed well.
fn scenario(directory: &Path, told: &mut Told) -> (bool, bool) {
    let mut config = config(directory);
    config.queue = 1000;
    config.segments.preallocate = 8 << 10;
    let Ok((mut writer, _)) = start::open(&config) else { return (false, false) };
    for day in 0..4 {
        request(&mut writer, told);
        writer.tick();
        request(&mut writer, told);
        if day == 1 && !writer.has_failed() {
            let rotated = writer.rotate();
            rotated.unwrap_or_else(|error| writer.fail(&error));
        }
        writer.tick();
    }
    let _ = writer.retire(1);
    writer.tick();
    writer.tick();
    (true, writer.finish().is_ok())
}

fn find<'a>(values: &'a [Value], kind: &str, id: &str) -> Vec<&'a Value> {
    values.iter().filter(|value| value["kind"] == kind && value["request_id"] == id).collect()
}

/// What must be true of the trail whatever failed, once it was opened again.
fn check(directory: &Path, told: &Told, plan: Plan) {
    verify(directory).unwrap_or_else(|error| panic!("{plan:?}: {error}"));
    let lines = lines_in_order(directory);
    for (seq, id) in told.synced.iter().chain(&told.written) {
        let line = lines.iter().find(|line| line["seq"] == *seq);
        assert_eq!(line.map(|line| &line["request_id"]), Some(&id.as_str().into()), "{plan:?}: {seq}");
    }
    for line in lines.iter().filter(|line| line["kind"] == "intent") {
        let id = line["request_id"].as_str().unwrap();
        assert_eq!(find(&lines, "intent", id).len(), 1, "{plan:?}: doubled");
        let lost = |line: &Value| {
            let unknown = line["unknown"].as_array();
            unknown.is_some_and(|unknown| unknown.iter().any(|lost| lost["request_id"] == id))
        };
        let ends = find(&lines, "outcome", id).len() + lines.iter().filter(|line| lost(line)).count();
        assert_eq!(ends, 1, "{plan:?}: {id} has {ends} ends");
    }
}

fn lines_in_order(directory: &Path) -> Vec<Value> {
    let mut reader = Lines::from(directory, 1);
    let mut values = Vec::new();
    while let Some(line) = reader.read().unwrap() {
        values.push(serde_json::from_slice(line.bytes).unwrap());
    }
    values
}

/// Runs the scenario under `plan`, then opens the trail once more with nothing in its way. Returns whether there was
/// an operation left to fail.
fn run(plan: Plan, nth: u32) -> bool {
    let directory = tempfile::tempdir().unwrap();
    let mut told = Told::default();
    let ((opened, closed), operations) = with_plan(plan, || scenario(directory.path(), &mut told));
    if operations < nth {
        assert!(opened && closed && told.refused.is_empty(), "{plan:?}");
    }
    if matches!(plan, Plan::Before(_) | Plan::After(_)) && opened {
        assert!(closed, "{plan:?}: one failure was not got over");
        assert!(told.refused.len() <= 1, "{plan:?}: {} were refused", told.refused.len());
    }
    let (writer, _) =
        start::open(&config(directory.path())).unwrap_or_else(|error| panic!("{plan:?}: {error}"));
    writer.finish().unwrap_or_else(|error| panic!("{plan:?}: {error}"));
    check(directory.path(), &told, plan);
    operations >= nth
}

fn run_all(plan: fn(u32) -> Plan) {
    let mut nth = 1;
    while run(plan(nth), nth) {
        nth += 1;
    }
    assert!(nth > 50, "only {nth} operations passed the seam");
}

#[test]
fn any_one_operation_may_fail_with_nothing_done() {
    run_all(Plan::Before);
}

#[test]
fn any_one_operation_may_fail_although_it_was_done() {
    run_all(Plan::After);
}

#[test]
fn the_process_may_be_killed_at_any_operation() {
    run_all(Plan::From);
}

#[test]
fn a_file_in_the_way_of_a_new_segment_is_moved_aside() {
    let directory = tempfile::tempdir().unwrap();
    let (mut writer, _) = start::open(&config(directory.path())).unwrap();
    let next = SegmentFile::new(directory.path(), 3).path;
    std::fs::write(&next, "in the way").unwrap();
    writer.rotate().unwrap();
    writer.finish().unwrap();
    verify(directory.path()).unwrap();
    let names = std::fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().path());
    let aside = names.into_iter().find(|path| path.to_string_lossy().contains(".left-")).unwrap();
    assert_eq!(std::fs::read_to_string(aside).unwrap(), "in the way");
}

/// A pod that comes back to a full volume: nothing of it is worse than when the volume is filled later.
#[test]
fn a_start_without_room_waits_for_it() {
    let directory = tempfile::tempdir().unwrap();
    let mut told = Told::default();
    let (opened, _) = with_plan(Plan::From(1), || {
        let (mut writer, observer) = start::open(&config(directory.path())).unwrap();
        request(&mut writer, &mut told);
        writer.tick();
        (writer, observer)
    });
    let (mut writer, observer) = opened;
    assert!(!observer.is_writable() && observer.status().last_error.is_some());
    assert_eq!((told.refused.len(), told.synced.len()), (1, 0), "what is announced nowhere");

    writer.tick();
    assert!(observer.is_writable());
    request(&mut writer, &mut told);
    writer.finish().unwrap();
    assert_eq!(told.synced.len(), 1);
    assert_eq!(kinds(directory.path()), ["start", "outcome", "recovered", "intent", "outcome", "stop"]);
    check(directory.path(), &told, Plan::From(1));
}

/// Killed while it wrote, into room that was taken ahead, and started anew on a disk that fails.
#[test]
fn a_torn_line_is_set_aside_whole_or_not_at_all() {
    let mut failed = 0;
    for at in 1.. {
        for plan in [Plan::Before(at), Plan::After(at)] {
            let directory = tempfile::tempdir().unwrap();
            let mut config = config(directory.path());
            config.segments.preallocate = 64 << 10;
            let (mut writer, _) = start::open(&config).unwrap();
            send(&mut writer, &intent(), Durability::Sync).unwrap();
            drop(writer);
            let segment = SegmentFile::list(directory.path()).unwrap().pop().unwrap().path;
            let text = std::fs::read_to_string(&segment).unwrap();
            let end = text.find('\0').unwrap();
            let torn = text[..end].to_owned() + "{\"v\":1,\"se" + &text[end + 10..];
            std::fs::write(&segment, torn).unwrap();

            let (opened, tried) = with_plan(plan, || start::open(&config).is_ok());
            if tried < at {
                assert!(failed > 4, "{failed} ways to fail");
                return;
            }
            let names = std::fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().path());
            let aside: Vec<_> = names.filter(|path| path.to_string_lossy().contains(".torn-")).collect();
            for path in &aside {
                assert_eq!(std::fs::read_to_string(path).unwrap(), "{\"v\":1,\"se", "{plan:?}");
            }
            if !opened {
                failed += 1;
                let kept = std::fs::read(&segment).unwrap();
                assert!(
                    kept.ends_with(b"{\"v\":1,\"se") || !aside.is_empty() || kept.contains(&0),
                    "{plan:?}"
                );
            }
        }
    }
}
