//! Bodies: how a create's must be sent, and that no other call has one.

use serde_json::{Value, json};

use crate::support::client::{self, Answer, Connection};
use crate::support::world::World;

const PATH: &str = "/conferences/IM3SKW51SKH4TB80LV45000C7";

/// A create with these headers beside the token.
pub(crate) async fn create(world: &World, headers: &[(&str, &str)], body: impl AsRef<[u8]>) -> Answer {
    let bearer = world.issuer.token().bearer();
    let mut all = vec![("Authorization", bearer.as_str())];
    all.extend(headers);
    client::send(world.address, "POST", "/conferences", &all, body).await
}

pub(crate) const JSON: (&str, &str) = ("Content-Type", "application/json");

/// Refused with `code`, on record as that, and unseen by the vendor.
pub(crate) async fn refused(world: &World, answer: &Answer, code: &str) {
    assert_eq!(answer.problem(), code, "{}", answer.text());
    assert_eq!(world.vendor.calls().len(), 0);
    let outcome = world.trail.outcome_of(answer.header("x-request-id").expect("an id")).await;
    assert_eq!((&outcome["reason"], &outcome["intent"]), (&json!(code), &Value::Null));
}

#[tokio::test]
async fn a_body_is_json_and_says_so() {
    let world = World::start().await;
    let form = |media_type: &'static str| vec![("Content-Type", media_type)];
    for headers in [
        form("text/plain"),
        form("application/x-www-form-urlencoded"),
        form("multipart/form-data; boundary=x"),
        form("application/json; charset=latin1"),
        form("application/jsonp"),
        form("application/problem+json"),
        form(""),
        vec![],
        vec![JSON, JSON],
        vec![JSON, ("Content-Encoding", "gzip")],
        vec![JSON, ("Content-Encoding", "identity, gzip")],
    ] {
        let answer = create(&world, &headers, "{}").await;
        refused(&world, &answer, "media_type_unsupported").await;
    }
    for media_type in [
        "application/json",
        "Application/JSON",
        "application/json; charset=UTF-8",
        "application/json;charset=\"utf-8\"",
    ] {
        assert_eq!(create(&world, &[("Content-Type", media_type)], "{}").await.status, 200, "{media_type}");
    }
}

#[tokio::test]
async fn a_body_may_be_left_out_and_so_may_its_type() {
    let world = World::start().await;
    for headers in [vec![], vec![JSON], vec![("Content-Length", "0")], vec![("Content-Type", "text/plain")]] {
        assert_eq!(create(&world, &headers, "").await.status, 200, "{headers:?}");
    }
    // An end that comes in a chunk is an end like any other.
    let answer = create(&world, &[JSON, ("Transfer-Encoding", "chunked")], "0\r\n\r\n").await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert!(world.vendor.calls().iter().all(|call| call.json() == json!({"creator": "huangcl"})));
}

