//! What is odd, and allowed all the same.

use super::case::{Case, create, field, frames, looking, packed, with};
use crate::support::CREATE;
use crate::support::http2::{Frame, block};

/// Each a look at the conference IM3.
pub(super) fn heads() -> Vec<Case> {
    vec![
        looking("as it should be", |_| {}),
        looking("Host beside the same :authority", |fields| fields.push(("host", "gate.test"))),
        looking("Host alone", |fields| {
            fields.retain(|(name, _)| *name != ":authority");
            fields.push(("host", "gate.test"));
        }),
        looking("another scheme", |fields| fields[1].1 = "https"),
        // A fragment is no part of what is asked for (RFC 9110, section 7.1).
        looking("a :path with a fragment", |fields| fields[2].1 = "/conferences/IM3#x/../IM4"),
        with("TE: trailers", ("te", "trailers")),
        with("a cookie in crumbs", ("cookie", "a=b")),
        with("an empty value", ("x", "")),
        with("a length of nothing", ("content-length", "0")),
        field("a value in bytes that are no text", (b"x", b"\xff\xfe")),
        packed("a field that is never indexed", &[0x10, 1, b'x', 1, b'y']),
        packed("a field that is indexed", &[0x40, 1, b'x', 1, b'y']),
        frames("a head in pieces", |head| {
            let block = block(head);
            let mut frames = vec![Frame::new(Frame::HEADERS, Frame::END_STREAM, 1, [])];
            frames.extend(
                block.chunks(block.len().div_ceil(3)).map(|part| Frame::new(Frame::CONTINUATION, 0, 1, part)),
            );
            frames.push(Frame::new(Frame::CONTINUATION, Frame::END_HEADERS, 1, []));
            frames
        }),
        frames("padding and a priority", |head| {
            let payload = [vec![3, 0, 0, 0, 0, 16], block(head), vec![0; 3]].concat();
            vec![Frame::new(Frame::HEADERS, 0x2d, 1, payload)]
        }),
        frames("frames and settings of no known kind", |head| {
            vec![
                Frame::new(0xbe, 0xff, 0, [1; 100]),
                Frame::settings(&[(0xbeef, 7)]),
                Frame::headers(1, head, true),
                Frame::new(0xbe, 0xff, 1, [1; 100]),
            ]
        }),
        frames("an unused stream in front", |head| {
            vec![Frame::new(Frame::PRIORITY, 0, 1, [0, 0, 0, 0, 16]), Frame::headers(7, head, true)]
        }),
    ]
}

/// Each the same create.
pub(super) fn bodies() -> Vec<Case> {
    vec![
        create("in crumbs", &[("content-length", "16")], || {
            CREATE
                .bytes()
                .map(|byte| Frame::data(1, [byte], false))
                .chain([Frame::data(1, [], true)])
                .collect()
        }),
        create("with padding", &[], || {
            vec![Frame::new(Frame::DATA, 9, 1, [&[4], CREATE.as_bytes(), &[0; 4]].concat())]
        }),
        create("with trailers", &[], || {
            let trailers = [("x", "y"), ("authorization", "Bearer x"), ("content-length", "1")];
            vec![Frame::data(1, CREATE, false), Frame::headers(1, &trailers, true)]
        }),
        // There is no request in trailers, whatever they have; they are not looked at.
        create("with trailers that name a path", &[], || {
            vec![Frame::data(1, CREATE, false), Frame::headers(1, &[(":path", "/conferences/IM3")], true)]
        }),
    ]
}
