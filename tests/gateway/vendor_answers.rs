//! The vendor's answers come back as they are, whatever they mean.

use serde_json::{Value, json};

use crate::support::api::Api;
use crate::support::client::Answer;
use crate::support::server::Reply;
use crate::support::world::World;

const PATH: &str = "/conferences/IM3SKW51SKH4TB80LV45000C7";

/// The answer to a call that the vendor answers with `reply`, and the outcome in the trail.
async fn answered(world: &World, method: &str, path: &str, reply: Reply) -> (Answer, Value) {
    world.vendor.script(reply);
    let answer = world.call(method, path, "").await;
    let outcome = world.trail.outcome_of(answer.header("x-request-id").expect("an id")).await;
    assert_eq!((&outcome["decision"], &outcome["reason"]), (&json!("allowed"), &Value::Null));
    assert_eq!(
        (&outcome["status"], &outcome["vendor_status"]),
        (&json!(answer.status), &json!(answer.status))
    );
    let received = format!("confgate; received-status={}", answer.status);
    assert_eq!(answer.header("proxy-status"), Some(&*received));
    (answer, outcome)
}

#[tokio::test]
async fn documented_statuses_pass() {
    let world = World::start().await;
    let api = Api::of(world.address).await;
    let error =
        json!({"error": "forbidden_op", "exception": "x", "timestamp": 1_570_613_925_656_u64, "duration": 1});
    for (status, body, recorded) in [
        (200, json!({"error": 0}), json!(0)),
        (403, error, json!("forbidden_op")),
        (404, json!({"error": -301, "error_description": "no such conference"}), json!(-301)),
    ] {
        for (method, path) in [("POST", "/conferences"), ("GET", PATH), ("DELETE", PATH)] {
            let (answer, outcome) = answered(&world, method, path, Reply::json(status, &body)).await;
            assert_eq!((answer.status, answer.json()), (status, body.clone()));
            assert_eq!(outcome["vendor_error"], recorded);
            api.describes(method, path, &answer);
        }
    }
    assert_eq!(world.vendor.calls().len(), 9);
}

#[tokio::test]
async fn statuses_that_nobody_documented_pass_as_well() {
    let world = World::with(&[("VENDOR__PAUSE", "100ms")]).await;
    let api = Api::of(world.address).await;
    for status in [201, 204, 301, 400, 405, 408, 409, 413, 415, 418, 422, 431, 500, 501, 502, 504, 507, 599] {
        for (media_type, body) in [("application/json", r#"{"error":"odd"}"#), ("text/html", "<h1>Odd</h1>")]
        {
            let (reply, body) = match status {
                204 => (Reply::status(204), ""),
                _ => (Reply::body(status, media_type, body), body),
            };
            let (answer, _) = answered(&world, "GET", PATH, reply).await;
            assert_eq!((answer.status, &*answer.text()), (status, body));
            api.describes("GET", PATH, &answer);
        }
    }
}

#[tokio::test]
async fn throttling_passes_with_its_retry_after_and_opens_a_pause() {
    for status in [429, 503] {
        let world = World::start().await;
        let api = Api::of(world.address).await;
        let reply = Reply::json(status, &json!({"error": "reach_limit"})).header("Retry-After", "17");
        let (answer, outcome) = answered(&world, "GET", PATH, reply).await;
        assert_eq!((answer.status, answer.header("retry-after")), (status, Some("17")));
        assert_eq!(
            (answer.json(), &outcome["vendor_error"]),
            (json!({"error": "reach_limit"}), &json!("reach_limit"))
        );
        api.describes("GET", PATH, &answer);

        let paused = world.call("GET", PATH, "").await;
        assert_eq!((paused.status, paused.problem().as_str()), (503, "vendor_paused"));
        let wait: u64 = paused.header("retry-after").expect("a time").parse().expect("seconds");
        assert!((10..=17).contains(&wait), "{wait}");
        let acme = world.issuer.token().claim("tenant", "acme").bearer();
        assert_eq!(world.call_as(&acme, "GET", PATH, "").await.status, 200, "another app goes on");
        assert_eq!(world.vendor.calls().len(), 2);
    }
}

#[tokio::test]
async fn a_failure_inside_200_is_passed_on_and_recorded() {
    let world = World::start().await;
    let body = json!({"error": -706, "error_description": "the service is not opened"});
    let (answer, outcome) = answered(&world, "POST", "/conferences", Reply::json(200, &body)).await;
    assert_eq!((answer.status, answer.json()), (200, body));
    assert_eq!((&outcome["vendor_error"], &outcome["conference"]), (&json!(-706), &Value::Null));
}

#[tokio::test]
async fn what_is_no_json_passes_byte_by_byte() {
    let world = World::start().await;
    let page = "<html>\r\n<head><title>502 Bad Gateway</title></head></html>\n";
    let odd: &[u8] = &[0, 255, 13, 10, 27];
    for (status, media_type, body) in [
        (404, "text/html", page.as_bytes()),
        (200, "text/html; charset=gbk", &[0xc4, 0xe3, 0xba, 0xc3]),
        (200, "application/octet-stream", odd),
        (200, "application/vnd.easemob+json; v=\"2\"", b"{\"error\":0}"),
        (200, "application/json", b"{\"error\":0"),
        (200, "application/json", b""),
    ] {
        let (answer, _) = answered(&world, "GET", PATH, Reply::body(status, media_type, body)).await;
        assert_eq!((answer.status, &*answer.body), (status, body));
        assert_eq!(answer.header("content-type"), Some(media_type));
    }
    let (answer, _) = answered(&world, "GET", PATH, Reply::status(200)).await;
    assert_eq!((answer.header("content-type"), answer.body.len()), (None, 0));
}

#[tokio::test]
async fn a_body_larger_than_is_held_passes_whole() {
    let world = World::with(&[("UPSTREAM__RESPONSE_BUFFER", "1KiB")]).await;
    let body: Vec<u8> = (0..1_000_000_u32).map(|n| u8::try_from(n % 251).expect("a byte")).collect();
    let (answer, outcome) =
        answered(&world, "GET", PATH, Reply::body(200, "application/octet-stream", body.clone())).await;
    assert_eq!(answer.status, 200);
    assert!(answer.body == body, "{} of {} bytes", answer.body.len(), body.len());
    assert_eq!(outcome["vendor_error"], Value::Null);
}

#[tokio::test]
async fn a_password_in_an_answer_reaches_the_caller_and_nobody_else() {
    let world = World::start().await;
    let body = json!({"error": 0, "id": "IM3", "password": "canary-password"});
    let (answer, outcome) = answered(&world, "POST", "/conferences", Reply::json(200, &body)).await;
    assert_eq!(answer.json(), body);
    assert_eq!(outcome["conference"], "IM3");
    assert!(!world.trail.lines().join("\n").contains("canary"));
}
