//! Frames and heads that are not as RFC 9113 has them: each is refused, or understood in the one way that there is, and
//! nothing but a whole and allowed request reaches the vendor. With a token and without.

use serde_json::Value;

use crate::support::CREATE;
use crate::support::http2::{Frame, Frames, Http2, PREFACE, block, literal};
use crate::support::tally::Tally;
use crate::support::world::World;

type Fields<'a> = Vec<(&'a str, &'a str)>;

/// What is sent after the settings, by the token that comes with it.
type Bytes = dyn Fn(&str) -> Vec<u8>;

struct Case {
    name: &'static str,
    bytes: Box<Bytes>,
}

fn case(name: &'static str, bytes: impl Fn(&str) -> Vec<u8> + 'static) -> Case {
    Case { name, bytes: Box::new(bytes) }
}

/// A good head but for what `change` does to it. Without a token there is no `authorization`.
fn head<'a>(method: &'a str, path: &'a str, bearer: &'a str) -> Fields<'a> {
    let mut fields =
        vec![(":method", method), (":scheme", "http"), (":path", path), (":authority", "gate.test")];
    if !bearer.is_empty() {
        fields.push(("authorization", bearer));
    }
    fields
}

fn look(bearer: &str) -> Fields<'_> {
    head("GET", "/conferences/IM3", bearer)
}

/// A look at a conference with a head that is changed.
fn looking(name: &'static str, change: fn(&mut Fields<'_>)) -> Case {
    case(name, move |bearer| {
        let mut fields = look(bearer);
        change(&mut fields);
        Frame::headers(1, &fields, true).bytes()
    })
}

/// The same with one field more.
fn with(name: &'static str, field: (&'static str, &'static str)) -> Case {
    case(name, move |bearer| Frame::headers(1, &[look(bearer), vec![field]].concat(), true).bytes())
}

/// The same with raw bytes of HPACK after the head.
fn packed(name: &'static str, more: &'static [u8]) -> Case {
    case(name, move |bearer| {
        let block = [block(&look(bearer)), more.to_vec()].concat();
        Frame::new(Frame::HEADERS, Frame::END_HEADERS | Frame::END_STREAM, 1, block).bytes()
    })
}

/// One field more with a name or a value that cannot be written as text.
fn field(name: &'static str, (key, value): (&'static [u8], &'static [u8])) -> Case {
    case(name, move |bearer| {
        let block = [block(&look(bearer)), literal(key, value)].concat();
        Frame::new(Frame::HEADERS, Frame::END_HEADERS | Frame::END_STREAM, 1, block).bytes()
    })
}

/// A good request, with frames after it or instead of it.
fn frames(name: &'static str, frames: fn(&[(&str, &str)]) -> Vec<Frame>) -> Case {
    case(name, move |bearer| frames(&look(bearer)).iter().flat_map(Frame::bytes).collect())
}

