//! The vendor breaks off, and what that means for a call: what may have happened is said to be unknown, and nothing is
//! sent twice that could happen twice. How many ways there are to break off is in `hostile::vendor`.

use serde_json::{Value, json};

use super::{PATH, passed_on, refused};
use crate::support::CREATE;
use crate::support::client::Connection;
use crate::support::server::{Gate, Reply, Step, bytes};
use crate::support::world::World;

const IMPATIENT: [(&str, &str); 1] = [("UPSTREAM__FIRST_BYTE_TIMEOUT", "1s")];

/// Sends a create, and checks that the vendor saw it once and both caller and trail call its outcome unknown.
async fn unknown_create(world: &World, reply: Reply, status: u16, code: &str) {
    let said = format!("{reply:?}");
    let before = world.vendor.calls().len();
    world.vendor.script(reply);
    let answer = world.call("POST", "/conferences", CREATE).await;
    let outcome = refused(world, &answer, status, code).await;
    assert!(answer.text().contains("look before") || answer.text().contains("unknown"), "{said}");
    assert_eq!(outcome["outcome_unknown"], true, "{said}");
    assert_eq!((&outcome["attempts"], &outcome["decision"]), (&1.into(), &"allowed".into()), "{said}");
    assert_eq!(world.trail.intent_of(answer.request_id()).await["seq"], outcome["intent"], "{said}");
    assert_eq!(world.vendor.calls().len(), before + 1, "{said}");
}

/// The same for a get, which changes nothing.
async fn failed_get(world: &World, reply: Reply, status: u16, code: &str) {
    let said = format!("{reply:?}");
    let before = world.vendor.calls().len();
    world.vendor.script(reply);
    let answer = world.call("GET", PATH, "").await;
    let outcome = refused(world, &answer, status, code).await;
    assert_eq!((&outcome["attempts"], &outcome["intent"]), (&1.into(), &Value::Null), "{said}");
    assert_eq!(world.vendor.calls().len(), before + 1, "{said}");
}

#[tokio::test]
async fn a_connection_that_is_refused_changes_nothing() {
    let world = World::start().await;
    world.vendor.server().refuse_connections().await;
    let answer = world.call("POST", "/conferences", CREATE).await;
    let outcome = refused(&world, &answer, 502, "vendor_unreachable").await;
    assert!(answer.text().contains("nothing was changed"), "{}", answer.text());
    assert_eq!(outcome["outcome_unknown"], false);
    assert!(outcome["detail"].as_str().unwrap().contains("connection failed"), "{outcome}");
    world.trail.intent_of(answer.request_id()).await;
    assert_eq!(world.vendor.calls().len(), 0);
    let answer = world.call("GET", PATH, "").await;
    refused(&world, &answer, 502, "vendor_unreachable").await;
}

#[tokio::test]
async fn a_vendor_that_says_nothing_is_timed_out() {
    let world = World::with(&IMPATIENT).await;
    unknown_create(&world, Reply::hang(), 504, "vendor_timeout").await;
    failed_get(&world, Reply::hang(), 504, "vendor_timeout").await;
    world.vendor.server().wait_for_hangups(2).await;
    for path in [PATH, "/conferences/IM3/yangss"] {
        world.vendor.script(Reply::hang());
        let answer = world.call("DELETE", path, "").await;
        let outcome = refused(&world, &answer, 504, "vendor_timeout").await;
        assert_eq!(outcome["outcome_unknown"], true);
    }
    assert_eq!(world.vendor.calls().len(), 4);
    assert_eq!(world.call("GET", PATH, "").await.status, 200);
}

/// Leaves a connection idle in the only worker's pool.
async fn warmed_up() -> World {
    let world = World::with(&[("LISTEN__WORKERS", "1")]).await;
    assert_eq!(world.call("GET", PATH, "").await.status, 200);
    world
}

fn connections(world: &World) -> Vec<usize> {
    let calls = world.vendor.calls();
    let first = calls[0].connection;
    calls.iter().map(|call| call.connection - first).collect()
}

#[tokio::test]
async fn a_get_on_a_dying_connection_is_sent_once_more() {
    for dying in [Reply::close(), Reply::reset()] {
        let world = warmed_up().await;
        world.vendor.script(dying);
        let answer = world.call("GET", PATH, "").await;
        assert_eq!(passed_on(&world, &answer, 200).await["attempts"], 2);
        assert_eq!(connections(&world), [0, 0, 1]);
    }
}

#[tokio::test]
async fn a_get_is_sent_twice_at_most() {
    let world = warmed_up().await;
    world.vendor.script(Reply::close()).script(Reply::close()).script(Reply::close());
    let answer = world.call("GET", PATH, "").await;
    let outcome = refused(&world, &answer, 502, "vendor_unreachable").await;
    assert_eq!((&outcome["attempts"], &outcome["outcome_unknown"]), (&2.into(), &false.into()));
    assert_eq!(connections(&world), [0, 0, 1]);
}

#[tokio::test]
async fn what_changes_something_is_never_sent_twice() {
    for dying in [Reply::close(), Reply::reset()] {
        let world = warmed_up().await;
        unknown_create(&world, dying.clone(), 502, "vendor_unreachable").await;
        assert_eq!(connections(&world), [0, 0]);
        let world = warmed_up().await;
        world.vendor.script(dying);
        let answer = world.call("DELETE", PATH, "").await;
        assert_eq!(refused(&world, &answer, 502, "vendor_unreachable").await["outcome_unknown"], true);
        assert_eq!(connections(&world), [0, 0]);
    }
}

#[tokio::test]
async fn a_create_on_a_connection_that_was_closed_before_goes_out_on_another() {
    let world = World::with(&[("LISTEN__WORKERS", "1")]).await;
    // Whole, and the connection closed after it without a word.
    world.vendor.script(Reply::raw("HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n{\"error\":0}"));
    assert_eq!(world.call("GET", PATH, "").await.json(), json!({"error": 0}));
    // By the time the worker has answered this, it has seen the end.
    assert_eq!(world.call_as("Basic x", "GET", PATH, "").await.status, 401);
    let answer = world.call("POST", "/conferences", CREATE).await;
    let outcome = passed_on(&world, &answer, 200).await;
    assert_eq!((&outcome["attempts"], &outcome["outcome_unknown"]), (&1.into(), &false.into()));
    assert_eq!(connections(&world), [0, 1]);
}

#[tokio::test]
async fn a_create_that_found_no_connection_in_time_changed_nothing() {
    let one = [("LISTEN__WORKERS", "1"), ("UPSTREAM__MAX_CONNECTIONS", "1"), IMPATIENT[0]];
    let world = World::with(&one).await;
    // Half an answer keeps the connection for as long as it is half.
    let gate = Gate::closed();
    let half = bytes("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{");
    world.vendor.script(Reply::steps([half, Step::Pass(gate.clone()), bytes("}")]));
    let mut slow = Connection::open(world.address).await;
    let bearer = world.issuer.token().bearer();
    slow.write(format!("GET {PATH} HTTP/1.1\r\nHost: x\r\nAuthorization: {bearer}\r\n\r\n")).await;
    world.vendor.wait_for(1).await;
    let answer = world.call("POST", "/conferences", CREATE).await;
    let outcome = refused(&world, &answer, 503, "overloaded").await;
    assert!(answer.text().contains("nothing was changed"), "{}", answer.text());
    assert_eq!((&outcome["attempts"], &outcome["outcome_unknown"]), (&0.into(), &false.into()), "{outcome}");
    assert_eq!(world.vendor.calls().len(), 1);
    gate.open();
    assert_eq!(slow.answer("GET").await.body, b"{}");
}
