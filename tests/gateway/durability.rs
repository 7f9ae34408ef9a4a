//! How firmly what is on record, by the class of the request: what is waited for, and what a trail that cannot be
//! written stops.

use std::fs;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::support::CREATE;
use crate::support::client::{self, Answer};
use crate::support::server::{Gate, Reply};
use crate::support::trail::Trail;
use crate::support::world::World;

const PATH: &str = "/conferences/IM3";

const MUTATIONS: &str = "AUDIT__DURABILITY__MUTATIONS";
const READS: &str = "AUDIT__DURABILITY__READS";
const REFUSALS: &str = "AUDIT__DURABILITY__REFUSALS";
/// More than the trail puts on disk of its own accord while a test lasts, which is about once a second.
const MANY: u64 = 20;

async fn world(changes: &[(&str, &str)]) -> World {
    World::with(changes).await
}

async fn syncs(world: &World) -> u64 {
    world.status().await["trail"]["syncs"].as_u64().unwrap()
}

/// Whether each of [`MANY`] was put on disk by itself, since there were so many `before`.
async fn each_was_synced(world: &World, before: u64) -> bool {
    syncs(world).await - before >= MANY
}

/// What the file has of a request now, without being waited for.
fn in_file(trail: &Trail, kind: &str, answer: &Answer) -> bool {
    let id = answer.request_id();
    trail.records().iter().any(|record| record["kind"] == kind && record["request_id"] == id)
}

async fn refused(world: &World) -> Answer {
    client::send(world.address, "GET", PATH, &[], "").await
}

#[tokio::test]
async fn an_intent_is_as_firm_as_is_configured_when_the_vendor_sees_the_call() {
    for level in ["sync", "write", "queue"] {
        let world = world(&[(MUTATIONS, level)]).await;
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (trail, sightings) = (Trail::new(&world.trail_directory()), Arc::clone(&seen));
        world.vendor.when_called(move |_| {
            let intents = trail.records().iter().filter(|record| record["kind"] == "intent").count();
            sightings.lock().unwrap().push(intents);
        });
        let before = syncs(&world).await;
        let answer = world.call("POST", "/conferences", CREATE).await;
        let written = in_file(&world.trail, "outcome", &answer);
        assert_eq!(answer.status, 200, "{level}");
        let intent = world.trail.intent_of(answer.request_id()).await;
        let outcome = world.trail.outcome_of(answer.request_id()).await;
        assert_eq!(outcome["decision"], "allowed", "{level}");
        if level == "queue" {
            assert_eq!(outcome["intent"], Value::Null, "nobody waited to learn its number");
            assert!(intent["seq"].as_u64() < outcome["seq"].as_u64());
        } else {
            assert_eq!((&outcome["intent"], written), (&intent["seq"], true), "{level}");
            assert_eq!(*seen.lock().unwrap(), [1], "{level}");
        }
        for _ in 1..MANY {
            assert_eq!(world.call("DELETE", PATH, "").await.status, 200);
        }
        assert_eq!(each_was_synced(&world, before).await, level == "sync", "{level}");
        assert_eq!(world.vendor.calls().len() as u64, MANY);
    }
}

#[tokio::test]
async fn a_read_is_as_firm_as_is_configured_when_the_caller_has_the_answer() {
    for level in ["sync", "write", "queue"] {
        let world = world(&[(READS, level)]).await;
        let before = syncs(&world).await;
        for _ in 0..MANY {
            let answer = world.call("GET", PATH, "").await;
            assert!(level == "queue" || in_file(&world.trail, "outcome", &answer), "{level}");
            assert_eq!(answer.status, 200);
            let outcome = world.trail.outcome_of(answer.request_id()).await;
            assert_eq!((&outcome["decision"], &outcome["status"]), (&"allowed".into(), &200.into()));
        }
        assert_eq!(each_was_synced(&world, before).await, level == "sync", "{level}");
        assert_eq!(world.vendor.calls().len() as u64, MANY);
    }
}

