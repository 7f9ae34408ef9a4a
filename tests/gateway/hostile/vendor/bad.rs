//! Answers that are none, or not whole: callers are told so, and that a change may have been made; it is never tried
//! again.

use std::time::Duration;

use super::cases::{BAD, Case, Expected, LATE, UNREACHABLE, closed, kept, try_all, try_in_time};
use crate::support::server::{Gate, Reply, Step, bytes};

const HEAD: &str = "HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n";

fn stopping(name: &'static str, sent: &str, end: Step, expected: Expected) -> Case {
    Case { name, reply: Reply::steps([bytes(sent), end]), expected }
}

#[tokio::test]
async fn what_is_no_http_is_a_bad_answer() {
    let line = |line: &str| format!("{line}\r\nContent-Length: 2\r\n\r\n{{}}");
    let field = |field: &str| format!("HTTP/1.1 200 OK\r\n{field}\r\n\r\n{{}}");
    try_all(vec![
        closed("HTTP/0.9", "{\"error\":0}", BAD),
        closed("another protocol", "SSH-2.0-OpenSSH_9.6\r\n", BAD),
        kept("HTTP/2", line("HTTP/2.0 200 OK"), BAD),
        kept("HTTP/1.2", line("HTTP/1.2 200 OK"), BAD),
        kept("status 000", line("HTTP/1.1 000 OK"), BAD),
        kept("status 99", line("HTTP/1.1 99 OK"), BAD),
        kept("status 1000", line("HTTP/1.1 1000 OK"), BAD),
        kept("status -20", line("HTTP/1.1 -20 OK"), BAD),
        kept("status in letters", line("HTTP/1.1 two OK"), BAD),
        kept("a request", line("GET / HTTP/1.1"), BAD),
        kept("folded", field("X: a\r\n  b\r\nContent-Length: 2"), BAD),
        kept("white space before the colon", field("Content-Length : 2"), BAD),
        kept("no colon", field("Content-Length 2"), BAD),
        kept("no name", field(": 2"), BAD),
        kept("a NUL in a value", field("X: a\0b\r\nContent-Length: 2"), BAD),
        kept("a NUL in a name", field("X\0Y: b\r\nContent-Length: 2"), BAD),
        kept("a line too many", format!("HTTP/1.1 200 OK\r\n{}\r\n{{}}", "X: y\r\n".repeat(200)), BAD),
        kept("a giant", format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "y".repeat(100_000)), BAD),
        kept(
            "a protocol of its own",
            "HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
            BAD,
        ),
    ])
    .await;
}

#[tokio::test]
async fn what_is_framed_wrongly_is_a_bad_answer() {
    let length = |length: &str| format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{{}}");
    let coded =
        |coding: &str, body: &str| format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: {coding}\r\n\r\n{body}");
    try_all(vec![
        kept("a length in letters", length("two"), BAD),
        kept("a negative length", length("-1"), BAD),
        kept("a length with a sign", length("+2"), BAD),
        kept("a length in hexadecimal", length("0x2"), BAD),
        kept("an empty length", length(""), BAD),
        kept("two lengths", length("2\r\nContent-Length: 3"), BAD),
        kept("two lengths in one", length("2, 3"), BAD),
        kept("a length beyond 2^64", length("18446744073709551618"), BAD),
        closed("longer than it is", length("99"), BAD),
        closed("chunks without an end", coded("chunked", "2\r\n{}\r\n"), BAD),
        closed("a chunk that breaks off", coded("chunked", "9\r\n{}"), BAD),
        kept("a chunk's size in letters", coded("chunked", "zz\r\n{}\r\n0\r\n\r\n"), BAD),
        kept("a chunk's size with a sign", coded("chunked", "-2\r\n{}\r\n0\r\n\r\n"), BAD),
        kept("a chunk beyond 2^64", coded("chunked", "fffffffffffffffff\r\n{}\r\n0\r\n\r\n"), BAD),
        kept("a chunk longer than it says", coded("chunked", "2\r\n{}{}\r\n0\r\n\r\n"), BAD),
        kept("no size", coded("chunked", "\r\n{}\r\n0\r\n\r\n"), BAD),
        kept("endless extensions", coded("chunked", &format!("2;{}", "x".repeat(200_000))), BAD),
        kept(
            "endless trailers",
            coded("chunked", &format!("2\r\n{{}}\r\n0\r\n{}", "X: y\r\n".repeat(50_000))),
            BAD,
        ),
        closed("a coding nobody asked for", coded("gzip", "{}"), BAD),
        closed("coded and chunked", coded("gzip, chunked", "2\r\n{}\r\n0\r\n\r\n"), BAD),
        closed("chunked and coded", coded("chunked, gzip", "2\r\n{}\r\n0\r\n\r\n"), BAD),
        closed("chunked twice", coded("chunked, chunked", "2\r\n{}\r\n0\r\n\r\n"), BAD),
        closed("a coding that is none", coded("identity", "{}"), BAD),
        kept(
            "chunks in HTTP/1.0",
            "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
            BAD,
        ),
    ])
    .await;
}

