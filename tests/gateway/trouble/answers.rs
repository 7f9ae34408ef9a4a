//! Answers of the vendor's that are odd and whole all the same: they come back as they are.

use std::time::{Duration, Instant};

use serde_json::json;

use super::{PATH, passed_on, refused};
use crate::support::client::Answer;
use crate::support::issuer::Issuer;
use crate::support::server::{Reply, Server};
use crate::support::vendor::Vendor;
use crate::support::world::World;
use crate::support::{CREATE, within};

#[tokio::test]
async fn an_error_page_comes_back_as_it_is() {
    let world = World::start().await;
    for (status, media_type, body) in [
        (502, "text/html", "<html><h1>502 Bad Gateway</h1></html>"),
        (404, "application/json", r#"{"error":-301,"error_description":"no such conference"}"#),
        (403, "application/json", r#"{"error":"forbidden"}"#),
        (500, "text/plain; charset=GB2312", "\u{fffd}"),
        (200, "application/json", r#"{"error":-706}"#),
        (418, "application/octet-stream", "\0\u{1}"),
    ] {
        world
            .vendor
            .script(Reply::body(status, media_type, body).header("X-Inner", "secret").header("Server", "x"));
        let answer = world.call("POST", "/conferences", CREATE).await;
        let outcome = passed_on(&world, &answer, status).await;
        assert_eq!(
            (answer.header("content-type"), answer.body.as_slice()),
            (Some(media_type), body.as_bytes())
        );
        assert_eq!((answer.header("x-inner"), answer.header("server")), (None, None));
        assert_eq!((&outcome["attempts"], &outcome["outcome_unknown"]), (&1.into(), &false.into()));
        let error = serde_json::from_str::<serde_json::Value>(body).map(|body| body["error"].clone());
        assert_eq!(outcome["vendor_error"], error.unwrap_or_default());
        assert!(outcome["conference"].is_null());
    }
    assert_eq!(world.vendor.calls().len(), 6);
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let elsewhere = Server::start(None, |_| Reply::json(200, &json!({"error": 0}))).await;
    let world = World::start().await;
    let location = format!("http://{}/", elsewhere.address());
    for status in [301, 302, 307, 308] {
        world.vendor.script(Reply::status(status).header("Location", &location));
        let answer = world.call("POST", "/conferences", CREATE).await;
        passed_on(&world, &answer, status).await;
        assert_eq!(answer.header("location"), None);
    }
    assert_eq!((elsewhere.connections(), world.vendor.calls().len()), (0, 4));
}

#[tokio::test]
async fn a_large_answer_passes_through() {
    let world = World::start().await;
    let members: Vec<String> = (0..5 << 10).map(|number| format!("{number:01024}")).collect();
    let large = json!({"error": 0, "id": "IM3", "mems": members}).to_string();
    assert!(large.len() > 5 << 20);
    let chunked = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{large}\r\n0\r\n\r\n",
        large.len()
    );
    for reply in [Reply::body(200, "application/json", large.clone()), Reply::raw(chunked)] {
        world.vendor.script(reply);
        let answer = world.call("GET", PATH, "").await;
        passed_on(&world, &answer, 200).await;
        assert!(answer.text() == large, "{} bytes of {}", answer.body.len(), large.len());
    }
    world.until_in_flight("crm", 0).await;
}

#[tokio::test]
async fn a_throttling_vendor_is_left_in_peace_by_that_app_alone() {
    let asked = |reply: Reply| reply.header("Retry-After", "3");
    tokio::join!(
        pause(&[], asked(Reply::json(429, &json!({"error": "reach_limit"}))), 429),
        pause(&[], asked(Reply::status(503)), 503),
        pause(&[("VENDOR__PAUSE", "3s")], Reply::status(429), 429),
        default_pause(),
        longest_pause(),
    );
}

/// How long a pause lasts here: the calls of a test are made within it, on a machine with other things to do too.
const PAUSE: Duration = Duration::from_secs(3);

/// Checks that the answer tells what is left of a pause that did not begin before `earliest`.
fn tells_what_is_left(answer: &Answer, earliest: Instant) {
    let left = answer.header("retry-after").and_then(|wait| wait.parse().ok()).expect("seconds");
    let left = Duration::from_secs(left);
    assert!(left <= PAUSE && left + earliest.elapsed() >= PAUSE, "{left:?}");
}

async fn pause(changes: &[(&str, &str)], throttled: Reply, status: u16) {
    let world = World::with(changes).await;
    world.vendor.script(throttled);
    let begun = Instant::now();
    let first = world.call("POST", "/conferences", CREATE).await;
    let ends = Instant::now() + PAUSE;
    passed_on(&world, &first, status).await;
    let paused = world.call("POST", "/conferences", CREATE).await;
    let outcome = refused(&world, &paused, 503, "vendor_paused").await;
    tells_what_is_left(&paused, begun);
    assert_eq!((&outcome["attempts"], &outcome["intent"]), (&0.into(), &json!(null)));
    let gets_too = world.call("GET", PATH, "").await;
    refused(&world, &gets_too, 503, "vendor_paused").await;
    assert_eq!(world.vendor.calls().len(), 1);
    let other = world.issuer.token().claim("tenant", "acme").bearer();
    assert_eq!(world.call_as(&other, "GET", PATH, "").await.status, 200);
    world.until_ready().await;

    tokio::time::sleep_until(ends.into()).await;
    let answer = world.call("POST", "/conferences", CREATE).await;
    passed_on(&world, &answer, 200).await;
}

/// Where neither the vendor nor the configuration says how long, it is a second.
async fn default_pause() {
    let world = World::start().await;
    world.vendor.script(Reply::status(429));
    let begun = Instant::now();
    assert_eq!(world.call("GET", PATH, "").await.status, 429);
    let over = async {
        loop {
            let answer = world.call("GET", PATH, "").await;
            if answer.status == 200 {
                return;
            }
            assert_eq!(answer.header("retry-after"), Some("1"));
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    within("the end of the pause", over).await;
    assert!(begun.elapsed() >= Duration::from_secs(1), "{:?}", begun.elapsed());
}

/// One odd header does not shut an app out for a day.
async fn longest_pause() {
    let world = World::with(&[("VENDOR__MAX_PAUSE", "3s")]).await;
    world.vendor.script(Reply::status(503).header("Retry-After", "86400"));
    let begun = Instant::now();
    let answer = world.call("GET", PATH, "").await;
    let ends = Instant::now() + PAUSE;
    assert_eq!((answer.status, answer.header("retry-after")), (503, Some("86400")), "the vendor's own word");
    tells_what_is_left(&world.call("GET", PATH, "").await, begun);
    tokio::time::sleep_until(ends.into()).await;
    assert_eq!(world.call("GET", PATH, "").await.status, 200);
}

#[tokio::test]
async fn a_vendor_over_https_is_trusted_by_its_authority() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), Vendor::certificate_pem()).unwrap();
    let trust = [("UPSTREAM__CA_FILE", file.path().to_str().unwrap())];
    let world = World::around(Vendor::start_tls().await, Issuer::start().await, &trust).await;
    world.until_ready().await;
    let answer = world.call("POST", "/conferences", CREATE).await;
    passed_on(&world, &answer, 200).await;
    assert_eq!(world.vendor.calls().len(), 1);
}

#[tokio::test]
async fn a_certificate_is_checked_at_each_connection() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), Vendor::certificate_pem()).unwrap();
    let trust = [("UPSTREAM__CA_FILE", file.path().to_str().unwrap())];
    let world = World::around(Vendor::start_tls().await, Issuer::start().await, &trust).await;
    world.until_ready().await;
    world.vendor.lose_certificate();
    let answer = world.call("POST", "/conferences", CREATE).await;
    let outcome = refused(&world, &answer, 502, "vendor_unreachable").await;
    assert!(outcome["detail"].as_str().unwrap().starts_with("TLS failed"), "{outcome}");
    assert_eq!(outcome["outcome_unknown"], false);
    assert!(!answer.text().contains("TLS"), "{}", answer.text());
    assert_eq!(world.vendor.calls().len(), 0, "the token went to a stranger");
}

