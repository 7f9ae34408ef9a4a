//! Heads that are no HTTP, or no HTTP that anybody should act on.

use crate::support::client::Connection;
use crate::support::world::World;
use crate::wire::{get, head, is_refused, leaves_outcomes, sent};

/// Sends each as the only request of a connection; checks the refusal, the end of the connection, the vendor and the
/// trail.
async fn each_is_refused(world: &World, cases: &[(&str, Vec<u8>)], status: u16, code: &str) {
    for (what, bytes) in cases {
        let mut connection = sent(world, bytes).await;
        let answer = connection.answer("GET").await;
        assert_eq!(answer.status, status, "{what}: {}", answer.text());
        assert_eq!(answer.header("connection"), Some("close"), "{what}");
        is_refused(world, &answer, code, what).await;
        assert_eq!(connection.rest().await, b"", "{what}: more than one answer");
    }
    assert!(world.vendor.calls().is_empty(), "{:?}", world.vendor.calls());
    leaves_outcomes(world, cases.len()).await;
}

fn case(what: &str, text: impl Into<Vec<u8>>) -> (&str, Vec<u8>) {
    (what, text.into())
}

#[tokio::test]
async fn a_request_line_that_is_none_is_malformed() {
    let world = World::start().await;
    let line = |line: &str| head(&world, &format!("{line}\r\nHost: gate.test\r\n"), "");
    let cases = [
        case("one word", "GARBAGE\r\n\r\n"),
        case("HTTP/0.9", "GET /conferences/IM3\r\n\r\n"),
        case("no version", line("GET /conferences/IM3")),
        case("an unknown version", line("GET /conferences/IM3 HTTP/3.0")),
        case("another protocol", line("GET /conferences/IM3 RTSP/1.0")),
        case("a space in the path", line("GET /conferences/IM3 x HTTP/1.1")),
        case("a NUL in the method", line("G\0T /conferences/IM3 HTTP/1.1")),
        case("a NUL in the path", line("GET /conferences/\0IM3 HTTP/1.1")),
        case("no method", line(" /conferences/IM3 HTTP/1.1")),
        case("a path without a slash", line("GET conferences/IM3 HTTP/1.1")),
        case(
            "a TLS greeting",
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 client hello \r\n\r\n".to_vec(),
        ),
    ];
    each_is_refused(&world, &cases, 400, "request_malformed").await;
}

#[tokio::test]
async fn http_2_where_it_is_not_spoken_is_malformed() {
    let world = World::with(&[("LISTEN__HTTP2__ENABLED", "false")]).await;
    let start = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
    each_is_refused(&world, &[case("HTTP/2 from the start", start)], 400, "request_malformed").await;
}

#[tokio::test]
async fn a_header_line_that_is_none_is_malformed() {
    let world = World::start().await;
    let line = |line: &str| get(&world, &format!("{line}\r\n"));
    let cases = [
        case("no colon", line("nonsense")),
        case("a space before the colon", line("X-Name : value")),
        case("no name", line(": value")),
        case("a name that is no token", line("X(Name): value")),
        case("a NUL in the value", line("X-Name: a\0b")),
        case("a folded line", line("X-Name: a\r\n b")),
        case("a bare CR", line("X-Name: a\rb")),
        case("a control character in the value", line("X-Name: a\x07b")),
    ];
    each_is_refused(&world, &cases, 400, "request_malformed").await;
}

#[tokio::test]
async fn a_length_that_can_be_read_in_two_ways_is_malformed() {
    let world = World::start().await;
    let create = |lines: &str| {
        let extra = format!("Content-Type: application/json\r\n{lines}\r\n");
        head(&world, "POST /conferences HTTP/1.1\r\nHost: gate.test\r\n", &extra) + "{\"confrType\":10}"
    };
    let http10 = head(
        &world,
        "POST /conferences HTTP/1.0\r\nHost: gate.test\r\n",
        "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n",
    );
    let cases = [
        case("no number", create("Content-Length: ten")),
        case("a negative number", create("Content-Length: -1")),
        case("a signed number", create("Content-Length: +16")),
        case("a list", create("Content-Length: 16, 17")),
        case("two different ones", create("Content-Length: 16\r\nContent-Length: 5")),
        case("a number without end", create("Content-Length: 99999999999999999999999")),
        case("an unknown coding", create("Transfer-Encoding: gzip")),
        case("chunked, but not at last", create("Transfer-Encoding: chunked, gzip")),
        case("chunked in HTTP/1.0", http10 + "10\r\n{\"confrType\":10}\r\n0\r\n\r\n"),
    ];
    each_is_refused(&world, &cases, 400, "request_malformed").await;
}

#[tokio::test]
async fn a_request_of_http_1_1_has_exactly_one_host() {
    let world = World::start().await;
    let cases = [
        ("no Host", ""),
        ("two Hosts", "Host: gate.test\r\nHost: gate.test\r\n"),
        ("two Hosts", "Host: a\r\nHost: b\r\n"),
    ];
    for (what, hosts) in cases {
        let mut connection = sent(&world, head(&world, "GET /conferences/IM3 HTTP/1.1\r\n", hosts)).await;
        let answer = connection.answer("GET").await;
        is_refused(&world, &answer, "request_malformed", what).await;
    }
    assert!(world.vendor.calls().is_empty());
    leaves_outcomes(&world, cases.len()).await;
}

#[tokio::test]
async fn a_head_that_is_too_large_is_refused_as_such() {
    let world = World::with(&[("LISTEN__MAX_HEADER_BYTES", "10KiB"), ("LISTEN__MAX_HEADERS", "20")]).await;
    let line = |path: &str| head(&world, &format!("GET {path} HTTP/1.1\r\nHost: gate.test\r\n"), "");
    let many = "X-Name: x\r\n".repeat(20);
    let cases = [
        case("a long value", get(&world, &format!("X-Name: {}\r\n", "x".repeat(10 << 10)))),
        case("a long name", get(&world, &format!("{}: x\r\n", "x".repeat(10 << 10)))),
        case("a long path", line(&format!("/conferences/{}", "x".repeat(10 << 10)))),
        case("a path longer than any", line(&format!("/conferences/{}", "x".repeat(70 << 10)))),
        case("many headers", get(&world, &many)),
        case("without end", vec![b'x'; 200 << 10]),
    ];
    each_is_refused(&world, &cases, 431, "headers_too_large").await;
}

#[tokio::test]
async fn a_head_that_breaks_off_is_malformed() {
    let world = World::start().await;
    let mut connection = sent(&world, "GET /conferences/IM3 HTTP/1.1\r\nHost: gate").await;
    connection.finish().await;
    let answer = connection.answer("GET").await;
    is_refused(&world, &answer, "request_malformed", "half a head").await;
    assert!(world.vendor.calls().is_empty());
}

#[tokio::test]
async fn a_malformed_request_after_a_good_one_is_refused_the_same() {
    let world = World::start().await;
    for (version, lines) in [("1.1", ""), ("1.0", "Connection: keep-alive\r\n")] {
        let start = format!("GET /conferences/IM3 HTTP/{version}\r\nHost: gate.test\r\n");
        let mut connection = Connection::open(world.address).await;
        connection.write(head(&world, &start, lines)).await;
        assert_eq!(connection.answer("GET").await.status, 200, "HTTP/{version}");
        connection.write("GARBAGE\r\n\r\n").await;
        let answer = connection.answer("GET").await;
        is_refused(&world, &answer, "request_malformed", version).await;
        assert_eq!(connection.rest().await, b"");
    }
    assert_eq!(world.vendor.calls().len(), 2);
    leaves_outcomes(&world, 4).await;
}
