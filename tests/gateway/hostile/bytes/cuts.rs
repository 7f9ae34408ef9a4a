//! Bytes that arrive in pieces, and bytes that stop.

use super::case::Answered::{Denied, Refused};
use super::case::End::{Closed, Cut, Kept};
use super::case::{
    BODY, Case, MALFORMED, created, created_by_default, get, got, post, post_chunked, request, smuggled,
};
use super::harness::Harness;

/// Wherever a request is cut in two, it is the same request.
#[tokio::test]
async fn it_does_not_matter_where_bytes_are_cut() {
    let cases = [
        Case::new("a look", get(""), &[got()], Kept),
        Case::new("a create", post("Content-Length: 35", BODY), &[created()], Kept),
        Case::new("a create in chunks", post_chunked("Transfer-Encoding: chunked"), &[created()], Kept),
        Case::new(
            "extensions and trailers",
            post("Transfer-Encoding: chunked", &format!("023;a=\"b\"\r\n{BODY}\r\n0;c\r\nX: y\r\n\r\n")),
            &[created()],
            Kept,
        ),
        Case::new(
            "both",
            post_chunked("Content-Length: 4\r\nTransfer-Encoding: chunked") + &smuggled(),
            &[created()],
            Closed,
        ),
        Case::new(
            "a coding too many",
            post_chunked("Transfer-Encoding: gzip, chunked"),
            &[MALFORMED],
            Closed,
        ),
        Case::new("an unknown coding", post_chunked("Transfer-Encoding: xchunked"), &[MALFORMED], Closed),
        Case::new(
            "two lengths",
            post("Content-Length: 35\r\nContent-Length: 36", BODY),
            &[MALFORMED],
            Closed,
        ),
        Case::new(
            "a length of 0",
            post("Content-Length: 0", BODY),
            &[created_by_default(), MALFORMED],
            Closed,
        ),
        Case::new(
            "a chunk that is too short",
            post("Transfer-Encoding: chunked", &format!("22\r\n{BODY}\r\n0\r\n\r\n")),
            &[Denied("request_malformed")],
            Closed,
        ),
        Case::new(
            "a size with a sign",
            post("Transfer-Encoding: chunked", &format!("+23\r\n{BODY}\r\n0\r\n\r\n")),
            &[Denied("request_malformed")],
            Closed,
        ),
        Case::new("a folded field", get("X: y\r\n z"), &[MALFORMED], Closed),
        Case::new("a space before the colon", get("X : y"), &[MALFORMED], Closed),
        Case::new("NUL", get("X: \0"), &[MALFORMED], Closed),
        Case::new("CR", get("X: y\rz"), &[MALFORMED], Closed),
        Case::new("LF alone", get("X: y").replace("\r\n", "\n"), &[got()], Kept),
        Case::new("two hosts", get("Host: elsewhere.test"), &[MALFORMED], Kept),
        Case::new(
            "another version",
            request("GET /conferences/$ID HTTP/2.0", "Host: gate.test", ""),
            &[MALFORMED],
            Closed,
        ),
        Case::new(
            "nowhere",
            request("GET /conferences/../token HTTP/1.1", "Host: gate.test", ""),
            &[Refused("route_unknown")],
            Kept,
        ),
        Case::new("garbage", "GARBAGE\r\n\r\n", &[MALFORMED], Closed),
        Case::new("two at once", get("") + &post("Content-Length: 35", BODY), &[got(), created()], Kept),
    ];
    Harness::start().await.runs_in_two_pieces(&cases).await;
}

/// Whatever is missing of a request, what is there is none, and the vendor hears nothing.
#[tokio::test]
async fn a_request_that_stops_is_none() {
    let whole = |text: String| text.replace("$ID", "c00000");
    let mut cases = Vec::new();
    for (what, text) in [
        ("a look", whole(get(""))),
        ("a create", whole(post("Content-Length: 35", BODY))),
        ("a create in chunks", whole(post_chunked("Transfer-Encoding: chunked"))),
        ("a create that waits", whole(post("Content-Length: 35\r\nExpect: 100-continue", BODY))),
    ] {
        let head = text.find("\r\n\r\n").expect("a head") + 4;
        // A cut within `$TOKEN` would leave a word that stands for nothing.
        let token = text.find("$TOKEN").expect("a token");
        for end in (1..text.len()).filter(|end| !(token + 1..token + 6).contains(end)) {
            let missing = if end < head { MALFORMED } else { Denied("request_malformed") };
            cases.push(Case::new(format!("{end} bytes of {what}"), &text[..end], &[missing], Cut));
        }
    }
    Harness::start().await.runs(&cases).await;
}
