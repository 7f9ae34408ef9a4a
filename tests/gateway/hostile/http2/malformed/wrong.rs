//! What is wrong.

use super::case::{Case, case, create, field, frames, looking, packed, with};
use crate::support::CREATE;
use crate::support::http2::{Frame, PREFACE, block};

/// All of it.
pub(super) fn all() -> Vec<Case> {
    [wrong_heads, wrong_packing, wrong_frames, wrong_bodies]
        .into_iter()
        .flat_map(|of_a_kind| of_a_kind())
        .collect()
}

/// Heads whose fields are wrong (RFC 9113, sections 8.2 and 8.3).
fn wrong_heads() -> Vec<Case> {
    vec![
        looking("no :method", |fields| fields.retain(|(name, _)| *name != ":method")),
        looking("no :scheme", |fields| fields.retain(|(name, _)| *name != ":scheme")),
        looking("no :path", |fields| fields.retain(|(name, _)| *name != ":path")),
        looking("no host at all", |fields| fields.retain(|(name, _)| *name != ":authority")),
        looking("two :method", |fields| fields.insert(0, (":method", "DELETE"))),
        looking("two :path", |fields| fields.insert(0, (":path", "/conferences/IM4"))),
        looking("two :scheme", |fields| fields.insert(0, (":scheme", "https"))),
        looking("two :authority", |fields| fields.insert(0, (":authority", "other.test"))),
        looking("a pseudo-header field after others", |fields| fields.insert(0, ("x", "y"))),
        looking("an empty :path", |fields| fields[2].1 = ""),
        looking("a :path that is none", |fields| fields[2].1 = "conferences/IM3"),
        looking("an absolute :path", |fields| fields[2].1 = "http://gate.test/conferences/IM3"),
        looking("a :path with white space", |fields| fields[2].1 = "/conferences/IM3 HTTP/1.1"),
        looking("a :path with the end of a line", |fields| fields[2].1 = "/conferences/IM3\r\nx: y"),
        looking("a :path with NUL", |fields| fields[2].1 = "/conferences/IM3\0"),
        looking("an asterisk for a :path", |fields| fields[2].1 = "*"),
        looking("an empty :method", |fields| fields[0].1 = ""),
        looking("a :method with white space", |fields| fields[0].1 = "GET /"),
        looking("a :method in lower case", |fields| fields[0].1 = "get"),
        looking("a :scheme that is none", |fields| fields[1].1 = "ht tp"),
        looking("an :authority with a path", |fields| fields[3].1 = "gate.test/conferences"),
        looking("an :authority with white space", |fields| fields[3].1 = "gate.test other.test"),
        with("a Host that is another", ("host", "other.test")),
        looking("two Hosts", |fields| fields.extend([("host", "gate.test"), ("host", "gate.test")])),
        with(":status", (":status", "200")),
        with(":protocol", (":protocol", "websocket")),
        with("an unknown pseudo-header field", (":token", "x")),
        with("Connection", ("connection", "close")),
        with("Connection that names a field", ("connection", "authorization")),
        with("Keep-Alive", ("keep-alive", "timeout=5")),
        with("Proxy-Connection", ("proxy-connection", "close")),
        with("Transfer-Encoding", ("transfer-encoding", "chunked")),
        with("Upgrade", ("upgrade", "h2c")),
        with("TE other than trailers", ("te", "gzip")),
        with("a name in upper case", ("X-Upper", "a")),
        with("an empty name", ("", "a")),
        with("a name with a colon", ("x:y", "a")),
        with("a name with white space", ("x y", "a")),
        with("a name with the end of a line", ("x\r\ny", "a")),
        with("a value with the end of a line", ("x", "a\r\nauthorization: Bearer y")),
        with("a value with NUL", ("x", "a\0b")),
        field("a name in bytes that are no text", (b"x\xff", b"a")),
        with("a Content-Length without a body", ("content-length", "5")),
        with("a Content-Length that is no number", ("content-length", "five")),
        with("a negative Content-Length", ("content-length", "-1")),
        with("a Content-Length without bound", ("content-length", "99999999999999999999")),
        looking("CONNECT", |fields| fields[0].1 = "CONNECT"),
        looking("CONNECT as it should be", |fields| {
            fields[0].1 = "CONNECT";
            fields.retain(|(name, _)| ![":scheme", ":path"].contains(name));
        }),
    ]
}