#[tokio::test]
async fn a_chunked_body_is_a_body() {
    let world = World::start().await;
    let chunks = "4\r\n{\"co\r\n10;ext=1\r\nnfrType\":10}    \r\n0\r\nTrailer: canary\r\n\r\n";
    let answer = create(&world, &[JSON, ("Transfer-Encoding", "chunked")], chunks).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let call = &world.vendor.calls()[0];
    assert_eq!(call.json(), json!({"confrType": 10, "creator": "huangcl"}));
    assert_eq!(call.headers.get("transfer-encoding"), None, "the vendor gets a length");
    assert!(!format!("{call:?}").contains("canary"));
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused_however_it_comes() {
    let world = World::with(&[("LISTEN__MAX_BODY_BYTES", "1KiB")]).await;
    let padded = |length: usize| format!("{{}}{}", " ".repeat(length - 2));
    assert_eq!(create(&world, &[JSON], padded(1024)).await.status, 200);
    let chunked = |body: String| format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
    let as_chunks = ("Transfer-Encoding", "chunked");
    assert_eq!(create(&world, &[JSON, as_chunks], chunked(padded(1024))).await.status, 200);
    assert_eq!(world.vendor.calls().len(), 2);

    let too_large = [
        create(&world, &[JSON], padded(1025)).await,
        create(&world, &[JSON, as_chunks], chunked(padded(1025))).await,
    ];
    for answer in too_large {
        assert_eq!((answer.status, answer.problem().as_str()), (413, "body_too_large"));
        assert!(answer.json()["detail"].as_str().expect("a text").contains("1024"));
        let outcome = world.trail.outcome_of(answer.header("x-request-id").expect("an id")).await;
        assert_eq!(outcome["reason"], "body_too_large");
    }
    assert_eq!(world.vendor.calls().len(), 2);
}

#[tokio::test]
async fn a_length_over_the_limit_is_refused_before_the_body_comes() {
    let world = World::start().await;
    let bearer = world.issuer.token().bearer();
    let mut connection = Connection::open(world.address).await;
    let head = format!(
        "POST /conferences HTTP/1.1\r\nHost: x\r\nAuthorization: {bearer}\r\nContent-Type: application/json\r\n\
         Content-Length: 1000000000000\r\n\r\n"
    );
    connection.write(head).await;
    let answer = connection.answer("POST").await;
    refused(&world, &answer, "body_too_large").await;
    // What would follow is the body that nobody wants: the connection is of no more use.
    connection.rest().await;
}

#[tokio::test]
async fn calls_other_than_create_take_no_body() {
    let world = World::start().await;
    let bearer = world.issuer.token().bearer();
    let chunked = ("Transfer-Encoding", "chunked");
    for (method, path) in [("GET", PATH), ("DELETE", PATH), ("DELETE", "/conferences/IM3/yangss")] {
        for (headers, body) in [(vec![JSON], "{}"), (vec![], "x"), (vec![chunked], "1\r\nx\r\n0\r\n\r\n")] {
            let mut all = vec![("Authorization", bearer.as_str())];
            all.extend(headers);
            let answer = client::send(world.address, method, path, &all, body).await;
            refused(&world, &answer, "request_malformed").await;
        }
    }
    let none = [("Authorization", bearer.as_str()), ("Content-Length", "0"), JSON];
    assert_eq!(
        client::send(world.address, "DELETE", PATH, &none, "").await.status,
        200,
        "nothing is no body"
    );
}

#[tokio::test]
async fn a_caller_who_asks_first_is_told_to_go_on() {
    let world = World::start().await;
    let bearer = world.issuer.token().bearer();
    let head = |bearer: &str| {
        format!(
            "POST /conferences HTTP/1.1\r\nHost: x\r\nAuthorization: {bearer}\r\nContent-Type: application/json\r\n\
             Content-Length: 16\r\nExpect: 100-continue\r\n\r\n"
        )
    };
    let mut connection = Connection::open(world.address).await;
    connection.write(head(&bearer)).await;
    assert_eq!(connection.answer("POST").await.status, 100);
    connection.write(r#"{"confrType":10}"#).await;
    assert_eq!(connection.answer("POST").await.status, 200);
    assert_eq!(world.vendor.calls()[0].json()["confrType"], 10);

    let mut connection = Connection::open(world.address).await;
    connection.write(head("Bearer nonsense")).await;
    let answer = connection.answer("POST").await;
    assert_eq!(answer.problem(), "token_malformed", "whoever is refused is not asked for the body");
}

#[tokio::test]
async fn a_body_that_breaks_off_reaches_nobody() {
    let world = World::start().await;
    let bearer = world.issuer.token().bearer();
    let mut connection = Connection::open(world.address).await;
    let head = format!(
        "POST /conferences HTTP/1.1\r\nHost: x\r\nAuthorization: {bearer}\r\nContent-Type: application/json\r\n\
         Content-Length: 100\r\n\r\n{{}}"
    );
    connection.write(head).await;
    drop(connection);
    let find = |records: &[Value]| records.iter().find(|record| record["kind"] == "outcome").cloned();
    let outcome = world.trail.wait_until("the outcome of what broke off", find).await;
    assert_eq!((&outcome["action"], &outcome["intent"]), (&json!("create"), &Value::Null));
    assert_eq!(world.vendor.calls().len(), 0);
}

#[tokio::test]
async fn a_body_that_does_not_come_is_408() {
    let world = World::with(&[
        ("LISTEN__REQUEST_TIMEOUT", "1s"),
        ("UPSTREAM__TOTAL_TIMEOUT", "500ms"),
        ("UPSTREAM__FIRST_BYTE_TIMEOUT", "500ms"),
        ("UPSTREAM__CONNECT_TIMEOUT", "500ms"),
    ])
    .await;
    let answer = create(&world, &[JSON, ("Content-Length", "100")], "{").await;
    assert_eq!(answer.status, 408);
    refused(&world, &answer, "request_timeout").await;
}

#[tokio::test]
async fn a_refused_body_is_not_taken_for_the_next_request() {
    let world = World::start().await;
    let bearer = world.issuer.token().bearer();
    let smuggled = format!("DELETE {PATH} HTTP/1.1\r\nHost: x\r\nAuthorization: {bearer}\r\n\r\n");
    let mut connection = Connection::open(world.address).await;
    let answer = connection.send("POST", "/conferences", &[], &smuggled).await;
    refused(&world, &answer, "token_missing").await;
    let next = connection.send("GET", PATH, &[("Authorization", &bearer)], "").await;
    assert_eq!(next.status, 200, "{}", next.text());
    let calls = world.vendor.calls();
    assert_eq!(calls.iter().map(|call| &*call.method).collect::<Vec<_>>(), ["GET"]);
    world.trail.outcome_of(next.header("x-request-id").expect("an id")).await;
    let outcomes = world.trail.records().iter().filter(|record| record["kind"] == "outcome").count();
    assert_eq!(outcomes, 2);
}
