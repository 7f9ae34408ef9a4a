//! A caller who hangs up at each stage of a request, one at a time.

use serde_json::{Value, json};

use super::{PATH, caller, count, leave, left};
use crate::support::CREATE;
use crate::support::client::Connection;
use crate::support::issuer::Issuer;
use crate::support::server::{Gate, Reply};
use crate::support::vendor::Vendor;
use crate::support::world::World;

#[tokio::test]
async fn who_leaves_before_there_is_a_token_asked_for_nothing() {
    let (vendor, issuer) = (Vendor::start().await, Issuer::start().await);
    let gate = Gate::closed();
    vendor.hold_tokens(&gate);
    let world = World::around(vendor, issuer, &[]).await;
    world.until_status("keys", |status| status["issuers"][0]["usable"] == true).await;
    let create = caller(&world, "POST", "/conferences", CREATE).await;
    world.until_in_flight("crm", 1).await;
    let get = caller(&world, "GET", PATH, "").await;
    world.until_in_flight("crm", 2).await;
    leave(&world, create, 1).await;
    leave(&world, get, 0).await;
    for action in ["create", "get"] {
        let outcome = left(&world, action).await;
        assert_eq!((&outcome["attempts"], &outcome["intent"]), (&0.into(), &Value::Null), "{outcome}");
        assert_eq!((&outcome["outcome_unknown"], &outcome["decision"]), (&false.into(), &"refused".into()));
    }
    world.until_in_flight("crm", 0).await;
    gate.open();
    world.until_ready().await;
    assert_eq!(world.call("DELETE", PATH, "").await.status, 200);
    let methods: Vec<_> = world.vendor.calls().into_iter().map(|call| call.method).collect();
    assert_eq!(methods, ["DELETE"]);
    assert_eq!(count(&world, "intent"), 1);
}

#[tokio::test]
async fn who_leaves_while_waiting_for_a_connection_asked_for_nothing() {
    let world = World::with(&[("LISTEN__WORKERS", "1"), ("UPSTREAM__MAX_CONNECTIONS", "1")]).await;
    let gate = Gate::closed();
    world.vendor.script(Reply::json(200, &json!({"error": 0})).behind(&gate));
    let first = caller(&world, "GET", PATH, "").await;
    world.vendor.wait_for(1).await;
    let create = caller(&world, "POST", "/conferences", CREATE).await;
    world
        .trail
        .wait_until("its intent", |records| records.iter().find(|record| record["kind"] == "intent").cloned())
        .await;
    let get = caller(&world, "GET", PATH, "").await;
    world.until_in_flight("crm", 3).await;
    leave(&world, create, 2).await;
    leave(&world, get, 1).await;
    gate.open();
    let mut first = first;
    assert_eq!(first.answer("GET").await.status, 200);
    for action in ["create", "get"] {
        let outcome = left(&world, action).await;
        assert_eq!(outcome["outcome_unknown"], false, "{outcome}");
        assert_eq!((&outcome["attempts"], &outcome["vendor_status"]), (&0.into(), &Value::Null), "{outcome}");
    }
    world.until_in_flight("crm", 0).await;
    assert_eq!(world.call("DELETE", PATH, "").await.status, 200);
    let methods: Vec<_> = world.vendor.calls().into_iter().map(|call| call.method).collect();
    assert_eq!(methods, ["GET", "DELETE"]);
}

#[tokio::test]
async fn a_create_that_was_sent_is_seen_through_and_recorded_once() {
    let world = World::start().await;
    let gate = Gate::closed();
    let created = json!({"error": 0, "id": "IM3SKW51SKH4TB80LV45000C7", "password": "canary"});
    world.vendor.script(Reply::json(200, &created).behind(&gate));
    let create = caller(&world, "POST", "/conferences", CREATE).await;
    world.vendor.wait_for(1).await;
    leave(&world, create, 0).await;
    world.until_in_flight("crm", 1).await;
    assert_eq!(count(&world, "outcome"), 0);
    gate.open();
    let outcome = left(&world, "create").await;
    assert_eq!(outcome["conference"], "IM3SKW51SKH4TB80LV45000C7");
    assert_eq!((&outcome["vendor_status"], &outcome["vendor_error"]), (&200.into(), &0.into()));
    assert_eq!((&outcome["outcome_unknown"], &outcome["attempts"]), (&false.into(), &1.into()));
    let intent = world.trail.intent_of(outcome["request_id"].as_str().unwrap()).await;
    assert_eq!(outcome["intent"], intent["seq"]);
    world.until_in_flight("crm", 0).await;
    assert_eq!((world.vendor.calls().len(), count(&world, "outcome")), (1, 1));
}

