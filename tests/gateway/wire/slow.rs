//! Callers that take their time: with the head, with the body, with reading, or between two requests.

use std::time::Duration;

use crate::support::client::Connection;
use crate::support::configuration::TWO_SECONDS;
use crate::support::server::Reply;
use crate::support::world::World;
use crate::wire::{get, head, is_refused, leaves_outcomes, sent};

#[tokio::test]
async fn a_head_that_does_not_end_is_given_up() {
    let world = World::with(&TWO_SECONDS).await;
    let half = "GET /conferences/IM3 HTTP/1.1\r\nHost:";
    let alone = async {
        let mut connection = sent(&world, half).await;
        (connection.answer("GET").await, connection.rest().await)
    };
    // The beginning of the second comes together with the first, and the rest never.
    let second = async {
        let mut connection = sent(&world, get(&world, "") + half).await;
        assert_eq!(connection.answer("GET").await.status, 200);
        (connection.answer("GET").await, connection.rest().await)
    };
    let (alone, second) = tokio::join!(alone, second);
    for (what, (answer, rest)) in [("alone", alone), ("second", second)] {
        assert_eq!((answer.status, answer.header("connection")), (408, Some("close")), "{what}");
        is_refused(&world, &answer, "request_timeout", what).await;
        assert_eq!(rest, b"", "{what}");
    }
    assert_eq!(world.vendor.calls().len(), 1);
    leaves_outcomes(&world, 3).await;
}

#[tokio::test]
async fn a_connection_without_a_request_is_closed_without_a_word() {
    let world = World::with(&TWO_SECONDS).await;
    let mut silent = Connection::open(world.address).await;
    let mut blank = sent(&world, "\r\n").await;
    let mut idle = Connection::open(world.address).await;
    assert_eq!(idle.send("GET", "/nothing", &[], "").await.status, 404);
    // A body that is read only after its request was answered begins no new request.
    let create = "POST /nothing HTTP/1.1\r\nHost: gate.test\r\nContent-Length: 2\r\n\r\n{}";
    let mut after_body = sent(&world, create).await;
    assert_eq!(after_body.answer("POST").await.status, 404);
    for (what, connection) in [
        ("silent", &mut silent),
        ("blank", &mut blank),
        ("idle", &mut idle),
        ("after a body", &mut after_body),
    ] {
        assert_eq!(connection.rest().await, b"", "{what}");
    }
    leaves_outcomes(&world, 2).await;
}

#[tokio::test]
async fn a_body_that_does_not_end_is_given_up() {
    let world = World::with(&TWO_SECONDS).await;
    let extra = "Content-Type: application/json\r\nContent-Length: 16\r\n";
    let half = head(&world, "POST /conferences HTTP/1.1\r\nHost: gate.test\r\n", extra) + "{\"confrT";
    let mut connection = sent(&world, half).await;
    let answer = connection.answer("POST").await;
    assert_eq!((answer.status, answer.header("connection")), (408, Some("close")));
    is_refused(&world, &answer, "request_timeout", "half a body").await;
    assert_eq!(connection.rest().await, b"");
    assert!(world.vendor.calls().is_empty());
}

#[tokio::test]
async fn an_answer_that_nobody_reads_is_given_up() {
    let world = World::with(&TWO_SECONDS).await;
    world.vendor.script(Reply::body(200, "text/plain", vec![b'x'; 64 << 20]));
    let streamed = sent(&world, get(&world, "")).await;
    world.vendor.wait_for(1).await;
    world.until_connections(0).await;
    let metrics = world.metrics().await;
    assert!(metrics.contains("confgate_tenant_in_flight{tenant=\"crm\"} 0.0"), "{metrics}");
    drop(streamed);
}

#[tokio::test]
async fn a_caller_that_only_asks_is_cut_off() {
    let world = World::with(&TWO_SECONDS).await;
    let questions = "GET /openapi.json HTTP/1.1\r\nHost: gate.test\r\n\r\n".repeat(2_000);
    let mut connection = Connection::open(world.address).await;
    // Its answers fill every buffer; then its questions are not read any more either.
    let asking = tokio::time::timeout(Duration::from_secs(1), connection.write(questions)).await;
    world.until_connections(0).await;
    drop((asking, connection));
    assert_eq!(world.vendor.calls().len(), 0);
    leaves_outcomes(&world, 0).await;
}
