//! How long a body is: Content-Length against Transfer-Encoding, in every spelling.

use super::case::Answered::{Denied, Refused};
use super::case::End::{Closed, Kept, Over};
use super::case::{
    BODY, Case, MALFORMED, created, created_by_default, each, get, got, post, post_chunked, request, smuggled,
};
use super::harness::Harness;

/// Lengths that are one number in one way.
const PLAIN: &[&str] = &[
    "Content-Length: 35",
    "content-length: 35",
    "CONTENT-LENGTH:35",
    "Content-Length:\t35",
    "Content-Length: \t 35 \t ",
    "Content-Length: 035",
    "Content-Length: 00000000000000000000000000000035",
    "Content-Length: 35\r\nContent-Length: 35",
    "Content-Length: 35\r\ncontent-length: 035\r\nCONTENT-LENGTH: 35",
];

/// Lengths that are none, or more than one.
const DOUBTFUL: &[&str] = &[
    "Content-Length: +35",
    "Content-Length: -35",
    "Content-Length: -0",
    "Content-Length: 0x23",
    "Content-Length: 23h",
    "Content-Length: 35a",
    "Content-Length: a35",
    "Content-Length: 3 5",
    "Content-Length: 35 35",
    "Content-Length: 35,35",
    "Content-Length: 35, 35",
    "Content-Length: 35, 0",
    "Content-Length: ,35",
    "Content-Length: 35,",
    "Content-Length: 35;q=1",
    "Content-Length: 35.0",
    "Content-Length: 3.5e1",
    "Content-Length: \"35\"",
    "Content-Length: '35'",
    "Content-Length: (35)",
    "Content-Length: 3_5",
    "Content-Length: 1e2",
    "Content-Length:",
    "Content-Length:  ",
    "Content-Length: \u{b}35",
    "Content-Length: 35\u{c}",
    "Content-Length: 35\0",
    "Content-Length: \u{a0}35",
    "Content-Length: \u{b3}\u{b5}",
    "Content-Length: 18446744073709551616",
    "Content-Length: 18446744073709551651",
    "Content-Length: 99999999999999999999999999999999999999999",
    "Content-Length: 35\r\nContent-Length: 36",
    "Content-Length: 36\r\nContent-Length: 35",
    "Content-Length: 35\r\nContent-Length: 0",
    "Content-Length: 0\r\nContent-Length: 35",
    "Content-Length: 35\r\nContent-Length: 35\r\nContent-Length: 34",
    "Content-Length: 35\r\nContent-Length:",
    "Content-Length: 35\r\nContent-Length: +35",
    "Content-Length : 35",
    "Content-Length\t: 35",
    " Content-Length: 35",
    "Content-Length:\r\n 35",
    "Content-Length: 3\r\n 5",
    "X: y\r\n Content-Length: 35",
    "Content-Length: 35\rX: y",
    "Content-Length\0: 35",
];

/// Lengths that are numbers, and beyond all bounds.
const COUNTLESS: &[&str] = &["Content-Length: 18446744073709551614", "Content-Length: 18446744073709551615"];

/// Names that are like the field's, and are others: there is no body then.
const OTHER_LENGTHS: &[&str] =
    &["Content_Length: 35", "X-Content-Length: 35", "Content-Length-: 35", "ContentLength: 35"];

#[tokio::test]
async fn a_length_is_one_number() {
    let with = |lines: &str| post(lines, BODY);
    let mut cases = each("a length", PLAIN, with, &[created()], Kept);
    cases.extend(each("a doubtful length", DOUBTFUL, with, &[MALFORMED], Closed));
    cases.extend(each("a countless length", COUNTLESS, with, &[Denied("body_too_large")], Closed));
    cases.extend(each("no length", OTHER_LENGTHS, with, &[created_by_default(), MALFORMED], Closed));
    Harness::start().await.runs(&cases).await;
}

/// A body that is not as long as its head says.
#[tokio::test]
async fn the_length_that_is_declared_is_the_one_that_counts() {
    let one_short = post("Content-Length: 34", BODY);
    let one_long = post("Content-Length: 36", BODY) + &get("Connection: close");
    let whole_next = post(&format!("Content-Length: {}", 35 + 3), BODY) + "\r\n\r\n" + &get("");
    let with_smuggled = |length: &str| post(length, BODY) + &smuggled();
    let hidden = get(&format!("Content-Length: {}", "$HIDDEN".len())) + "$HIDDEN";
    let cases = [
        Case::new("one byte short", one_short, &[Denied("body_malformed"), MALFORMED], Closed),
        Case::new(
            "one byte long",
            one_long,
            &[Denied("body_malformed"), Refused("method_not_allowed")],
            Over,
        ),
        Case::new("white space of the body's", whole_next, &[created(), got()], Kept),
        Case::new("no body at all", post("", ""), &[created_by_default()], Kept),
        Case::new("a length of 0", post("Content-Length: 0", ""), &[created_by_default()], Kept),
        Case::new(
            "a length of 0 and a body",
            post("Content-Length: 0", BODY),
            &[created_by_default(), MALFORMED],
            Closed,
        ),
        Case::new("no length and a body", post("", BODY), &[created_by_default(), MALFORMED], Closed),
        Case::new("a request in a body", hidden, &[Denied("request_malformed")], Kept),
        Case::new(
            "more than fits",
            with_smuggled("Content-Length: 9223372036854775807"),
            &[Denied("body_too_large")],
            Closed,
        ),
        Case::new(
            "more than any",
            with_smuggled("Content-Length: 18446744073709551613"),
            &[Denied("body_too_large")],
            Closed,
        ),
    ];
    Harness::start().await.runs(&cases).await;
}

