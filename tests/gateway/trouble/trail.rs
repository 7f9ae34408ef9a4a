//! The trail as the world sees it: before the vendor, before the caller, and when it cannot be written.

use std::fs;
use std::sync::{Arc, Mutex};

use confgate::trail::verify;
use confgate::trail::verify::{FaultKind, Measure, VerifyError, verify_by};
use serde_json::{Value, json};

use super::{PATH, count, passed_on, refused};
use crate::support::CREATE;
use crate::support::server::{Gate, Reply};
use crate::support::trail::Trail;
use crate::support::world::World;

#[tokio::test]
async fn the_intent_is_in_the_file_before_the_vendor_sees_the_call() {
    let world = World::start().await;
    let seen = Arc::new(Mutex::new(Vec::new()));
    let (trail, sightings) = (Trail::new(&world.trail_directory()), Arc::clone(&seen));
    world.vendor.when_called(move |call| {
        sightings.lock().unwrap().push((call.method.clone(), trail.records().last().unwrap().clone()));
    });
    let password = r#"{"confrType":12,"password":"canary"}"#;
    let calls =
        [("POST", "/conferences", password), ("DELETE", PATH, ""), ("DELETE", "/conferences/IM3/YangSS", "")];
    let mut ids = Vec::new();
    for (method, path, body) in calls {
        let answer = world.call(method, path, body).await;
        // Nothing is waited for here: the outcome is in the file before the caller has the answer.
        let last = world.trail.records().last().unwrap().clone();
        assert_eq!((&last["kind"], &last["request_id"]), (&"outcome".into(), &answer.request_id().into()));
        ids.push(answer.request_id().to_owned());
    }
    let seen = seen.lock().unwrap();
    for (((method, last), id), action) in seen.iter().zip(&ids).zip(["create", "dissolve", "kick"]) {
        assert_eq!((&last["kind"], &last["request_id"]), (&"intent".into(), &id.as_str().into()), "{method}");
        assert_eq!((&last["action"], &last["tenant"]), (&action.into(), &"crm".into()));
    }
    assert_eq!(seen[0].1["body"], json!({"confrType": 12, "creator": "huangcl"}));
    assert_eq!((&seen[1].1["conference"], &seen[1].1["body"]), (&"IM3".into(), &Value::Null));
    assert_eq!(seen[2].1["user"], "yangss");
    assert_eq!(seen.len(), 3);
}

#[tokio::test]
async fn a_held_call_has_an_intent_and_no_outcome() {
    let world = World::start().await;
    let gate = Gate::closed();
    world.vendor.script(Reply::json(200, &json!({"error": 0, "id": "IM9"})).behind(&gate));
    let create = world.call("POST", "/conferences", CREATE);
    let looking = async {
        world.vendor.wait_for(1).await;
        assert_eq!((count(&world, "intent"), count(&world, "outcome")), (1, 0));
        gate.open();
    };
    let (answer, ()) = tokio::join!(create, looking);
    let outcome = passed_on(&world, &answer, 200).await;
    assert_eq!((&outcome["conference"], &outcome["decision"]), (&"IM9".into(), &"allowed".into()));
    assert_eq!(verify(&world.trail_directory()).unwrap().records, 4);
}

/// Mutations are refused and the vendor is spared, reads go on.
async fn without_a_trail(world: &World) -> Vec<String> {
    let before = world.vendor.calls().len();
    let mut ids = Vec::new();
    for (method, path, body) in
        [("POST", "/conferences", CREATE), ("DELETE", PATH, ""), ("DELETE", "/conferences/IM3/u", "")]
    {
        let answer = world.call(method, path, body).await;
        assert_eq!((answer.status, answer.problem().as_str()), (503, "audit_unavailable"), "{method} {path}");
        assert!(answer.header("retry-after").is_some());
        ids.push(answer.request_id().to_owned());
    }
    assert_eq!(world.vendor.calls().len(), before, "the vendor saw what is on no record");
    let read = world.call("GET", PATH, "").await;
    assert_eq!(read.status, 200);
    ids.push(read.request_id().to_owned());
    let readiness = world.until_readyz(503).await.json();
    assert!(readiness["trail"].as_str().unwrap().starts_with("not writable since"), "{readiness}");
    ids
}

#[tokio::test]
async fn without_its_directory_nothing_is_changed_and_it_heals() {
    let world = World::start().await;
    assert_eq!(world.call("POST", "/conferences", CREATE).await.status, 200);
    fs::remove_dir_all(world.trail_directory()).unwrap();
    let meanwhile = without_a_trail(&world).await;
    fs::create_dir(world.trail_directory()).unwrap();
    world.until_ready().await;
    let answer = world.call("POST", "/conferences", CREATE).await;
    passed_on(&world, &answer, 200).await;
    // What happened meanwhile was kept, and nothing twice.
    for id in &meanwhile {
        let outcome = world.trail.outcome_of(id).await;
        let refused = outcome["status"] == 503;
        let reason = if refused { json!("audit_unavailable") } else { Value::Null };
        assert_eq!(outcome["reason"], reason, "{outcome}");
    }
    lines_are_missing(&world);
}

