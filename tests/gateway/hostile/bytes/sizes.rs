//! Heads from 8 kB to 10 MB, and bodies over the limit.

use super::case::Answered::{Denied, Refused};
use super::case::End::{Closed, Kept};
use super::case::{BODY, Case, created, each, get, got, post, request};
use super::harness::Harness;

const TOO_LARGE: &[super::case::Answered] = &[Refused("headers_too_large")];

/// One field that makes the head so large, about.
fn one_giant(size: usize) -> String {
    get(&format!("X: {}", "x".repeat(size)))
}

fn giant_target(size: usize) -> String {
    request(&format!("GET /conferences/$ID?{} HTTP/1.1", "x".repeat(size)), "Host: gate.test", "")
}

fn giant_method(size: usize) -> String {
    request(&format!("{} /conferences/$ID HTTP/1.1", "M".repeat(size)), "Host: gate.test", "")
}

fn giant_name(size: usize) -> String {
    get(&format!("{}: y", "X".repeat(size)))
}

fn giant_version(size: usize) -> String {
    request(&format!("GET /conferences/$ID HTTP/1.1{}", "1".repeat(size)), "Host: gate.test", "")
}

fn many_small(size: usize) -> String {
    get("X: y\r\n".repeat(size / 6).trim_end())
}

#[tokio::test]
async fn a_head_is_bounded_in_bytes_and_in_fields() {
    let harness =
        Harness::with(&[("LISTEN__MAX_HEADER_BYTES", "16KiB"), ("LISTEN__MAX_HEADERS", "64")]).await;
    let fields =
        |count: usize| get(&(0..count).map(|index| format!("X-{index}: y")).collect::<Vec<_>>().join("\r\n"));
    let mut cases = vec![
        Case::new("8 kB", one_giant(8_000), &[got()], Kept),
        Case::new("15 kB", one_giant(15_000), &[got()], Kept),
        Case::new("8 kB of target", giant_target(8_000), &[got()], Kept),
        Case::new("62 fields more", fields(62), &[got()], Kept),
        Case::new("63 fields more", fields(63), TOO_LARGE, Closed),
        Case::new("a giant version", giant_version(1 << 20), &[super::case::MALFORMED], Closed),
    ];
    for size in [17_000, 65_000, 70_000, 200_000, 1 << 20, 10 << 20] {
        let giants = [
            ("value", one_giant(size)),
            ("target", giant_target(size)),
            ("name", giant_name(size)),
            ("many", many_small(size)),
        ];
        for (what, head) in giants {
            cases.push(Case::new(format!("{what}: {size}"), head, TOO_LARGE, Closed));
        }
    }
    cases.push(Case::new("a giant method", giant_method(200_000), TOO_LARGE, Closed));
    harness.runs(&cases).await;
}

#[tokio::test]
async fn a_body_is_bounded() {
    let harness = Harness::with(&[("LISTEN__MAX_BODY_BYTES", "1KiB")]).await;
    let padded = |size: usize| format!("{BODY}{}", " ".repeat(size - 35));
    let lengthy = |size: usize| post(&format!("Content-Length: {size}"), &padded(size));
    let chunked = |size: usize| {
        post("Transfer-Encoding: chunked", &format!("{size:x}\r\n{}\r\n0\r\n\r\n", padded(size)))
    };
    let small_chunks = |size: usize| {
        let rest = "1\r\n \r\n".repeat(size - 35);
        post("Transfer-Encoding: chunked", &format!("23\r\n{BODY}\r\n{rest}0\r\n\r\n"))
    };
    let mut cases = vec![
        Case::new("at the limit", lengthy(1024), &[created()], Kept),
        Case::new("at the limit in a chunk", chunked(1024), &[created()], Kept),
        Case::new("at the limit in many chunks", small_chunks(1024), &[created()], Kept),
        Case::new(
            "one byte in many chunks too many",
            small_chunks(1025),
            &[Denied("body_too_large")],
            Closed,
        ),
    ];
    for size in [1025, 100_000, 1 << 20, 10 << 20] {
        cases.push(Case::new(format!("{size}"), lengthy(size), &[Denied("body_too_large")], Closed));
        cases.push(Case::new(
            format!("{size} in a chunk"),
            chunked(size),
            &[Denied("body_too_large")],
            Closed,
        ));
    }
    let unasked = each(
        "more",
        &["Content-Length: 1000000\r\nExpect: 100-continue"],
        |lines| post(lines, ""),
        &[Denied("body_too_large")],
        Closed,
    );
    cases.extend(unasked);
    harness.runs(&cases).await;
}