/// Codings that are `chunked`, once.
const CHUNKED: &[&str] = &[
    "Transfer-Encoding: chunked",
    "transfer-encoding: CHUNKED",
    "TRANSFER-ENCODING:Chunked",
    "Transfer-Encoding:\tchunked",
    "Transfer-Encoding: \t chunked \t ",
    "Transfer-Encoding: chunked\r\nTE: trailers",
    "Transfer-Encoding: chunked\r\nTrailer: Content-Length",
];

/// Codings that are another one, or more than one, or `chunked` to some alone.
const DOUBTFUL_CODINGS: &[&str] = &[
    "Transfer-Encoding: identity",
    "Transfer-Encoding: gzip",
    "Transfer-Encoding: xchunked",
    "Transfer-Encoding: chunkedx",
    "Transfer-Encoding: chunke",
    "Transfer-Encoding: chunked, identity",
    "Transfer-Encoding: chunked,gzip",
    "Transfer-Encoding: identity, chunked",
    "Transfer-Encoding: gzip, chunked",
    "Transfer-Encoding: xchunked, chunked",
    "Transfer-Encoding: chunked, chunked",
    "Transfer-Encoding: chunked,chunked",
    "Transfer-Encoding: , chunked",
    "Transfer-Encoding: chunked,",
    "Transfer-Encoding: chunked;q=1",
    "Transfer-Encoding: chunked; x=\"chunked\"",
    "Transfer-Encoding: \"chunked\"",
    "Transfer-Encoding: 'chunked'",
    "Transfer-Encoding: \\chunked",
    "Transfer-Encoding: [chunked]",
    "Transfer-Encoding: {chunked}",
    "Transfer-Encoding: chunk ed",
    "Transfer-Encoding: ch\tunked",
    "Transfer-Encoding: chunked chunked",
    "Transfer-Encoding: chunked chunked, chunked",
    "Transfer-Encoding: : chunked",
    "Transfer-Encoding: =chunked",
    "Transfer-Encoding:",
    "Transfer-Encoding: ,",
    "Transfer-Encoding: 0",
    "Transfer-Encoding: null",
    "Transfer-Encoding: \u{b}chunked",
    "Transfer-Encoding: chunked\u{b}",
    "Transfer-Encoding: \u{c}chunked",
    "Transfer-Encoding: chunked\0",
    "Transfer-Encoding: \u{a0}chunked",
    "Transfer-Encoding: chunked\u{85}",
    "Transfer-Encoding: \u{ff}, chunked",
    "Transfer-Encoding: %63hunked",
    "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
    "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
    "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked",
    "Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked",
    "Transfer-Encoding:\r\nTransfer-Encoding: chunked",
    "Transfer-Encoding: chunked\r\nTransfer-Encoding:",
    "Transfer-Encoding : chunked",
    "Transfer-Encoding\t: chunked",
    " Transfer-Encoding: chunked",
    "\tTransfer-Encoding: chunked",
    "Transfer-Encoding:\r\n chunked",
    "Transfer-Encoding:\r\n\tchunked",
    "Transfer-Encoding: chun\r\n ked",
    "Transfer-Encoding: x,\r\n chunked",
    "X: y\r\n Transfer-Encoding: chunked",
    "X: y\rTransfer-Encoding: chunked",
    "Transfer-Encoding: chunked\rX: y",
    "Transfer-Encoding\0: chunked",
    "Transfer\u{ad}-Encoding: chunked",
    "Transfer Encoding: chunked",
    "Transfer-Encoding\u{a0}: chunked",
    "Transfer-Encoding chunked",
];

/// Names that are like the field's, and are others: there is no body then.
const OTHER_CODINGS: &[&str] = &[
    "Transfer_Encoding: chunked",
    "X-Transfer-Encoding: chunked",
    "Transfer-Encodings: chunked",
    "TE: chunked",
];

