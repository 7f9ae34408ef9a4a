//! Browsers: preflights, whose pages may call, and what they may read.

use serde_json::json;

use crate::support::api::Api;
use crate::support::client::{self, Answer};
use crate::support::world::World;

const OURS: &str = "https://app.corp.example";
const PATH: &str = "/conferences/IM3SKW51SKH4TB80LV45000C7";
/// Two origins are allowed.
const LIST: (&str, &str) =
    ("LISTEN__CORS__ALLOWED_ORIGINS", "https://app.corp.example,https://crm.corp.example");

async fn preflight(world: &World, origin: &str, path: &str, method: &str) -> Answer {
    let headers = [
        ("Origin", origin),
        ("Access-Control-Request-Method", method),
        ("Access-Control-Request-Headers", "authorization,content-type,traceparent"),
    ];
    client::send(world.address, "OPTIONS", path, &headers, "").await
}

/// A good call from a page of `origin`.
async fn call(world: &World, origin: &str) -> Answer {
    let bearer = world.issuer.token().bearer();
    client::send(world.address, "GET", PATH, &[("Authorization", &bearer), ("Origin", origin)], "").await
}

/// The words of a list in a header, in lower case.
fn words(answer: &Answer, name: &str) -> Vec<String> {
    let values = answer.headers.all(name);
    assert!(!values.is_empty(), "no {name} in {:?}", answer.headers);
    values.join(",").split(',').map(|word| word.trim().to_lowercase()).collect()
}

#[tokio::test]
async fn a_preflight_lets_every_page_make_the_four_calls() {
    let world = World::start().await;
    let api = Api::of(world.address).await;
    for (path, method) in
        [("/conferences", "POST"), (PATH, "GET"), (PATH, "DELETE"), ("/conferences/IM3/yangss", "DELETE")]
    {
        let answer = preflight(&world, OURS, path, method).await;
        assert_eq!((answer.status, answer.body.len()), (200, 0));
        assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
        assert_eq!(answer.header("access-control-allow-credentials"), None, "a bearer token is no cookie");
        assert!(words(&answer, "access-control-allow-methods").contains(&method.to_lowercase()));
        let headers = words(&answer, "access-control-allow-headers");
        for asked in ["authorization", "content-type", "traceparent"] {
            assert!(headers.contains(&asked.to_owned()), "{asked} in {headers:?}");
        }
        assert_eq!(answer.header("access-control-max-age"), Some("600"));
        assert!(answer.header("x-request-id").is_some());
        api.describes("OPTIONS", path, &answer);
    }
}

#[tokio::test]
async fn a_preflight_needs_no_token_costs_no_quota_and_is_not_on_record() {
    let world = World::with(&[
        ("TENANTS__CRM__RATE_LIMIT__RATE", "1"),
        ("TENANTS__CRM__RATE_LIMIT__PER", "24h"),
        ("TENANTS__CRM__RATE_LIMIT__BURST", "1"),
        ("AUTHN__ADDRESS_LIMIT__BURST", "1"),
        ("APPS__MEET__BUDGET__RATE", "1"),
        ("APPS__MEET__BUDGET__PER", "24h"),
        ("APPS__MEET__BUDGET__BURST", "1"),
    ])
    .await;
    let mut ids = Vec::new();
    for _ in 0..20 {
        let answer = preflight(&world, OURS, PATH, "GET").await;
        assert_eq!((answer.status, answer.header("ratelimit")), (200, None));
        ids.push(json!(answer.header("x-request-id")));
    }
    assert_eq!(world.vendor.calls().len(), 0);
    assert_eq!(call(&world, OURS).await.status, 200);
    let over = call(&world, OURS).await;
    assert_eq!(over.problem(), "tenant_rate_limited", "the one call that was allowed is used up by now");

    world.trail.outcome_of(over.header("x-request-id").expect("an id")).await;
    let recorded = world.trail.records();
    assert!(recorded.iter().all(|record| !ids.contains(&record["request_id"])), "{recorded:?}");
    assert_eq!(recorded.iter().filter(|record| record["kind"] == "outcome").count(), 2);
}

#[tokio::test]
async fn pages_of_listed_origins_may_call_each_as_itself() {
    let world = World::with(&[LIST]).await;
    for origin in [OURS, "https://crm.corp.example"] {
        for answer in [preflight(&world, origin, PATH, "GET").await, call(&world, origin).await] {
            assert_eq!(answer.status, 200);
            assert_eq!(answer.header("access-control-allow-origin"), Some(origin));
            assert!(words(&answer, "vary").contains(&"origin".to_owned()), "caches must not mix pages up");
        }
    }
}

#[tokio::test]
async fn pages_of_other_origins_are_told_nothing() {
    let world = World::with(&[LIST]).await;
    for origin in [
        "https://evil.example",
        "http://app.corp.example",
        "https://app.corp.example:8443",
        "https://app.corp.example.evil.example",
        "https://evil-app.corp.example",
        "https://APP.corp.example",
        "null",
        "*",
    ] {
        let preflight = preflight(&world, origin, PATH, "GET").await;
        let call = call(&world, origin).await;
        for answer in [&preflight, &call] {
            assert_eq!(answer.header("access-control-allow-origin"), None, "{origin}");
            assert!(words(answer, "vary").contains(&"origin".to_owned()));
        }
        // Whoever is no browser is not bound by it: the token alone decides.
        assert_eq!(call.status, 200);
        world.trail.outcome_of(call.header("x-request-id").expect("an id")).await;
    }
}

#[tokio::test]
async fn no_origin_at_all_can_be_allowed() {
    let world = World::with(&[("LISTEN__CORS__ALLOWED_ORIGINS", "")]).await;
    assert_eq!(preflight(&world, OURS, PATH, "GET").await.header("access-control-allow-origin"), None);
    assert_eq!(call(&world, OURS).await.header("access-control-allow-origin"), None);
}

#[tokio::test]
async fn a_refusal_keeps_to_the_list_too() {
    let world = World::with(&[LIST]).await;
    for (origin, allowed) in [(OURS, Some(OURS)), ("https://evil.example", None)] {
        let answer = client::send(world.address, "GET", PATH, &[("Origin", origin)], "").await;
        assert_eq!(answer.problem(), "token_missing");
        assert_eq!(answer.header("access-control-allow-origin"), allowed);
    }
}

#[tokio::test]
async fn a_page_can_read_the_headers_that_mean_something_to_it() {
    let world = World::start().await;
    let exposed = words(&call(&world, OURS).await, "access-control-expose-headers");
    for name in [
        "x-request-id",
        "retry-after",
        "ratelimit",
        "ratelimit-policy",
        "www-authenticate",
        "proxy-status",
        "allow",
    ] {
        assert!(exposed.contains(&name.to_owned()), "{name} in {exposed:?}");
    }
}

#[tokio::test]
async fn how_long_a_preflight_is_remembered_is_the_operators() {
    let world = World::with(&[("LISTEN__CORS__MAX_AGE", "1m")]).await;
    let answer = preflight(&world, OURS, PATH, "GET").await;
    assert_eq!(answer.header("access-control-max-age"), Some("60"));
}