/// Blocks that do not unpack (RFC 7541).
fn wrong_packing() -> Vec<Case> {
    vec![
        packed("an index of nothing", &[0x80]),
        packed("an index beyond the tables", &[0xff, 0xff, 0x03]),
        packed("an integer without end", &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
        packed("a string that is cut off", &[0, 5, b'a']),
        packed("a string with Huffman padding that is none", &[0, 0x81, 0x00, 1, b'a']),
        packed("a table larger than is allowed", &[0x3f, 0xff, 0xff, 0x03]),
        packed("a change of the table after fields", &[0x20]),
    ]
}

/// Frames that come where they must not, or are not as they must be (RFC 9113, sections 4 to 6).
fn wrong_frames() -> Vec<Case> {
    vec![
        frames("HEADERS on stream 0", |head| vec![Frame::headers(0, head, true)]),
        frames("HEADERS on an even stream", |head| vec![Frame::headers(2, head, true)]),
        frames("a stream before one that was", |head| {
            vec![Frame::headers(5, &[(":method", "GET")], true), Frame::headers(3, head, true)]
        }),
        frames("a request twice on a stream", |head| {
            vec![Frame::headers(1, &head[..2], true), Frame::headers(1, head, true)]
        }),
        frames("a stream that depends on itself", |head| {
            let payload = [vec![0, 0, 0, 1, 16], block(head)].concat();
            vec![Frame::new(Frame::HEADERS, 0x20 | Frame::END_HEADERS | Frame::END_STREAM, 1, payload)]
        }),
        frames("more padding than there is", |head| {
            let payload = [vec![255], block(head)].concat();
            vec![Frame::new(
                Frame::HEADERS,
                8 | Frame::END_HEADERS | Frame::END_STREAM,
                1,
                payload[..60].to_vec(),
            )]
        }),
        frames("another frame within a head", |head| {
            let block = block(head);
            vec![
                Frame::new(Frame::HEADERS, Frame::END_STREAM, 1, &block[..5]),
                Frame::new(Frame::PING, 0, 0, [0; 8]),
                Frame::new(Frame::CONTINUATION, Frame::END_HEADERS, 1, &block[5..]),
            ]
        }),
        frames("another stream's head within a head", |head| {
            vec![Frame::new(Frame::HEADERS, Frame::END_STREAM, 1, []), Frame::headers(3, head, true)]
        }),
        frames("CONTINUATION of another stream", |head| {
            vec![
                Frame::new(Frame::HEADERS, Frame::END_STREAM, 1, []),
                Frame::new(Frame::CONTINUATION, Frame::END_HEADERS, 3, block(head)),
            ]
        }),
        frames("CONTINUATION of nothing", |head| {
            vec![Frame::new(Frame::CONTINUATION, Frame::END_HEADERS, 1, block(head))]
        }),
        frames("DATA on stream 0", |_| vec![Frame::data(0, *b"{}", true)]),
        frames("DATA before HEADERS", |_| vec![Frame::data(1, *b"{}", true)]),
        frames("a body where there is to be none", |head| {
            vec![Frame::headers(1, head, false), Frame::data(1, *b"{}", true)]
        }),
        frames("RST_STREAM on stream 0", |_| vec![Frame::reset(0)]),
        frames("RST_STREAM of nothing", |_| vec![Frame::reset(1)]),
        frames("RST_STREAM of a wrong length", |_| vec![Frame::new(Frame::RST_STREAM, 0, 1, [0; 3])]),
        frames("PRIORITY of a wrong length", |_| vec![Frame::new(Frame::PRIORITY, 0, 1, [0; 4])]),
        frames("PRIORITY on stream 0", |_| vec![Frame::new(Frame::PRIORITY, 0, 0, [0; 5])]),
        frames("PUSH_PROMISE", |head| {
            let payload = [vec![0, 0, 0, 2], block(head)].concat();
            vec![Frame::new(Frame::PUSH_PROMISE, Frame::END_HEADERS, 1, payload)]
        }),
        frames("SETTINGS on a stream", |_| vec![Frame::new(Frame::SETTINGS, 0, 1, [])]),
        frames("SETTINGS of a wrong length", |_| vec![Frame::new(Frame::SETTINGS, 0, 0, [0; 5])]),
        frames("an acknowledgement with settings", |_| vec![Frame::new(Frame::SETTINGS, 1, 0, [0; 6])]),
        frames("a window without bound", |_| vec![Frame::settings(&[(4, 1 << 31)])]),
        frames("a frame size without bound", |_| vec![Frame::settings(&[(5, 1 << 24)])]),
        frames("a frame size of nothing", |_| vec![Frame::settings(&[(5, 1)])]),
        frames("ENABLE_PUSH that is no flag", |_| vec![Frame::settings(&[(2, 2)])]),
        frames("PING of a wrong length", |_| vec![Frame::new(Frame::PING, 0, 0, [0; 7])]),
        frames("PING on a stream", |_| vec![Frame::new(Frame::PING, 0, 1, [0; 8])]),
        frames("GOAWAY on a stream", |_| vec![Frame::new(Frame::GO_AWAY, 0, 1, [0; 8])]),
        frames("GOAWAY of a wrong length", |_| vec![Frame::new(Frame::GO_AWAY, 0, 0, [0; 7])]),
        frames("WINDOW_UPDATE by nothing", |_| vec![Frame::window_update(0, 0)]),
        frames("WINDOW_UPDATE without bound", |_| vec![Frame::window_update(0, u32::MAX >> 1)]),
        frames("WINDOW_UPDATE of a wrong length", |_| vec![Frame::new(Frame::WINDOW_UPDATE, 0, 0, [0; 3])]),
        frames("WINDOW_UPDATE of nothing", |_| vec![Frame::window_update(1, 1)]),
        frames("a frame larger than is allowed", |_| vec![Frame::new(Frame::DATA, 0, 1, [0; 16_385])]),
        case("HTTP/1 after the preface", |_| b"GET /conferences/IM3 HTTP/1.1\r\nHost: a\r\n\r\n".to_vec()),
        case("the preface twice", |_| PREFACE.to_vec()),
    ]
}

/// Creates that are not whole.
fn wrong_bodies() -> Vec<Case> {
    vec![
        create("a body shorter than its length", &[("content-length", "17")], || {
            vec![Frame::data(1, CREATE, true)]
        }),
        create("a body longer than its length", &[("content-length", "15")], || {
            vec![Frame::data(1, CREATE, true)]
        }),
        create("two lengths", &[("content-length", "16"), ("content-length", "17")], || {
            vec![Frame::data(1, CREATE, true)]
        }),
        create("a body that is taken back", &[], || {
            vec![Frame::data(1, &CREATE.as_bytes()[..8], false), Frame::reset(1)]
        }),
        create("more padding than there is", &[], || {
            vec![Frame::new(Frame::DATA, 8 | Frame::END_STREAM, 1, [&[200], CREATE.as_bytes()].concat())]
        }),
        create("trailers that do not end", &[], || {
            vec![Frame::data(1, CREATE, false), Frame::headers(1, &[("x", "y")], false)]
        }),
    ]
}
