//! Everything arrives, in order, from where the consumer was.

use std::time::Duration;

use serde_json::{Value, json};

use super::{create, cursor, of, shipping_to};
use crate::support::receiver::{Receiver, lines_of, once_each};
use crate::support::server::{Gate, Reply};
use crate::support::world::World;

/// Recomputed by another program than the one under test.
fn sha256sum(line: &str) -> String {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), line).unwrap();
    let output = std::process::Command::new("sha256sum").arg(file.path()).output().unwrap();
    String::from_utf8(output.stdout[..64].to_vec()).unwrap()
}

#[tokio::test]
async fn every_line_arrives_as_it_is_with_what_tells_its_place() {
    let receiver = Receiver::start().await;
    let mut world = shipping_to(&receiver, &[]).await;
    let (first, last) = (create(&world).await, create(&world).await);
    receiver.until_told("intent", &first).await;
    receiver.until_told("intent", &last).await;
    assert_eq!(world.vendor.calls().len(), 2);
    assert!(!world.ended().await);
    assert_eq!(receiver.taken(), world.trail.lines());
    let mut next = 1;
    for batch in receiver.batches() {
        let lines = lines_of(&batch);
        assert_eq!((batch.method.as_str(), batch.path.as_str()), ("POST", "/trail"));
        let header = |name: &str| batch.headers.get(name).unwrap_or_else(|| panic!("no {name}")).to_owned();
        assert_eq!(header("content-type"), "application/x-ndjson");
        assert_eq!(
            (header("confgate-consumer"), header("confgate-form")),
            ("siem".into(), "confgate".into())
        );
        assert_eq!(header("confgate-first-sequence"), next.to_string());
        next += lines.len();
        assert_eq!(header("confgate-last-sequence"), (next - 1).to_string());
        assert_eq!(header("confgate-last-hash"), sha256sum(&format!("{}\n", lines.last().unwrap())));
        assert_eq!(batch.headers.get("authorization"), None);
    }
    let end = world.trail.records().last().unwrap().clone();
    assert_eq!(cursor(&world).unwrap()["sequence"], end["seq"]);
}

#[tokio::test]
async fn a_receiver_that_wants_an_array_gets_one_of_the_same_records() {
    let receiver = Receiver::start().await;
    let mut world = shipping_to(&receiver, &[("AUDIT__SHIP__SIEM__FRAMING", "array")]).await;
    let (first, last) = (create(&world).await, create(&world).await);
    assert_ne!(first, last);
    assert!(!world.ended().await);
    assert_eq!(world.vendor.calls().len(), 2);
    assert!(!receiver.batches().is_empty());
    for batch in receiver.batches() {
        assert_eq!(batch.headers.get("content-type"), Some("application/json"));
        assert!(batch.body.starts_with(b"[{") && batch.body.ends_with(b"}]"));
    }
    assert_eq!(receiver.taken(), world.trail.lines());
}

#[tokio::test]
async fn it_goes_on_after_restarts_where_it_was() {
    let receiver = Receiver::start().await;
    let mut world = shipping_to(&receiver, &[]).await;
    for _ in 0..3 {
        create(&world).await;
        world = world.restarted().await;
    }
    assert!(!world.ended().await);
    // Each run ended in good order, so nothing came twice either.
    assert_eq!(receiver.taken(), world.trail.lines());
    assert!(receiver.taken().iter().filter(|line| line.contains("\"kind\":\"stop\"")).count() == 4);
}

#[tokio::test]
async fn it_follows_the_trail_into_every_segment() {
    let receiver = Receiver::start().await;
    let rotation = [
        ("AUDIT__SEGMENTS__MAX_SIZE", "64KiB"),
        ("AUDIT__SEGMENTS__COMPRESSION", "zstd"),
        ("AUDIT__SHIP__SIEM__BATCH_RECORDS", "7"),
    ];
    let mut world = shipping_to(&receiver, &rotation).await;
    let mut last = String::new();
    for _ in 0..100 {
        last = create(&world).await;
    }
    receiver.until_told("intent", &last).await;
    assert!(!world.ended().await);
    let sequences: Vec<u64> = receiver.taken().iter().map(|line| sequence(line)).collect();
    assert_eq!(sequences, (1..=sequences.len() as u64).collect::<Vec<_>>());
    let files = std::fs::read_dir(world.trail_directory()).unwrap();
    let segments =
        files.filter(|file| file.as_ref().unwrap().file_name().to_str().unwrap().starts_with("audit-"));
    assert!(segments.count() >= 2);
    assert!(receiver.batches().iter().all(|batch| lines_of(batch).len() <= 7));
}

