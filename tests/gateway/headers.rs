//! Which headers cross the gateway, in either direction.

use std::collections::BTreeMap;

use serde_json::json;

use crate::support::CREATE;
use crate::support::client::{self, Answer};
use crate::support::server::{Call, Reply};
use crate::support::world::World;

const PATH: &str = "/conferences/IM3SKW51SKH4TB80LV45000C7";
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

/// Calls with a good token and these headers beside it.
async fn call(world: &World, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    let bearer = world.issuer.token().bearer();
    let mut all = vec![("Authorization", bearer.as_str())];
    all.extend(headers);
    client::send(world.address, method, path, &all, body).await
}

fn by_name(call: &Call) -> BTreeMap<String, String> {
    let fields: BTreeMap<_, _> =
        call.headers.0.iter().map(|(name, value)| (name.to_lowercase(), value.clone())).collect();
    assert_eq!(fields.len(), call.headers.0.len(), "a field comes twice: {:?}", call.headers);
    fields
}

/// Everything that a browser, a proxy or an attacker might add.
const NOT_FOR_THE_VENDOR: &[(&str, &str)] = &[
    ("Cookie", "session=canary"),
    ("X-Forwarded-For", "203.0.113.9"),
    ("X-Forwarded-Host", "canary.example"),
    ("X-Forwarded-Proto", "https"),
    ("Forwarded", "for=203.0.113.9"),
    ("Via", "1.1 canary"),
    ("Proxy-Authorization", "Basic Y2FuYXJ5"),
    ("X-Api-Key", "canary"),
    ("X-HTTP-Method-Override", "DELETE"),
    ("X-Original-URL", "/canary"),
    ("X-Request-Id", "canary"),
    ("tracestate", "canary=1"),
    ("baggage", "canary=1"),
    ("Referer", "https://canary.example/"),
    ("Origin", "https://app.corp.example"),
    ("User-Agent", "canary/1"),
    ("Accept", "text/canary"),
    ("Accept-Encoding", "gzip"),
    ("Accept-Language", "de"),
    ("If-None-Match", "\"canary\""),
    ("Range", "bytes=0-1"),
    ("Connection", "keep-alive, x-hop"),
    ("X-Hop", "canary"),
    ("TE", "trailers"),
];

#[tokio::test]
async fn the_vendor_sees_these_headers_and_no_others() {
    let world = World::start().await;
    for (method, path, body) in [("POST", "/conferences", CREATE), ("GET", PATH, ""), ("DELETE", PATH, "")] {
        let mut headers = NOT_FOR_THE_VENDOR.to_vec();
        headers.extend((!body.is_empty()).then_some(("Content-Type", "application/json; charset=utf-8")));
        let answer = call(&world, method, path, &headers, body).await;
        assert_eq!(answer.status, 200, "{}", answer.text());

        let seen = world.vendor.calls().pop().expect("a call");
        let mut fields = by_name(&seen);
        let mut value = |name: &str| fields.remove(name).unwrap_or_else(|| panic!("no {name} in {seen:?}"));
        let host = world.vendor.base_url().strip_prefix("http://").expect("plain HTTP");
        assert_eq!(value("host"), host);
        assert!(value("authorization").starts_with("Bearer YWMt-test-"));
        assert_eq!((&*value("accept"), &*value("content-type")), ("application/json", "application/json"));
        assert!(value("user-agent").starts_with("confgate/"));
        assert_eq!(value("traceparent").len(), 55);
        if method == "POST" {
            assert_eq!(value("content-length"), seen.body.len().to_string());
        }
        fields.retain(|name, value| !(name == "content-length" && value == "0"));
        assert_eq!(fields, BTreeMap::new());
        assert!(!String::from_utf8_lossy(&seen.head).contains("canary"));

        let id = answer.header("x-request-id").expect("an id");
        assert_ne!(id, "canary", "callers do not choose the id");
        assert_eq!(world.trail.outcome_of(id).await["client"], "127.0.0.1");
    }
    assert!(!world.trail.lines().join("\n").contains("canary"));
}

#[tokio::test]
async fn the_callers_trace_goes_on_with_a_span_of_the_gateways_own() {
    let world = World::start().await;
    let parent = format!("00-{TRACE}-00f067aa0ba902b7-01");
    let answer = call(&world, "GET", PATH, &[("traceparent", &parent)], "").await;
    let sent = world.vendor.calls()[0].headers.get("traceparent").expect("a trace").to_owned();
    let parts: Vec<&str> = sent.split('-').collect();
    assert_eq!((parts[0], parts[1], parts[3]), ("00", TRACE, "01"));
    assert_ne!(parts[2], "00f067aa0ba902b7");
    let outcome = world.trail.outcome_of(answer.header("x-request-id").expect("an id")).await;
    assert_eq!(outcome["trace_id"], TRACE);
}

#[tokio::test]
async fn a_trace_that_is_none_is_replaced_by_a_new_one() {
    let world = World::start().await;
    let good = format!("00-{TRACE}-00f067aa0ba902b7-01");
    let wrong = [
        vec![("traceparent", "canary")],
        vec![("traceparent", "00-00000000000000000000000000000000-00f067aa0ba902b7-01")],
        vec![("traceparent", &*good), ("traceparent", &*good)],
        vec![],
    ];
    for headers in wrong {
        let answer = call(&world, "GET", PATH, &headers, "").await;
        let call = world.vendor.calls().pop().expect("a call");
        let sent = call.headers.get("traceparent").expect("a trace");
        assert!(!sent.contains(TRACE) && sent.len() == 55, "{sent}");
        let outcome = world.trail.outcome_of(answer.header("x-request-id").expect("an id")).await;
        assert_eq!(outcome["trace_id"], sent[3..35]);
    }
}

#[tokio::test]
async fn of_the_vendors_headers_only_those_about_the_answer_come_back() {
    let world = World::start().await;
    let reply = Reply::body(200, "application/json;charset=UTF-8", r#"{"error":0}"#)
        .header("Set-Cookie", "rememberMe=canary")
        .header("Server", "canary")
        .header("X-Request-Id", "canary")
        .header("Access-Control-Allow-Origin", "https://canary.example")
        .header("WWW-Authenticate", "Basic realm=canary")
        .header("Proxy-Status", "canary")
        .header("Cache-Control", "public, max-age=canary")
        .header("Location", "https://canary.example/")
        .header("RateLimit", "canary")
        .header("Strict-Transport-Security", "canary")
        .header("Retry-After", "7");
    world.vendor.script(reply);
    let answer = call(&world, "GET", PATH, &[], "").await;
    assert_eq!((answer.status, answer.json()), (200, json!({"error": 0})));
    assert!(!format!("{:?}", answer.headers).contains("canary"), "{:?}", answer.headers);
    assert_eq!(answer.header("content-type"), Some("application/json;charset=UTF-8"));
    assert_eq!(answer.header("retry-after"), Some("7"));
    assert_eq!(answer.header("proxy-status"), Some("confgate; received-status=200"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
    world.trail.outcome_of(answer.header("x-request-id").expect("an id")).await;
}
