//! More at once than there is room for: who waits, who is turned away, and what is said about it.

use serde_json::json;

use crate::support::server::{Gate, Reply};
use crate::support::world::World;

#[tokio::test]
async fn requests_that_fill_the_trails_queue_do_not_wait_for_each_other() {
    let world = World::with(&[("AUDIT__QUEUE", "64")]).await;
    let creates = (0..100).map(|_| world.call("POST", "/conferences", "{}"));
    for answer in futures_util::future::join_all(creates).await {
        assert_eq!(answer.status, 200, "{}", answer.text());
        let outcome = world.trail.outcome_of(answer.header("x-request-id").unwrap()).await;
        assert_eq!((&outcome["decision"], &outcome["status"]), (&json!("allowed"), &json!(200)));
    }
    assert_eq!(world.vendor.calls().len(), 100);
}

/// One connection to the vendor, so that one call keeps all others waiting.
const ONE_CONNECTION: [(&str, &str); 2] = [("LISTEN__WORKERS", "1"), ("UPSTREAM__MAX_CONNECTIONS", "1")];

#[tokio::test]
async fn a_create_without_a_connection_is_known_not_to_have_happened() {
    let [workers, connections] = ONE_CONNECTION;
    let world = World::with(&[workers, connections, ("UPSTREAM__FIRST_BYTE_TIMEOUT", "2s")]).await;
    // Its answer begins and does not end.
    world.vendor.script(Reply::status(200).header("Content-Length", "100"));
    let occupying = world.call("GET", "/conferences/IM3", "");
    let waiting = async {
        world.vendor.wait_for(1).await;
        world.call("POST", "/conferences", "{}").await
    };
    let answer = tokio::select! {
        _ = occupying => panic!("the first call's answer ended"),
        answer = waiting => answer,
    };
    assert_eq!((answer.status, answer.problem().as_str()), (503, "overloaded"));
    assert_eq!(answer.header("retry-after"), Some("1"));
    assert_eq!(world.vendor.calls().len(), 1, "the create never left");
    let outcome = world.trail.outcome_of(answer.header("x-request-id").unwrap()).await;
    assert_eq!(
        (&outcome["reason"], &outcome["attempts"], &outcome["outcome_unknown"]),
        (&json!("overloaded"), &json!(0), &json!(false))
    );
}

#[tokio::test]
async fn who_hangs_up_before_the_call_is_sent_takes_it_back() {
    let world = World::with(&ONE_CONNECTION).await;
    let gate = Gate::closed();
    world.vendor.script(Reply::json(200, &json!({"error": 0})).behind(&gate));
    let occupying = world.call("GET", "/conferences/IM3", "");
    let waiting = async {
        world.vendor.wait_for(1).await;
        let create = world.call("POST", "/conferences", "{}");
        let announced = world.trail.wait_until("an intent", |records| {
            records.iter().find(|record| record["kind"] == "intent").cloned()
        });
        let intent = tokio::select! {
            _ = create => panic!("there is no connection for it"),
            intent = announced => intent,
        };
        let outcome = world.trail.outcome_of(intent["request_id"].as_str().unwrap()).await;
        gate.open();
        (intent, outcome)
    };
    let (first, (intent, outcome)) = tokio::join!(occupying, waiting);
    assert_eq!(first.status, 200);
    assert_eq!((&outcome["intent"], &outcome["caller_gone"]), (&intent["seq"], &json!(true)));
    assert_eq!((&outcome["attempts"], &outcome["outcome_unknown"]), (&json!(0), &json!(false)));
    assert_eq!(world.call("GET", "/conferences/IM3", "").await.status, 200);
    assert_eq!(world.vendor.calls().len(), 2, "the create never left");
}

#[tokio::test]
async fn waiting_as_the_tenants_limit_tells_does_not_end_at_the_users() {
    let world = World::with(&[
        ("TENANTS__CRM__RATE_LIMIT__RATE", "1"),
        ("TENANTS__CRM__RATE_LIMIT__BURST", "1"),
        ("TENANTS__CRM__USER_RATE_LIMIT__RATE", "1"),
        ("TENANTS__CRM__USER_RATE_LIMIT__PER", "1h"),
        ("TENANTS__CRM__USER_RATE_LIMIT__BURST", "1"),
    ])
    .await;
    let call = async |user: &str| {
        let token = world.issuer.token().claim("sub", user).bearer();
        world.call_as(&token, "GET", "/conferences/IM3", "").await
    };
    assert_eq!(call("huangcl").await.status, 200);
    let answer = call("yangss").await;
    assert_eq!((answer.status, answer.problem().as_str()), (429, "tenant_rate_limited"));
    let wait: u64 = answer.header("retry-after").unwrap().parse().unwrap();
    assert!(wait > 3500, "after {wait} s the user would be over its own limit");
    let outcome = world.trail.outcome_of(answer.header("x-request-id").unwrap()).await;
    assert_eq!(outcome["reason"], json!("tenant_rate_limited"));
    assert_eq!(world.vendor.calls().len(), 1);
}

#[tokio::test]
async fn a_trail_that_takes_nothing_turns_callers_away_soon() {
    let world = World::with(&[("AUDIT__QUEUE", "64")]).await;
    std::fs::remove_dir_all(world.trail_directory()).unwrap();
    world.until_readyz(503).await;
    let gets = (0..200).map(|_| world.call("GET", "/conferences/IM3", ""));
    let answers = futures_util::future::join_all(gets).await;
    let served = answers.iter().filter(|answer| answer.status == 200).count();
    assert!((64..=128).contains(&served), "{served}: the queue, and as many that are kept");
    for answer in answers.iter().filter(|answer| answer.status != 200) {
        assert_eq!((answer.status, answer.problem().as_str()), (503, "audit_unavailable"));
    }
    assert_eq!(world.vendor.calls().len(), served);
    std::fs::create_dir(world.trail_directory()).unwrap();
    world.until_readyz(200).await;
    assert_eq!(world.call("GET", "/conferences/IM3", "").await.status, 200);
    let outcomes = |records: &[serde_json::Value]| {
        let outcomes = records.iter().filter(|record| record["kind"] == "outcome").count();
        (outcomes == served + 1).then_some(())
    };
    world.trail.wait_until("an outcome of each call that was served", outcomes).await;
}