fn sequence(line: &str) -> u64 {
    serde_json::from_str::<Value>(line).unwrap()["seq"].as_u64().unwrap()
}

#[tokio::test]
async fn a_new_consumer_begins_where_it_is_told_to() {
    let (all, new) = (Receiver::start().await, Receiver::start().await);
    let url = new.url();
    let keys = [
        ("AUDIT__SHIP__NEW__SINK", "http"),
        ("AUDIT__SHIP__NEW__URL", url.as_str()),
        ("AUDIT__SHIP__NEW__FROM", "now"),
    ];
    let world = shipping_to(&all, &keys).await;
    let id = create(&world).await;
    let intent = world.trail.intent_of(&id).await;
    // The start of the gateway was before.
    let taken = new.until_told("intent", &id).await;
    assert_eq!(sequence(&taken[0]), intent["seq"]);
    assert_eq!(sequence(&all.until_told("intent", &id).await[0]), 1);
    assert_eq!(of(&world.status().await, "new")["form"], "confgate");
    // That is its place from then on, and no later start moves it.
    let mut world = world.restarted().await;
    assert!(!world.ended().await);
    let begins = world.trail.records().iter().position(|record| *record == intent).unwrap();
    assert_eq!(new.taken(), world.trail.lines()[begins..]);
}

#[tokio::test]
async fn the_cursor_stays_where_it_is_until_the_batch_is_acknowledged() {
    let receiver = Receiver::start().await;
    let gate = Gate::closed();
    receiver.script(Reply::status(204).behind(&gate));
    let world = shipping_to(&receiver, &[]).await;
    create(&world).await;
    let batches = receiver.wait_for_batches(1).await;
    assert!(!lines_of(&batches[0]).is_empty());
    assert_eq!(cursor(&world), None);
    let status = world.status().await;
    assert_eq!(
        (&of(&status, "siem")["sequence"], &of(&status, "siem")["shipped_records"]),
        (&json!(0), &json!(0))
    );
    assert!(of(&status, "siem")["lag_records"].as_u64() > Some(0), "{status}");
    gate.open();
    world
        .until_status("an acknowledged batch", |status| of(status, "siem")["sequence"].as_u64() > Some(0))
        .await;
    assert!(cursor(&world).unwrap()["sequence"].as_u64() > Some(0));
}