#[tokio::test]
async fn a_coding_is_chunked_and_nothing_else() {
    let mut cases = each("a coding", CHUNKED, post_chunked, &[created()], Kept);
    cases.extend(each("a doubtful coding", DOUBTFUL_CODINGS, post_chunked, &[MALFORMED], Closed));
    cases.extend(each("no coding", OTHER_CODINGS, post_chunked, &[created_by_default(), MALFORMED], Closed));
    Harness::start().await.runs(&cases).await;
}

/// A length beside a coding: the coding counts, and nothing that follows does (RFC 9112, section 6.3).
const BOTH: &[&str] = &[
    "Content-Length: 45\r\nTransfer-Encoding: chunked",
    "Transfer-Encoding: chunked\r\nContent-Length: 45",
    "Content-Length: 0\r\nTransfer-Encoding: chunked",
    "Transfer-Encoding: chunked\r\nContent-Length: 0",
    "Content-Length: 4\r\nTransfer-Encoding: chunked",
    "Transfer-Encoding: chunked\r\nContent-Length: 4",
    "Content-Length: 1000000000000\r\nTransfer-Encoding: chunked",
    "Transfer-Encoding: chunked\r\nContent-Length: 1000000000000",
    "Content-Length: 35\r\nConnection: content-length\r\nTransfer-Encoding: chunked",
    "Content-Length: 35\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked",
];

/// The same, where one of them alone is too much.
const BOTH_AND_DOUBTFUL: &[&str] = &[
    "Transfer-Encoding: chunked\r\nContent-Length: none",
    "Transfer-Encoding: chunked\r\nContent-Length: 4\r\nContent-Length: 5",
    "Content-Length: 4\r\nTransfer-Encoding: chunked\r\nContent-Length: 5",
    "Content-Length: none\r\nTransfer-Encoding: chunked",
    "Content-Length: 4\r\nContent-Length: 5\r\nTransfer-Encoding: chunked",
    "Content-Length: 35\r\nTransfer-Encoding: identity",
    "Content-Length: 35\r\nTransfer-Encoding: xchunked",
    "Content-Length: 35\r\nTransfer-Encoding: gzip, chunked",
    "Content-Length: 35\r\nTransfer-Encoding: chunked, chunked",
    "Content-Length: 35\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
    "Content-Length: 35\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: cow",
    "Content-Length: 35\r\nTransfer-Encoding : chunked",
    "Content-Length: 35\r\nTransfer-Encoding:\r\n chunked",
    "Content-Length: 35\r\n Transfer-Encoding: chunked",
    "Content-Length: 35\r\nTransfer-Encoding:",
];

/// The same, where the coding is another field: the length counts.
const LENGTH_BESIDE_OTHERS: &[&str] = &[
    "Content-Length: 35\r\nTransfer_Encoding: chunked",
    "Content-Length: 35\r\nTE: chunked",
    "Content-Length: 35\r\nX-Transfer-Encoding: chunked",
];

#[tokio::test]
async fn a_length_beside_a_coding_does_not_count() {
    let with = |lines: &str| post_chunked(lines) + &smuggled();
    let mut cases = each("both", BOTH, with, &[created()], Closed);
    cases.extend(each("both and doubtful", BOTH_AND_DOUBTFUL, with, &[MALFORMED], Closed));
    cases.extend(each(
        "a length beside another",
        LENGTH_BESIDE_OTHERS,
        |lines| post(lines, BODY),
        &[created()],
        Kept,
    ));
    Harness::start().await.runs(&cases).await;
}

/// HTTP/1.0 has lengths alone, and ends the connection unless it is asked not to.
#[tokio::test]
async fn an_older_version_has_no_codings() {
    let old = |lines: &str, body: &str| {
        request("POST /conferences HTTP/1.0", &format!("Content-Type: application/json\r\n{lines}"), body)
    };
    let chunks = format!("23\r\n{BODY}\r\n0\r\n\r\n");
    let cases = [
        Case::new("1.0 with a length", old("Content-Length: 35", BODY), &[created()], Over),
        Case::new("1.0 kept", old("Content-Length: 35\r\nConnection: keep-alive", BODY), &[created()], Kept),
        Case::new("1.0 in chunks", old("Transfer-Encoding: chunked", &chunks), &[MALFORMED], Closed),
        Case::new(
            "1.0 with both",
            old("Content-Length: 35\r\nTransfer-Encoding: chunked", &chunks),
            &[MALFORMED],
            Closed,
        ),
        Case::new(
            "1.0 with identity",
            old("Content-Length: 35\r\nTransfer-Encoding: identity", BODY),
            &[MALFORMED],
            Closed,
        ),
        Case::new(
            "1.0 kept in chunks",
            old("Connection: keep-alive\r\nTransfer-Encoding: chunked", &chunks),
            &[MALFORMED],
            Closed,
        ),
    ];
    Harness::start().await.runs(&cases).await;
}
