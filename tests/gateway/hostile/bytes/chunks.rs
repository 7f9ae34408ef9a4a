//! Bodies in chunks: sizes, extensions, ends and trailers.

use super::case::Answered::{Denied, Refused};
use super::case::End::{Closed, Cut, Kept};
use super::case::{BODY, Case, created, each, post, smuggled};
use super::harness::Harness;

/// A create whose body is these chunks.
fn chunked(chunks: &str) -> String {
    post("Transfer-Encoding: chunked", chunks)
}

/// With this line before the only chunk.
fn sized(size: &str) -> String {
    chunked(&format!("{size}\r\n{BODY}\r\n0\r\n\r\n"))
}

/// With this after the only chunk.
fn ended(end: &str) -> String {
    chunked(&format!("23\r\n{BODY}{end}"))
}

const BROKEN: &[super::case::Answered] = &[Denied("request_malformed")];

/// A size, with an extension or without, that is 35 to everybody.
const SIZES: &[&str] = &[
    "23",
    "023",
    "0000000000000023",
    "00000000000000000000000000000000000000000000000023",
    "23;",
    "23;a",
    "23;a=b",
    "23;a=b;c=d",
    "23;a=\"b\"",
    "23;a=\"b;c\"",
    "23;a=\"0\\\"\"",
    "23;a=\"Transfer-Encoding: identity\"",
    "23 ;a=b",
    "23\t;a=b",
    "23; a = b",
    "23;a=\u{ff}",
    "23;GET /conferences/$BAD HTTP/1.1",
];

/// A size that is none, or not to everybody.
const DOUBTFUL_SIZES: &[&str] = &[
    "",
    " ",
    " 23",
    "\t23",
    "+23",
    "-23",
    "-0",
    "0x23",
    "0X23",
    "x23",
    "23h",
    "23g",
    "\"23\"",
    "2 3",
    "23 3",
    "23,",
    "23.0",
    "2_3",
    "23\0",
    "\u{b}23",
    "23\u{b}",
    "23\u{c}",
    "\u{b2}3",
    "23\rX: y",
    "23\r",
    "\r23",
    "\n23",
    "23;a\rb",
    "23;a=b\r",
    "10000000000000023",
    "100000000000000000000000000000023",
    "ffffffffffffffff0",
    "fffffffffffffffffffffff",
    "8000000000000000000000000000023",
];

/// Lines that end otherwise than all others do.
const DOUBTFUL_ENDS_OF_SIZES: &[&str] =
    &["23\n", "23;a=b\n", "23 \n", "23;a\nb\r\n", "23\r\r\n", "23\n\r\n", "23\r"];

#[tokio::test]
async fn a_size_is_a_hexadecimal_number() {
    let mut cases = each("a size", SIZES, sized, &[created()], Kept);
    cases.extend(each("a doubtful size", DOUBTFUL_SIZES, sized, BROKEN, Closed));
    let ends = |end: &str| chunked(&format!("{end}{BODY}\r\n0\r\n\r\n"));
    cases.extend(each("a doubtful end of a size", DOUBTFUL_ENDS_OF_SIZES, ends, BROKEN, Closed));
    let long = |length: usize| sized(&format!("23;{}", "a".repeat(length)));
    cases.push(Case::new("an extension of 8 KiB", long(8 << 10), &[created()], Kept));
    cases.push(Case::new("an extension of 17 KiB", long(17 << 10), BROKEN, Closed));
    let many = BODY
        .chars()
        .map(|byte| format!("1;{}\r\n{byte}\r\n", "a".repeat(1 << 10)))
        .collect::<Vec<_>>()
        .concat();
    cases.push(Case::new("many extensions", chunked(&(many + "0\r\n\r\n")), BROKEN, Closed));
    Harness::start().await.runs(&cases).await;
}

/// Chunks of which one is longer or shorter than it says.
const WRONG_SIZES: &[&str] = &["22", "24", "1", "3", "20"];