#[tokio::test]
async fn an_answer_may_break_off_anywhere() {
    let half = HEAD.split_at(24).0;
    try_all(vec![
        stopping("closed before the head", "", Step::Close, UNREACHABLE),
        stopping("closed within the head", half, Step::Close, UNREACHABLE),
        stopping("closed after the head", HEAD, Step::Close, BAD),
        stopping("closed within the body", &format!("{HEAD}{{\"er"), Step::Close, BAD),
        stopping("reset before the head", "", Step::Reset, UNREACHABLE),
        stopping("reset within the head", half, Step::Reset, UNREACHABLE),
        stopping("reset after the head", HEAD, Step::Reset, BAD),
        stopping("reset within the body", &format!("{HEAD}{{\"er"), Step::Reset, BAD),
        stopping(
            "reset within a chunk",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\n{}",
            Step::Reset,
            BAD,
        ),
        stopping("reset without a length", "HTTP/1.1 200 OK\r\n\r\n{\"er", Step::Reset, BAD),
    ])
    .await;
}

#[tokio::test]
async fn an_answer_may_be_waited_for_in_vain() {
    let half = HEAD.split_at(24).0;
    let trickle = Step::Trickle(
        [b"HTTP/1.1 200 OK\r\nX: ", &[b'y'; 9000][..]].concat().into(),
        Duration::from_millis(1),
    );
    let informational = "HTTP/1.1 100 Continue\r\n\r\n".repeat(200);
    let informational = Step::Trickle(informational.into(), Duration::from_millis(1));
    try_in_time(vec![
        stopping("hanging before the head", "", Step::Hang, LATE),
        stopping("hanging within the status", "HTTP/1.1 2", Step::Hang, LATE),
        stopping("hanging within the head", half, Step::Hang, LATE),
        stopping("hanging after an informational answer", "HTTP/1.1 100 Continue\r\n\r\n", Step::Hang, LATE),
        stopping("hanging after the head", HEAD, Step::Hang, LATE),
        stopping("hanging within the body", &format!("{HEAD}{{\"er"), Step::Hang, LATE),
        stopping("hanging without an end", "HTTP/1.1 200 OK\r\n\r\n{\"error\":0}", Step::Hang, LATE),
        stopping(
            "hanging within a chunk",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\n{}",
            Step::Hang,
            LATE,
        ),
        stopping(
            "hanging before the last chunk",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nb\r\n{\"error\":0}\r\n",
            Step::Hang,
            LATE,
        ),
        stopping("passing a gate that stays closed", half, Step::Pass(Gate::closed()), LATE),
        Case { name: "a head in drops", reply: Reply::steps([trickle]), expected: LATE },
        Case { name: "informational without end", reply: Reply::steps([informational]), expected: LATE },
    ])
    .await;
}
