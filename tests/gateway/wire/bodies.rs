//! Bodies whose framing is wrong, or that come in unusual ways.

use crate::support::world::World;
use crate::wire::{get, head, is_refused, leaves_outcomes, sent};

const BODY: &str = r#"{"confrType":10}"#;

fn create(world: &World, lines: &str, body: &str) -> String {
    let extra = format!("Content-Type: application/json\r\n{lines}\r\n");
    head(world, "POST /conferences HTTP/1.1\r\nHost: gate.test\r\n", &extra) + body
}

#[tokio::test]
async fn chunks_that_are_none_are_malformed() {
    let world = World::start().await;
    let cases = [
        ("no size", format!("xyz\r\n{BODY}\r\n0\r\n\r\n")),
        ("a negative size", format!("-10\r\n{BODY}\r\n0\r\n\r\n")),
        ("a size without end", format!("{}\r\n{BODY}\r\n0\r\n\r\n", "f".repeat(40))),
        ("a chunk longer than its size", format!("5\r\n{BODY}\r\n0\r\n\r\n")),
        ("no line end after the size", format!("10{BODY}")),
    ];
    for (what, body) in &cases {
        let mut connection = sent(&world, create(&world, "Transfer-Encoding: chunked", body)).await;
        let answer = connection.answer("POST").await;
        is_refused(&world, &answer, "request_malformed", what).await;
        assert_eq!(connection.rest().await, b"", "{what}");
    }
    assert!(world.vendor.calls().is_empty());
    leaves_outcomes(&world, cases.len()).await;
}

#[tokio::test]
async fn a_body_that_breaks_off_is_malformed() {
    let world = World::start().await;
    for lines in ["Content-Length: 16", "Transfer-Encoding: chunked"] {
        let mut connection = sent(&world, create(&world, lines, "10\r\n{\"con")).await;
        connection.finish().await;
        let answer = connection.answer("POST").await;
        is_refused(&world, &answer, "request_malformed", lines).await;
    }
    assert!(world.vendor.calls().is_empty());
}

#[tokio::test]
async fn a_body_may_come_in_chunks_and_after_it_was_asked_for() {
    let world = World::start().await;
    let chunks = create(
        &world,
        "Transfer-Encoding: chunked",
        "6;x=y\r\n{\"conf\r\na\r\nrType\":10}\r\n0\r\nX: y\r\n\r\n",
    );
    assert_eq!(sent(&world, chunks).await.answer("POST").await.status, 200);

    let mut connection = sent(&world, create(&world, "Content-Length: 16\r\nExpect: 100-continue", "")).await;
    assert_eq!(connection.answer("POST").await.status, 100);
    connection.write(BODY).await;
    assert_eq!(connection.answer("POST").await.status, 200);
    for call in world.vendor.calls() {
        assert_eq!(call.json()["confrType"], 10);
    }
    assert_eq!(world.vendor.calls().len(), 2);
    leaves_outcomes(&world, 2).await;
}

#[tokio::test]
async fn a_length_beside_chunks_counts_for_nothing_and_ends_the_connection() {
    let world = World::start().await;
    let smuggled = get(&world, "");
    for lines in
        ["Content-Length: 4\r\nTransfer-Encoding: chunked", "Transfer-Encoding: chunked\r\nContent-Length: 4"]
    {
        let body = format!("10\r\n{BODY}\r\n0\r\n\r\n{smuggled}");
        let mut connection = sent(&world, create(&world, lines, &body)).await;
        let answer = connection.answer("POST").await;
        assert_eq!((answer.status, answer.header("connection")), (200, Some("close")), "{}", answer.text());
        assert_eq!(connection.rest().await, b"", "{lines}");
    }
    let calls = world.vendor.calls();
    assert!(calls.len() == 2 && calls.iter().all(|call| call.method == "POST"), "{calls:?}");
}

#[tokio::test]
async fn a_body_that_nobody_reads_is_no_next_request() {
    let world = World::start().await;
    let smuggled = get(&world, "");
    let length = format!("Content-Length: {}\r\n", smuggled.len());
    let mut connection = sent(&world, get(&world, &length) + &smuggled).await;
    is_refused(&world, &connection.answer("GET").await, "request_malformed", "a body on a GET").await;
    connection.write(&get(&world, "Connection: close\r\n")).await;
    assert_eq!(connection.answer("GET").await.status, 200, "the body was taken off the connection");
    assert_eq!(world.vendor.calls().len(), 1);
    leaves_outcomes(&world, 2).await;
}

#[tokio::test]
async fn a_body_that_is_too_large_ends_the_connection_and_says_so() {
    let world = World::with(&[("LISTEN__MAX_BODY_BYTES", "1KiB")]).await;
    let large = " ".repeat(200 << 10);
    for (lines, body) in [
        (format!("Content-Length: {}", large.len()), large.clone()),
        ("Transfer-Encoding: chunked".to_owned(), format!("{:x}\r\n{large}\r\n0\r\n\r\n", large.len())),
    ] {
        let mut connection = sent(&world, create(&world, &lines, &body)).await;
        let answer = connection.answer("POST").await;
        is_refused(&world, &answer, "body_too_large", &lines).await;
        assert_eq!(answer.header("connection"), Some("close"), "{lines}");
        assert_eq!(connection.rest().await, b"");
    }
    assert!(world.vendor.calls().is_empty());
}
