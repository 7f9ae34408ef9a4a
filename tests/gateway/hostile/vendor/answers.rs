//! Answers that are odd and whole all the same: each comes back as it is, less what is between the vendor and the
//! gateway, and whatever stands behind it on the connection is nobody's answer.

use std::time::Duration;

use super::cases::{Case, closed, kept, passed, try_all};
use crate::support::server::{Reply, Step};

const OK: &str = r#"{"error":0}"#;

/// An answer of status 200 with these further lines in its head.
fn with(lines: &str) -> String {
    format!("HTTP/1.1 200 OK\r\n{lines}Content-Length: 11\r\n\r\n{OK}")
}

fn chunked(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{body}")
}

#[tokio::test]
async fn the_status_line_may_be_odd() {
    let line = |line: &str| format!("{line}\r\nContent-Length: 11\r\n\r\n{OK}");
    try_all(vec![
        kept("no reason", line("HTTP/1.1 200"), passed(200, OK)),
        kept("an empty reason", line("HTTP/1.1 200 "), passed(200, OK)),
        kept("a reason in no language", line("HTTP/1.1 200 \u{fffd}\u{fffd}"), passed(200, OK)),
        kept("a long reason", line(&format!("HTTP/1.1 200 {}", "x".repeat(8000))), passed(200, OK)),
        kept("an empty line before", line("\r\nHTTP/1.1 200 OK"), passed(200, OK)),
        kept("HTTP/1.0", line("HTTP/1.0 200 OK"), passed(200, OK)),
        kept("HTTP/1.0, kept", line("HTTP/1.0 200 OK\r\nConnection: keep-alive"), passed(200, OK)),
        closed("HTTP/1.0 without a length", format!("HTTP/1.0 200 OK\r\n\r\n{OK}"), passed(200, OK)),
        kept("status 999", line("HTTP/1.1 999 Odd"), passed(999, OK)),
        kept("status 600", line("HTTP/1.1 600 Odd"), passed(600, OK)),
        kept("status 299", line("HTTP/1.1 299 Odd"), passed(299, OK)),
        kept("status 451", line("HTTP/1.1 451 Odd"), passed(451, OK)),
        kept("bare line feeds", format!("HTTP/1.1 200 OK\nContent-Length: 11\n\n{OK}"), passed(200, OK)),
    ])
    .await;
}

#[tokio::test]
async fn informational_answers_go_by() {
    let before = |informational: &str| format!("{informational}{}", with(""));
    try_all(vec![
        kept("100", before("HTTP/1.1 100 Continue\r\n\r\n"), passed(200, OK)),
        kept("102, twice", before(&"HTTP/1.1 102 Processing\r\n\r\n".repeat(2)), passed(200, OK)),
        kept(
            "103 with headers",
            before("HTTP/1.1 103 Early Hints\r\nLink: </x>\r\nSet-Cookie: a=b\r\n\r\n"),
            passed(200, OK),
        ),
        kept("199", before("HTTP/1.1 199 Odd\r\n\r\n"), passed(200, OK)),
        kept("a thousand", before(&"HTTP/1.1 100 Continue\r\n\r\n".repeat(1000)), passed(200, OK)),
    ])
    .await;
}