#[tokio::test]
async fn a_chunk_is_as_long_as_it_says() {
    let halves = chunked("f\r\n{\"confrType\":10\r\n14\r\n,\"creator\":\"$ID\"}\r\n0\r\n\r\n");
    let smuggling = |size: &str| sized(size) + &smuggled();
    let mut cases = each("a wrong size", WRONG_SIZES, sized, BROKEN, Closed);
    cases.push(Case::new("in two chunks", halves, &[created()], Kept));
    let huge = ["2300", "100000023", "7fffffffffffffff", "ffffffffffffffff"];
    cases.extend(each("a huge size", &huge, smuggling, BROKEN, Cut));
    cases.push(Case::new(
        "the last chunk first",
        chunked(&format!("0\r\n\r\n{BODY}")),
        &[super::case::created_by_default(), Refused("request_malformed")],
        Closed,
    ));
    Harness::start().await.runs(&cases).await;
}

/// What may stand after the last byte of a chunk and after the last chunk.
const ENDS: &[&str] = &[
    "\r\n0\r\n\r\n",
    "\r\n00000\r\n\r\n",
    "\r\n0;a=b\r\n\r\n",
    "\r\n0\r\nX: y\r\n\r\n",
    "\r\n0\r\nX: y\r\nZ:\r\n\r\n",
    "\r\n0\r\nContent-Length: 0\r\n\r\n",
    "\r\n0\r\nTransfer-Encoding: identity\r\n\r\n",
    "\r\n0\r\nAuthorization: Bearer x\r\n\r\n",
    "\r\n0\r\nHost: elsewhere.test\r\nHost: other.test\r\n\r\n",
    "\r\n0\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\n",
    "\r\n0\r\nTrailer: X\r\nExpect: 100-continue\r\n\r\n",
];

/// What may not.
const DOUBTFUL_ENDS: &[&str] = &[
    "\n0\r\n\r\n",
    "\r0\r\n\r\n",
    "0\r\n\r\n",
    "\r\n\r\n0\r\n\r\n",
    " \r\n0\r\n\r\n",
    "\r\n0\n\r\n",
    "\r\n0\r\r\n",
    "\r\n-0\r\n\r\n",
    "\r\n0x0\r\n\r\n",
    "\r\n 0\r\n\r\n",
    "\r\n0\r\n\rX",
    "\r\n0\r\nX\r\n\r\n",
    "\r\n0\r\n: y\r\n\r\n",
    "\r\n0\r\nX : y\r\n\r\n",
    "\r\n0\r\n X: y\r\n\r\n",
    "\r\n0\r\nX: y\r\n z\r\n\r\n",
    "\r\n0\r\nX: y\rZ: a\r\n\r\n",
    "\r\n0\r\nX: \0\r\n\r\n",
    "\r\n0\r\nX: y\nZ: a\r\n\r\n",
    "\r\n0\r\nGET /conferences/$BAD HTTP/1.1\r\n\r\n",
];

#[tokio::test]
async fn a_body_in_chunks_ends_in_one_way() {
    let mut cases = each("an end", ENDS, ended, &[created()], Kept);
    cases.extend(each("a doubtful end", DOUBTFUL_ENDS, ended, BROKEN, Closed));
    let trailers = |count: usize| ended(&format!("\r\n0\r\n{}\r\n", "X: y\r\n".repeat(count)));
    cases.push(Case::new("64 trailers", trailers(64), &[created()], Kept));
    cases.push(Case::new("65 trailers", trailers(65), BROKEN, Closed));
    let long = ended(&format!("\r\n0\r\nX: {}\r\n\r\n", "y".repeat(17 << 10)));
    cases.push(Case::new("a trailer of 17 KiB", long, BROKEN, Closed));
    let unfinished = ["", "\r", "\r\n", "\r\n0", "\r\n0\r", "\r\n0\r\n", "\r\n0\r\n\r", "\r\n0\r\nX: y\r\n"];
    cases.extend(each("no end", &unfinished, ended, BROKEN, Cut));
    Harness::start().await.runs(&cases).await;
}