#[tokio::test]
async fn a_vendor_whose_certificate_nobody_vouches_for_learns_nothing() {
    let changes = [("VENDOR__MAX_BACKOFF", "50ms")];
    let world = World::around(Vendor::start_tls().await, Issuer::start().await, &changes).await;
    world.until_status("keys", |status| status["issuers"][0]["usable"] == true).await;
    let failed =
        |status: &serde_json::Value| status["apps"][0]["token"]["failures_in_a_row"].as_u64() > Some(1);
    world.until_status("failed fetches", failed).await;
    let readiness = world.until_readyz(503).await.json();
    assert!(readiness["vendor_token/meet"].as_str().unwrap().contains("TLS failed"), "{readiness}");
    let answer = world.call("POST", "/conferences", CREATE).await;
    refused(&world, &answer, 503, "vendor_token_unavailable").await;
    assert!(world.vendor.server().connections() > 1);
    assert_eq!(world.vendor.server().calls().len(), 0, "a secret went to a stranger");
}

#[tokio::test]
async fn a_certificate_for_another_name_is_not_good_enough() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), Vendor::certificate_pem()).unwrap();
    let vendor = Vendor::start_tls().await;
    let by_address = vendor.base_url().replace("localhost", "127.0.0.1");
    let changes = [
        ("UPSTREAM__CA_FILE", file.path().to_str().unwrap()),
        ("APPS__MEET__BASE_URL", by_address.as_str()),
        ("VENDOR__MAX_BACKOFF", "50ms"),
    ];
    let world = World::around(vendor, Issuer::start().await, &changes).await;
    let other = world.issuer.token().claim("tenant", "acme").bearer();
    let has_token = |status: &serde_json::Value| {
        status["issuers"][0]["usable"] == true && status["apps"][1]["token"]["present"] == true
    };
    world.until_status("the other app's token", has_token).await;
    assert_eq!(world.call_as(&other, "GET", PATH, "").await.status, 200);
    let answer = world.call("GET", PATH, "").await;
    refused(&world, &answer, 503, "vendor_token_unavailable").await;
    assert_eq!(world.vendor.fetches_for_crm(), 0);
}