/// A create whose head and body do not go together.
fn create(name: &'static str, extra: &'static [(&str, &str)], frames: fn() -> Vec<Frame>) -> Case {
    case(name, move |bearer| {
        let mut fields = head("POST", "/conferences", bearer);
        fields.push(("content-type", "application/json"));
        fields.extend(extra);
        let head = Frame::headers(1, &fields, false).bytes();
        head.into_iter().chain(frames().iter().flat_map(Frame::bytes)).collect()
    })
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

/// What the gateway did about a case.
#[derive(Debug, PartialEq, Eq)]
enum Fate {
    /// An answer with a head, on a stream.
    Answered(u32),
    /// The stream was reset.
    Reset(u32),
    /// The connection has ended, by GOAWAY with this error.
    Ended(Option<u32>),
    /// Nothing, and the connection goes on.
    Ignored,
}

/// Sends a case, and a PING that is answered if the connection goes on.
async fn fate(world: &World, case: &Case, bearer: &str) -> Vec<Fate> {
    const MARK: [u8; 8] = *b"the mark";
    let mut frames = Frames::open(world.address, &[]).await;
    let mark = Frame::new(Frame::PING, 0, 0, MARK).bytes();
    frames.try_write([(case.bytes)(bearer), mark].concat()).await;
    let (mut fates, mut is_marked) = (Vec::new(), false);
    loop {
        let Some(frame) = frames.next().await else {
            fates.push(Fate::Ended(None));
            return fates;
        };
        match frame.kind {
            Frame::HEADERS => fates.push(Fate::Answered(frame.stream)),
            Frame::RST_STREAM => fates.push(Fate::Reset(frame.error().unwrap())),
            Frame::GO_AWAY => {
                fates.push(Fate::Ended(frame.error()));
                return fates;
            }
            Frame::PING if frame.flags & Frame::ACK != 0 && frame.payload == MARK => {
                is_marked = true;
                // An answer that waits for the trail comes after the mark, so that one that never comes would not be
                // noticed: it is waited for by whoever asks next.
                let second = Frame::new(Frame::PING, 0, 0, *b"the last").bytes();
                if fates.is_empty() && frames.try_write(second).await {
                    continue;
                }
            }
            Frame::PING if frame.flags & Frame::ACK != 0 && fates.is_empty() => fates.push(Fate::Ignored),
            _ => {}
        }
        if is_marked && !fates.is_empty() {
            return fates;
        }
    }
}

#[tokio::test]
async fn what_is_malformed_never_reaches_the_vendor() {
    let tally = Tally::of("HTTP/2");
    let world = World::with(&[("AUTHN__ADDRESS_LIMIT__BURST", "1000000")]).await;
    let cases = [wrong_heads(), wrong_packing(), wrong_frames(), wrong_bodies()].concat_cases();
    assert!(cases.len() >= 90, "{} cases", cases.len());
    let bearer = world.issuer.token().bearer();
    let healthy = Http2::open(world.address).await;
    for case in &cases {
        for bearer in [bearer.as_str(), ""] {
            tally.input();
            let fates = fate(&world, case, bearer).await;
            println!("{} {}: {fates:?}", case.name, if bearer.is_empty() { "without" } else { "with" });
            let calls = world.vendor.calls();
            tally.expect(calls.is_empty(), || format!("{}: the vendor saw {calls:?}", case.name));
            if !calls.is_empty() {
                return tally.finish();
            }
        }
    }
    let answer = super::get(&healthy, &world).await;
    tally.expect(answer.status == 200, || format!("the healthy caller: {answer:?}"));
    tally.requests(1);
    let intents = world.trail.records().iter().filter(|record| record["kind"] == "intent").count();
    tally.expect(intents == 0, || format!("{intents} intents"));
    let malformed = |record: &&Value| record["reason"] == "request_malformed";
    let on_record = world.trail.records().iter().filter(malformed).count();
    tally.expect(on_record > 100, || format!("{on_record} outcomes"));
    tally.finish();
}

trait ConcatCases {
    fn concat_cases(self) -> Vec<Case>;
}

impl<const N: usize> ConcatCases for [Vec<Case>; N] {
    fn concat_cases(self) -> Vec<Case> {
        self.into_iter().flatten().collect()
    }
}

#[tokio::test]
async fn what_is_odd_and_allowed_is_understood_in_the_one_way() {
    let tally = Tally::of("HTTP/2");
    let world = World::start().await;
    let cases = [
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
    ];
    let bearer = world.issuer.token().bearer();
    for (number, case) in cases.iter().enumerate() {
        tally.input();
        tally.requests(1);
        let mut frames = Frames::open(world.address, &[]).await;
        frames.write((case.bytes)(&bearer)).await;
        let answer = frames.until(Frame::HEADERS).await;
        tally.expect(answer.is_some(), || format!("{}: no answer", case.name));
        let calls = world.vendor.calls();
        tally.expect(calls.len() == number + 1, || format!("{}: {} calls", case.name, calls.len()));
        let is_it =
            calls.last().is_some_and(|call| call.path.ends_with("/conferences/IM3") && call.body.is_empty());
        tally.expect(is_it, || format!("{}: {calls:?}", case.name));
        let names = |call: &crate::support::server::Call| {
            call.headers.0.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>()
        };
        let as_ever = calls.last().map(names) == calls.first().map(names);
        tally.expect(as_ever, || format!("{}: {calls:?}", case.name));
    }
    let bodies = [
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
    ];
    for case in bodies {
        tally.input();
        tally.requests(1);
        let before = world.vendor.calls().len();
        let mut frames = Frames::open(world.address, &[]).await;
        frames.write((case.bytes)(&bearer)).await;
        let answer = frames.until(Frame::HEADERS).await;
        tally.expect(answer.is_some(), || format!("{}: no answer", case.name));
        let calls = world.vendor.calls();
        tally.expect(calls.len() == before + 1, || format!("{}: {} calls", case.name, calls.len() - before));
        let body = calls.last().map(|call| call.json()["confrType"].clone());
        tally.expect(body == Some(10.into()), || format!("{}: {body:?}", case.name));
    }
    tally.finish();
}