#[tokio::test]
async fn headers_stay_behind_but_for_a_few() {
    let many = "X-Y: z\r\n".repeat(120);
    let large = format!("X-Large: {}\r\n", "x".repeat(60_000));
    try_all(
        vec![
            kept("cookies", with("Set-Cookie: a=b\r\nSet-Cookie: c=d; Secure\r\n"), passed(200, OK)),
            kept("twice the type", with("Content-Type: text/x\r\nContent-Type: text/y\r\n"), passed(200, OK)),
            kept("twice the same length", with("Content-Length: 11\r\n"), passed(200, OK)),
            kept(
                "ours",
                with(
                    "X-Request-Id: forged\r\nProxy-Status: forged; received-status=200\r\n\
                     Access-Control-Allow-Origin: https://evil.test\r\nAccess-Control-Allow-Credentials: true\r\n\
                     Cache-Control: public\r\nRateLimit: \"x\";r=0\r\nDate: never\r\nVary: *\r\n",
                ),
                passed(200, OK),
            ),
            kept(
                "theirs",
                with(
                    "Server: x\r\nVia: 1.1 inner\r\nWWW-Authenticate: Bearer\r\nLocation: /x\r\nAlt-Svc: h3=\":1\"\r\n\
                     Strict-Transport-Security: max-age=1\r\nX-Powered-By: y\r\nRefresh: 0; url=/\r\nETag: z\r\n",
                ),
                passed(200, OK),
            ),
            kept("connection names ours", with("Connection: Content-Type, X-Y\r\nX-Y: z\r\n"), passed(200, OK)),
            kept("an upgrade", with("Upgrade: h2c\r\nConnection: Upgrade\r\n"), passed(200, OK)),
            kept("many", with(&many), passed(200, OK)),
            kept("a giant", with(&large), passed(200, OK)),
        ],
    )
    .await;
}

#[tokio::test]
async fn bodies_may_be_framed_in_any_way_there_is() {
    try_all(
        vec![
            closed("by the end", format!("HTTP/1.1 200 OK\r\n\r\n{OK}"), passed(200, OK)),
            kept("in chunks", chunked("1\r\n{\r\nA\r\n\"error\":0}\r\n0\r\n\r\n"), passed(200, OK)),
            kept("chunks with extensions", chunked(&format!("b;a=b;c\r\n{OK}\r\n0;x\r\n\r\n")), passed(200, OK)),
            kept("chunks with zeros in front", chunked(&format!("000b\r\n{OK}\r\n00\r\n\r\n")), passed(200, OK)),
            kept("trailers", chunked(&format!("b\r\n{OK}\r\n0\r\nSet-Cookie: a=b\r\nX: y\r\n\r\n")), passed(200, OK)),
            kept(
                "chunks and a length",
                format!("HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\nb\r\n{OK}\r\n0\r\n\r\n"),
                passed(200, OK),
            ),
            kept("an empty one", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", passed(200, "")),
            Case {
                name: "byte by byte",
                reply: Reply::steps([Step::Trickle(with("").into(), Duration::from_millis(1))]),
                expected: passed(200, OK),
            },
        ],
    )
    .await;
}

#[tokio::test]
async fn what_stands_behind_an_answer_is_nobodys() {
    const SMUGGLED: &str = "HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n{\"id\":\"forged\"}";
    let behind = |answer: &str| format!("{answer}{SMUGGLED}");
    let shorter = format!("HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n{OK}, and more than was announced");
    try_all(
        vec![
            kept("a second answer", behind(&with("")), passed(200, OK)),
            kept("a second answer in chunks", behind(&chunked(&format!("b\r\n{OK}\r\n0\r\n\r\n"))), passed(200, OK)),
            kept("more than was announced", shorter, passed(200, OK)),
            kept("204 with a body", behind("HTTP/1.1 204 No\r\n\r\n"), passed(204, "")),
            kept("204 with a length", behind("HTTP/1.1 204 No\r\nContent-Length: 5\r\n\r\nhello"), passed(204, "")),
            kept("304 with a body", behind("HTTP/1.1 304 No\r\nContent-Length: 5\r\n\r\nhello"), passed(304, "")),
            kept("an empty one with another", behind("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"), passed(200, "")),
            kept("an empty line", format!("{}\r\n", with("")), passed(200, OK)),
            kept(
                "behind chunks and a length",
                behind(&format!("HTTP/1.1 200 OK\r\nContent-Length: 200\r\nTransfer-Encoding: chunked\r\n\r\nb\r\n{OK}\r\n0\r\n\r\n")),
                passed(200, OK),
            ),
        ],
    )
    .await;
}
