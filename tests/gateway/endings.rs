//! How the trail tells of calls that did not end well.

use serde_json::json;

use crate::support::server::Reply;
use crate::support::world::World;

#[tokio::test]
async fn a_get_that_breaks_off_leaves_nothing_unknown() {
    let world = World::start().await;
    world.vendor.script(Reply::raw("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"));
    let answer = world.call("GET", "/conferences/IM3", "").await;
    assert_eq!((answer.status, answer.problem().as_str()), (502, "vendor_bad_answer"));
    assert_eq!(world.vendor.calls().len(), 1);
    let outcome = world.trail.outcome_of(answer.header("x-request-id").unwrap()).await;
    assert_eq!((&outcome["outcome_unknown"], &outcome["vendor_status"]), (&json!(false), &json!(200)));

    world.vendor.script(Reply::raw("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"));
    let answer = world.call("DELETE", "/conferences/IM3", "").await;
    let outcome = world.trail.outcome_of(answer.header("x-request-id").unwrap()).await;
    assert_eq!((&outcome["outcome_unknown"], &outcome["vendor_status"]), (&json!(true), &json!(200)));
}

#[tokio::test]
async fn refused_credentials_show_the_vendors_status() {
    let world = World::start().await;
    for _ in 0..2 {
        world.vendor.script(Reply::json(401, &json!({"error": "unauthorized"})));
    }
    let answer = world.call("GET", "/conferences/IM3", "").await;
    assert_eq!((answer.status, answer.problem().as_str()), (502, "vendor_refused_credentials"));
    let calls = world.vendor.calls().len();
    let outcome = world.trail.outcome_of(answer.header("x-request-id").unwrap()).await;
    assert_eq!((&outcome["vendor_status"], &outcome["attempts"]), (&json!(401), &json!(calls)));
}

#[tokio::test]
async fn a_second_attempt_counts_against_the_apps_budget() {
    let budget = [("RATE", "1"), ("PER", "1h"), ("BURST", "2")];
    let keys = budget.map(|(key, value)| (format!("APPS__MEET__BUDGET__{key}"), value));
    let world = World::with(&keys.each_ref().map(|(key, value)| (key.as_str(), *value))).await;
    world.until_tokens_have_aged().await;
    world.vendor.script(Reply::json(401, &json!({"error": "unauthorized"})));
    assert_eq!(world.call("GET", "/conferences/IM3", "").await.status, 200);
    assert_eq!(world.vendor.calls().len(), 2);
    let answer = world.call("GET", "/conferences/IM3", "").await;
    assert_eq!((answer.status, answer.problem().as_str()), (503, "vendor_budget_exhausted"));
    let outcome = world.trail.outcome_of(answer.header("x-request-id").unwrap()).await;
    assert_eq!((&outcome["reason"], &outcome["attempts"]), (&json!("vendor_budget_exhausted"), &json!(0)));
    assert_eq!(world.vendor.calls().len(), 2);
}
