//! The vendor's token: asked for seldom, in the background, and never sent when it is over.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::json;

use super::{PATH, refused};
use crate::support::configuration::CLIENT_SECRET;
use crate::support::issuer::Issuer;
use crate::support::server::{Gate, Reply};
use crate::support::vendor::Vendor;
use crate::support::world::World;
use crate::support::{CREATE, within};

fn bearers(world: &World) -> Vec<String> {
    let calls = world.vendor.calls();
    let mut tokens: Vec<String> =
        calls.iter().map(|call| call.headers.get("authorization").unwrap().to_owned()).collect();
    tokens.dedup();
    tokens
}

#[tokio::test]
async fn one_token_serves_many_calls() {
    let world = World::start().await;
    let answers = join_all((0..100).map(|_| world.call("GET", PATH, ""))).await;
    assert!(answers.iter().all(|answer| answer.status == 200));
    assert_eq!((world.vendor.calls().len(), world.vendor.fetches_for_crm()), (100, 1));
    assert_eq!(bearers(&world).len(), 1);
    let fetch =
        world.vendor.token_calls().into_iter().find(|call| call.path.contains("voicechatroom")).unwrap();
    assert_eq!(
        (fetch.method.as_str(), fetch.path.as_str()),
        ("POST", "/1100181023201864/voicechatroom/token")
    );
    let question =
        json!({"grant_type": "client_credentials", "client_id": "YXA6test", "client_secret": CLIENT_SECRET});
    assert_eq!(fetch.json(), question);
    assert!(fetch.headers.all("authorization").is_empty());
}

#[tokio::test]
async fn a_token_is_renewed_in_the_background_while_the_old_one_serves() {
    let vendor = Vendor::start().await;
    vendor.set_expires_in(10);
    // Each of the two apps gets its first; the next, which is asked for after 1 of its 10 seconds, is held.
    let gate = Gate::closed();
    vendor.hold_tokens_after(2, &gate);
    let world = World::around(vendor, Issuer::start().await, &[("VENDOR__REFRESH_AT", "0.1")]).await;
    world.until_ready().await;
    assert_eq!(world.call("GET", PATH, "").await.status, 200);
    world.vendor.wait_for_tokens(4).await;
    assert_eq!(world.vendor.calls().len(), 1, "nobody had to ask for it");
    assert_eq!(world.call("GET", PATH, "").await.status, 200);
    assert_eq!(bearers(&world).len(), 1, "the old one serves until the new one is there");
    gate.open();
    let renewed = async {
        while bearers(&world).len() == 1 {
            assert_eq!(world.call("GET", PATH, "").await.status, 200);
        }
    };
    within("the new one to serve", renewed).await;
}

#[tokio::test]
async fn an_expired_token_is_not_sent() {
    let vendor = Vendor::start().await;
    vendor.set_expires_in(4);
    let changes = [("VENDOR__REFRESH_AT", "0.9"), ("VENDOR__MAX_BACKOFF", "100ms")];
    let world = World::around(vendor, Issuer::start().await, &changes).await;
    world.until_ready().await;
    world.vendor.answer_tokens_with(Some(Reply::status(503)));
    let fetched = Instant::now();
    let mut good = 0;
    let refusal = loop {
        let sent = Instant::now();
        let answer = world.call("GET", PATH, "").await;
        if answer.status != 200 {
            break answer;
        }
        good += 1;
        assert!(sent < fetched + Duration::from_secs(4), "an expired token was sent");
        tokio::time::sleep(Duration::from_millis(10)).await;
    };
    assert!(refusal.header("retry-after").is_some());
    let outcome = refused(&world, &refusal, 503, "vendor_token_unavailable").await;
    assert_eq!((&outcome["attempts"], &outcome["decision"]), (&0.into(), &"refused".into()));
    let answer = world.call("POST", "/conferences", CREATE).await;
    refused(&world, &answer, 503, "vendor_token_unavailable").await;
    assert_eq!(world.vendor.calls().len(), good, "a call without a token reached the vendor");
    assert_eq!(super::count(&world, "intent"), 0);
    world.until_readyz(503).await;

    world.vendor.set_expires_in(600);
    world.vendor.answer_tokens_with(None);
    world.until_ready().await;
    assert_eq!(world.call("POST", "/conferences", CREATE).await.status, 200);
    assert_eq!(bearers(&world).len(), 2);
}