#[tokio::test]
async fn reads_that_are_off_leave_no_record_and_are_counted() {
    let mut world = world(&[(READS, "off"), ("UPSTREAM__FIRST_BYTE_TIMEOUT", "1s")]).await;
    let read = world.call("GET", PATH, "").await;
    assert_eq!(read.status, 200);
    // On a connection that breaks after it was used before, the get would be sent once more.
    world.vendor.script(Reply::hang());
    let failed = world.call("GET", PATH, "").await;
    assert_eq!(failed.problem(), "vendor_timeout");
    let without_token = refused(&world).await;
    let outcome = world.trail.outcome_of(without_token.request_id()).await;
    assert_eq!((&outcome["decision"], &outcome["reason"]), (&"refused".into(), &"token_missing".into()));
    let create = world.call("POST", "/conferences", CREATE).await;
    world.trail.outcome_of(create.request_id()).await;
    let metrics = world.metrics().await;
    for code in ["ok", "vendor_timeout", "token_missing"] {
        let counted = format!(r#"confgate_requests_total{{action="get",code="{code}"}} 1"#);
        assert!(metrics.lines().any(|line| line == counted), "{counted} is not in\n{metrics}");
    }
    assert!(!world.ended().await);
    let outcomes = world.trail.records().into_iter().filter(|record| record["kind"] == "outcome");
    let ids: Vec<_> = outcomes.map(|outcome| outcome["request_id"].clone()).collect();
    assert_eq!(ids, [without_token.request_id(), create.request_id()]);
    assert_eq!(world.vendor.calls().len(), 3);
}

#[tokio::test]
async fn a_refusal_is_as_firm_as_is_configured_when_the_caller_has_the_answer() {
    for level in ["sync", "write"] {
        let world = world(&[(REFUSALS, level), ("AUDIT__FLOODS__INDIVIDUALLY", "5")]).await;
        let before = syncs(&world).await;
        for _ in 0..MANY {
            let answer = refused(&world).await;
            assert_eq!(answer.problem(), "token_missing");
            assert!(in_file(&world.trail, "outcome", &answer), "{level}: each, however many");
        }
        assert_eq!(each_was_synced(&world, before).await, level == "sync", "{level}");
        let malformed = client::send(world.address, "GET", "bad path", &[], "").await;
        assert_eq!(malformed.problem(), "request_malformed");
        world.trail.outcome_of(malformed.request_id()).await;
        assert_eq!(world.vendor.calls().len(), 0);
    }
}

/// Has the trail's directory taken away, and gives what brings it back.
async fn without_trail(world: &World) -> impl FnOnce() {
    let directory = world.trail_directory();
    let away = directory.with_extension("away");
    fs::rename(&directory, &away).unwrap();
    world.until_readyz(503).await;
    move || fs::rename(&away, &directory).unwrap()
}

fn is_unavailable(answer: &Answer) -> bool {
    if answer.status != 503 {
        return false;
    }
    assert_eq!(answer.problem(), "audit_unavailable");
    assert!(answer.header("retry-after").is_some(), "{}", answer.text());
    true
}

#[tokio::test]
async fn without_a_trail_nothing_is_changed_whatever_is_configured() {
    for level in ["sync", "write", "queue"] {
        let world = world(&[(MUTATIONS, level)]).await;
        let restore = without_trail(&world).await;
        let answer = world.call("POST", "/conferences", CREATE).await;
        assert!(is_unavailable(&answer), "{level}: {}", answer.text());
        assert_eq!(world.vendor.calls().len(), 0, "{level}");
        restore();
        world.until_ready().await;
        let outcome = world.trail.outcome_of(answer.request_id()).await;
        assert_eq!((&outcome["reason"], &outcome["attempts"]), (&"audit_unavailable".into(), &0.into()));
        assert_eq!(world.call("POST", "/conferences", CREATE).await.status, 200, "{level}");
    }
}

#[tokio::test]
async fn without_a_trail_reads_go_on_by_their_class() {
    for (level, goes_on) in [("sync", false), ("write", false), ("queue", true), ("off", true)] {
        let world = world(&[(READS, level)]).await;
        let restore = without_trail(&world).await;
        let answer = world.call("GET", PATH, "").await;
        assert_eq!(is_unavailable(&answer), !goes_on, "{level}: {}", answer.text());
        assert_eq!(world.vendor.calls().len(), usize::from(goes_on), "{level}");
        let without_token = refused(&world).await;
        assert_eq!(without_token.problem(), "token_missing", "{level}: another class");
        restore();
        world.until_ready().await;
        let outcome = world.trail.outcome_of(without_token.request_id()).await;
        assert_eq!(outcome["status"], 401);
        if level != "off" {
            assert_eq!(world.trail.outcome_of(answer.request_id()).await["status"], answer.status, "{level}");
        }
    }
}

#[tokio::test]
async fn without_a_trail_refusals_are_told_by_their_class() {
    for (level, goes_on) in [("sync", false), ("write", false), ("queue", true)] {
        let world = world(&[(REFUSALS, level)]).await;
        let restore = without_trail(&world).await;
        let answer = refused(&world).await;
        assert_eq!(is_unavailable(&answer), !goes_on, "{level}: {}", answer.text());
        let create = world.call("POST", "/conferences", CREATE).await;
        assert!(create.text().contains("nothing was changed"), "{}", create.text());
        assert_eq!(world.call("GET", PATH, "").await.status, 200, "{level}: another class");
        restore();
        world.until_ready().await;
        // What was decided is kept, whatever the caller was told.
        assert_eq!(world.trail.outcome_of(answer.request_id()).await["reason"], "token_missing", "{level}");
        assert_eq!(world.vendor.calls().len(), 1);
    }
}

#[tokio::test]
async fn a_read_whose_record_fails_is_not_answered_and_not_lost() {
    let world = world(&[(READS, "write")]).await;
    let gate = Gate::closed();
    world.vendor.script(Reply::json(200, &json!({"error": 0})).behind(&gate));
    let breaking = async {
        world.vendor.wait_for(1).await;
        let directory = world.trail_directory();
        let away = directory.with_extension("away");
        fs::rename(&directory, &away).unwrap();
        gate.open();
        (directory, away)
    };
    let (answer, (directory, away)) = tokio::join!(world.call("GET", PATH, ""), breaking);
    assert!(is_unavailable(&answer), "{}", answer.text());
    assert!(answer.text().contains("what was read"), "{}", answer.text());
    fs::rename(&away, &directory).unwrap();
    world.until_ready().await;
    let outcome = world.trail.outcome_of(answer.request_id()).await;
    assert_eq!((&outcome["decision"], &outcome["vendor_status"]), (&"allowed".into(), &200.into()));
}

#[tokio::test]
async fn reads_that_are_off_go_on_without_any_room_in_the_trail() {
    let world = world(&[(READS, "off"), ("AUDIT__QUEUE", "64"), ("LISTEN__WORKERS", "1")]).await;
    let restore = without_trail(&world).await;
    let mut on_record = 0;
    while refused(&world).await.problem() == "token_missing" {
        on_record += 1;
        assert!(on_record < 500, "the trail has no bound");
    }
    for _ in 0..10 {
        assert_eq!(world.call("GET", PATH, "").await.status, 200);
    }
    assert!(is_unavailable(&refused(&world).await), "a refusal is to be on record");
    assert_eq!(world.vendor.calls().len(), 10);
    restore();
    world.until_ready().await;
    let all = |records: &[Value]| {
        let outcomes = records.iter().filter(|record| record["kind"] == "outcome");
        (outcomes.count() == on_record).then_some(())
    };
    world.trail.wait_until("what had room", all).await;
}