#[tokio::test]
async fn who_leaves_before_a_second_attempt_has_changed_nothing() {
    let world = World::start().await;
    world.until_tokens_have_aged().await;
    let (refusal, renewal) = (Gate::closed(), Gate::closed());
    world.vendor.hold_tokens(&renewal);
    world.vendor.script(Reply::status(401).behind(&refusal));
    let dissolve = caller(&world, "DELETE", PATH, "").await;
    world.vendor.wait_for(1).await;
    refusal.open();
    world.vendor.wait_for_tokens(3).await;
    leave(&world, dissolve, 0).await;
    let outcome = left(&world, "dissolve").await;
    assert_eq!((&outcome["vendor_status"], &outcome["attempts"]), (&401.into(), &1.into()));
    assert_eq!(outcome["outcome_unknown"], false, "{outcome}");
    renewal.open();
    world.until_in_flight("crm", 0).await;
    assert_eq!(world.call("GET", PATH, "").await.status, 200);
    assert_eq!((world.vendor.calls().len(), world.vendor.fetches_for_crm()), (2, 2));
}

#[tokio::test]
async fn a_create_without_an_answer_stays_unknown_whoever_has_left() {
    let world = World::with(&[("UPSTREAM__FIRST_BYTE_TIMEOUT", "3s")]).await;
    for (reply, reason) in [(Reply::hang(), "vendor_timeout"), (Reply::raw("x\r\n\r\n"), "vendor_bad_answer")]
    {
        let gate = Gate::closed();
        world.vendor.script(reply.behind(&gate));
        let before = world.vendor.calls().len();
        let kick = caller(&world, "DELETE", "/conferences/IM3/yangss", "").await;
        world.vendor.wait_for(before + 1).await;
        leave(&world, kick, 0).await;
        gate.open();
        let find = |records: &[Value]| records.iter().find(|record| record["reason"] == reason).cloned();
        let outcome = world.trail.wait_until(reason, find).await;
        assert_eq!((&outcome["caller_gone"], &outcome["status"]), (&true.into(), &Value::Null));
        assert_eq!((&outcome["outcome_unknown"], &outcome["user"]), (&true.into(), &"yangss".into()));
    }
    assert_eq!((count(&world, "intent"), count(&world, "outcome")), (2, 2));
}

#[tokio::test]
async fn a_get_ends_with_its_caller() {
    let world = World::start().await;
    world.vendor.script(Reply::hang());
    let get = caller(&world, "GET", PATH, "").await;
    world.vendor.wait_for(1).await;
    leave(&world, get, 0).await;
    world.vendor.server().wait_for_hangups(1).await;
    let outcome = left(&world, "get").await;
    assert_eq!((&outcome["attempts"], &outcome["outcome_unknown"]), (&1.into(), &false.into()));
    world.until_in_flight("crm", 0).await;
}

#[tokio::test]
async fn who_leaves_with_half_a_body_asked_for_nothing() {
    let world = World::start().await;
    let mut connection = Connection::open(world.address).await;
    let bearer = world.issuer.token().bearer();
    let head = format!("POST /conferences HTTP/1.1\r\nHost: x\r\nAuthorization: {bearer}\r\n");
    let half = "Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{\"confrType\"";
    connection.write(head + half).await;
    world.until_in_flight("crm", 1).await;
    drop(connection);
    let find = |records: &[Value]| records.iter().find(|record| record["kind"] == "outcome").cloned();
    let outcome = world.trail.wait_until("an outcome", find).await;
    assert_eq!((&outcome["attempts"], &outcome["decision"]), (&0.into(), &"refused".into()), "{outcome}");
    assert_eq!((world.vendor.calls().len(), count(&world, "intent")), (0, 0));
}