#[tokio::test]
async fn without_a_token_the_gateway_is_not_ready_and_heals_by_itself() {
    let (vendor, issuer) = (Vendor::start().await, Issuer::start().await);
    vendor.answer_tokens_with(Some(Reply::close()));
    let changes = [("VENDOR__MAX_BACKOFF", "20ms"), ("VENDOR__FETCH_TIMEOUT", "500ms")];
    let world = World::around(vendor, issuer, &changes).await;
    world.until_status("keys", |status| status["issuers"][0]["usable"] == true).await;
    for reply in bad_answers() {
        world.vendor.answer_tokens_with(Some(reply.clone()));
        let asked = world.vendor.token_calls().len();
        // The answers to those before the last are behind it: two apps, one fetch at a time.
        world.vendor.wait_for_tokens(asked + 5).await;
        let readiness = world.until_readyz(503).await.json();
        assert!(readiness["vendor_token/meet"].as_str().unwrap().starts_with("no token"), "{readiness}");
        assert!(!readiness.to_string().contains("canary"), "{readiness}");
        let answer = world.call("POST", "/conferences", CREATE).await;
        assert!(answer.header("retry-after").is_some(), "{reply:?}");
        let outcome = refused(&world, &answer, 503, "vendor_token_unavailable").await;
        assert!(outcome["detail"].is_string() && outcome["intent"].is_null(), "{reply:?}: {outcome}");
    }
    assert_eq!(world.vendor.calls().len(), 0);
    assert_eq!(super::count(&world, "intent"), 0);
    assert!(!world.trail.lines().join("\n").contains("canary"));
    world.vendor.answer_tokens_with(None);
    world.until_ready().await;
    assert_eq!(world.call("POST", "/conferences", CREATE).await.status, 200);
}

/// What a token endpoint may say that is no token; some of it repeats what it was asked.
fn bad_answers() -> Vec<Reply> {
    let json = |value| Reply::json(200, &value);
    vec![
        Reply::status(500),
        Reply::reset(),
        Reply::hang(),
        Reply::raw("garbage"),
        Reply::raw("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{\"access_token\":\"canary-half\""),
        Reply::status(302).header("Location", "/1100181023201864/voicechatroom/token"),
        Reply::body(404, "text/html", "<html>canary</html>"),
        Reply::json(400, &json!({"error": "invalid_grant", "error_description": CLIENT_SECRET})),
        Reply::json(401, &json!({"error": CLIENT_SECRET})),
        Reply::json(429, &json!({"error": "reach_limit"})),
        Reply::body(200, "text/html", "<html>canary-login</html>"),
        json(json!({})),
        json(json!({"error": 0})),
        json(json!({"access_token": "", "expires_in": 60})),
        json(json!({"access_token": 7, "expires_in": 60})),
        json(json!({"access_token": "canary\r\nX-Injected: 1", "expires_in": 60})),
        json(json!({"access_token": "canary with spaces", "expires_in": 60})),
        json(json!({"access_token": "canary", "expires_in": 0})),
        json(json!({"access_token": "canary", "expires_in": -1})),
        json(json!({"access_token": "x".repeat(9000), "expires_in": 60})),
        Reply::body(200, "application/json", format!("{{\"x\":\"{}\"}}", "x".repeat(70_000))),
    ]
}

#[tokio::test]
async fn a_lifetime_that_makes_no_sense_does_not_keep_a_good_token_away() {
    for life in
        [json!(null), json!("5184000"), json!(9_223_372_036_854_775_807_i64), json!(1e300), json!("?")]
    {
        let vendor = Vendor::start().await;
        vendor.set_expires_in(life);
        let world = World::around(vendor, Issuer::start().await, &[]).await;
        world.until_ready().await;
        assert_eq!(world.call("GET", PATH, "").await.status, 200);
        assert_eq!(world.vendor.fetches_for_crm(), 1);
    }
}

#[tokio::test]
async fn fetches_keep_their_distance_whoever_asks() {
    let (vendor, issuer) = (Vendor::start().await, Issuer::start().await);
    vendor.answer_tokens_with(Some(Reply::status(500)));
    let world = World::around(vendor, issuer, &[("VENDOR__MIN_INTERVAL", "10s")]).await;
    world.until_status("keys", |status| status["issuers"][0]["usable"] == true).await;
    world.vendor.wait_for_tokens(2).await;
    for answer in join_all((0..100).map(|_| world.call("GET", PATH, ""))).await {
        assert_eq!((answer.status, answer.problem().as_str()), (503, "vendor_token_unavailable"));
        let wait: u64 = answer.header("retry-after").unwrap().parse().unwrap();
        assert!((1..=20).contains(&wait), "{wait}");
    }
    assert_eq!((world.vendor.fetches_for_crm(), world.vendor.calls().len()), (1, 0));
}