/// What went with the directory is missed, and nothing after it. Lines that were not synced yet are there again.
fn lines_are_missing(world: &World) {
    let Err(VerifyError::Fault(fault)) = verify(&world.trail_directory()) else {
        panic!("nothing is missed")
    };
    assert_eq!((fault.kind, fault.expected), (FaultKind::Missing, Some(1)));
    assert!(fault.found > Some(3), "{fault}");
    let partial = Measure { partial: true, ..Measure::default() };
    verify_by(&world.trail_directory(), &partial, &mut |_| {}).unwrap();
}

#[tokio::test]
async fn a_directory_that_comes_back_is_one_chain_with_what_was_missed() {
    let world = World::start().await;
    assert_eq!(world.call("POST", "/conferences", CREATE).await.status, 200);
    let away = world.trail_directory().with_extension("away");
    fs::rename(world.trail_directory(), &away).unwrap();
    let meanwhile = without_a_trail(&world).await;
    fs::rename(&away, world.trail_directory()).unwrap();
    world.until_ready().await;
    let answer = world.call("DELETE", PATH, "").await;
    passed_on(&world, &answer, 200).await;
    for id in &meanwhile {
        world.trail.outcome_of(id).await;
    }
    let summary = verify(&world.trail_directory()).unwrap();
    assert_eq!(summary.first_sequence, Some(1));
    assert_eq!(count(&world, "outcome"), 6);
}

#[tokio::test]
async fn an_outcome_that_cannot_be_written_is_not_lost() {
    let world = World::start().await;
    let gate = Gate::closed();
    world.vendor.script(Reply::json(200, &json!({"error": 0, "id": "IM9"})).behind(&gate));
    let create = world.call("POST", "/conferences", CREATE);
    let breaking = async {
        world.vendor.wait_for(1).await;
        fs::remove_dir_all(world.trail_directory()).unwrap();
        gate.open();
    };
    let (answer, ()) = tokio::join!(create, breaking);
    assert_eq!((answer.status, answer.problem().as_str()), (503, "audit_unavailable"));
    assert!(answer.text().contains("the call was made"), "{}", answer.text());
    fs::create_dir(world.trail_directory()).unwrap();
    world.until_ready().await;
    let outcome = world.trail.outcome_of(answer.request_id()).await;
    assert_eq!((&outcome["conference"], &outcome["vendor_status"]), (&"IM9".into(), &200.into()));
    lines_are_missing(&world);
}

#[tokio::test]
async fn a_restart_goes_on_with_the_chain() {
    let world = World::start().await;
    assert_eq!(world.call("POST", "/conferences", CREATE).await.status, 200);
    let world = world.restarted().await;
    let answer = world.call("GET", PATH, "").await;
    passed_on(&world, &answer, 200).await;
    let refusal = world.call_as("Basic x", "GET", PATH, "").await;
    refused(&world, &refusal, 401, "token_malformed").await;
    let world = world.restarted().await;
    let records = world.trail.records();
    let kinds = records.iter().map(|record| record["kind"].as_str().unwrap());
    let kinds: Vec<_> = kinds.filter(|kind| *kind != "checkpoint").collect();
    let expected = ["start", "intent", "outcome", "stop", "start", "outcome", "outcome", "stop", "start"];
    assert_eq!(kinds, expected);
    let numbers: Vec<_> = records.iter().map(|record| record["seq"].as_u64().unwrap()).collect();
    assert_eq!(numbers, (1..=14).collect::<Vec<_>>());
    assert_eq!(verify(&world.trail_directory()).unwrap().records, 14);
}

#[tokio::test]
async fn every_request_leaves_one_outcome_and_the_chain_is_whole() {
    let world = World::start().await;
    let mut ids = Vec::new();
    for number in 0..60 {
        let answer = match number % 6 {
            0 => world.call("POST", "/conferences", CREATE).await,
            1 => world.call("GET", PATH, "").await,
            2 => world.call("DELETE", PATH, "").await,
            3 => world.call("POST", "/conferences", r#"{"confrType":99}"#).await,
            4 => world.call_as(&world.issuer.token().claim("scope", "").bearer(), "GET", PATH, "").await,
            _ => world.call("GET", "/nowhere", "").await,
        };
        ids.push((answer.request_id().to_owned(), answer.status));
    }
    for (id, status) in &ids {
        assert_eq!(world.trail.outcome_of(id).await["status"], *status);
    }
    assert_eq!((count(&world, "outcome"), count(&world, "intent")), (60, 20));
    // The metric has the same reasons.
    let metrics = world.metrics().await;
    for series in [
        r#"action="create",code="ok""#,
        r#"action="create",code="body_invalid""#,
        r#"action="get",code="scope_missing""#,
    ] {
        let line = format!("confgate_requests_total{{{series}}} 10");
        assert!(metrics.lines().any(|sample| sample == line), "{line} is not in\n{metrics}");
    }
    let before = fs::read_dir(world.trail_directory()).unwrap().count();
    let summary = verify(&world.trail_directory()).unwrap();
    assert_eq!((summary.records, summary.superseded, before), (82, 0, 2));
}