#[tokio::test]
async fn what_is_measured_agrees_with_what_arrived() {
    let receiver = Receiver::start().await;
    let world = shipping_to(&receiver, &[]).await;
    create(&world).await;
    // The outcome is on disk with the next checkpoint.
    world
        .until_status("everything on disk to be shipped", |status| {
            let (siem, trail) = (of(status, "siem"), &status["trail"]);
            siem["sequence"].as_u64() >= Some(3) && siem["sequence"] == trail["synced_sequence"]
        })
        .await;
    let status = world.status().await;
    let siem = of(&status, "siem");
    assert_eq!((&siem["lag_records"], &siem["lag_seconds"]), (&json!(0), &json!(0.0)), "{siem}");
    assert_eq!((&siem["failures"], &siem["last_error"]), (&json!(0), &Value::Null));
    let shipped = world.metric(r#"confgate_audit_shipped_records_total{consumer="siem"}"#).await;
    assert!(shipped >= 3.0);
    assert_eq!(world.metric(r#"confgate_audit_ship_lag_records{consumer="siem"}"#).await.to_string(), "0");
    assert_eq!(world.metric(r#"confgate_audit_ship_lag_seconds{consumer="siem"}"#).await.to_string(), "0");
    assert_eq!(world.metric(r#"confgate_audit_ship_failures_total{consumer="siem"}"#).await.to_string(), "0");
}

#[tokio::test]
async fn every_form_of_what_really_happened_can_be_checked_for_gaps() {
    let (ocsf, ecs) = (Receiver::start().await, Receiver::start().await);
    let (ocsf_url, ecs_url) = (ocsf.url(), ecs.url());
    let mut world = World::with(&[
        ("AUDIT__SHIP__O__SINK", "http"),
        ("AUDIT__SHIP__O__URL", &ocsf_url),
        ("AUDIT__SHIP__O__FORM", "ocsf"),
        ("AUDIT__SHIP__E__SINK", "http"),
        ("AUDIT__SHIP__E__URL", &ecs_url),
        ("AUDIT__SHIP__E__FORM", "ecs"),
    ])
    .await;
    create(&world).await;
    assert_eq!(world.call("DELETE", "/conferences/IM3/yangss", "").await.status, 200);
    assert_eq!(world.call_as("Bearer x", "GET", "/conferences/IM3", "").await.status, 401);
    assert!(!world.ended().await);
    let records = world.trail.records();
    for (receiver, sequence, hash, prev, kind) in [
        (&ocsf, "/metadata/sequence", "/metadata/uid", "/unmapped/prev", "/metadata/event_code"),
        (&ecs, "/event/sequence", "/event/hash", "/confgate/prev", "/confgate/kind"),
    ] {
        let events: Vec<Value> =
            receiver.taken().iter().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(events.len(), records.len());
        let at = |event: &Value, path: &str| {
            event.pointer(path).unwrap_or_else(|| panic!("{path}: {event}")).clone()
        };
        for (event, record) in events.iter().zip(&records) {
            assert_eq!(
                (at(event, sequence), at(event, kind)),
                (record["seq"].clone(), record["kind"].clone())
            );
            assert_eq!(at(event, prev), record["prev"]);
        }
        assert!(events.windows(2).all(|pair| at(&pair[1], prev) == at(&pair[0], hash)));
    }
}

#[tokio::test]
async fn records_are_kept_until_every_consumer_has_them() {
    let (quick, slow) = (Receiver::start().await, Receiver::start().await);
    slow.answer_with(Some(Reply::status(503)));
    let slow_url = slow.url();
    let keys = [
        ("AUDIT__SHIP__SLOW__SINK", "http"),
        ("AUDIT__SHIP__SLOW__URL", slow_url.as_str()),
        ("AUDIT__SHIP__SLOW__MAX_BACKOFF", "1s"),
        ("AUDIT__SEGMENTS__MAX_SIZE", "64KiB"),
        ("AUDIT__RETENTION__MAX_SIZE", "128KiB"),
        ("AUDIT__SEGMENTS__PREALLOCATE", "0B"),
    ];
    let world = shipping_to(&quick, &keys).await;
    let mut last = String::new();
    for _ in 0..250 {
        last = create(&world).await;
    }
    quick.until_told("intent", &last).await;
    let held_back = |status: &Value| status["trail_directory"]["held_back"] == true;
    world.until_status("segments that are held back", held_back).await;
    assert_eq!(sequence(&world.trail.lines()[0]), 1);
    slow.answer_with(None);
    let taken = slow.until_told("intent", &last).await;
    let sequences: Vec<u64> = taken.iter().map(|line| sequence(line)).collect();
    assert_eq!(sequences, (1..=sequences.len() as u64).collect::<Vec<_>>());
    assert_eq!(once_each(&taken), taken);
}

#[tokio::test]
async fn a_burst_is_a_few_batches_and_not_one_for_each_record() {
    let receiver = Receiver::start().await;
    let world = shipping_to(&receiver, &[]).await;
    let begun = std::time::Instant::now();
    let mut last = String::new();
    for _ in 0..40 {
        last = create(&world).await;
    }
    receiver.until_told("intent", &last).await;
    let most = 3 + begun.elapsed().as_millis() / Duration::from_millis(200).as_millis();
    assert!((receiver.batches().len() as u128) <= most, "{} batches", receiver.batches().len());
}
