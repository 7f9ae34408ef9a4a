//! Frames in floods: the connection that they come on ends, and nobody else notices.

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::admin;
use crate::support::configuration::WITHOUT_LIMITS;
use crate::support::http2::{Frame, Frames, Http2, PREFACE, block, literal};
use crate::support::program::Served;
use crate::support::tally::Tally;
use crate::support::within;
use crate::support::world::World;

const ENHANCE_YOUR_CALM: u32 = 11;

/// The frames that open a flood, and those of its `n`th wave.
struct Flood {
    name: &'static str,
    opening: Vec<u8>,
    wave: Box<dyn Fn(u32) -> Vec<u8>>,
}

fn flood(name: &'static str, opening: Vec<u8>, wave: impl Fn(u32) -> Vec<u8> + 'static) -> Flood {
    Flood { name, opening, wave: Box::new(wave) }
}

/// Frames of a kind, in waves of a hundred.
fn many(name: &'static str, opening: Vec<u8>, frame: Frame) -> Flood {
    flood(name, opening, move |_| frame.bytes().repeat(100))
}

/// A request whose body goes on, or ends here.
fn request(stream: u32, bearer: &str, ends: bool) -> Vec<u8> {
    let method = if ends { "GET" } else { "POST" };
    let path = if ends { "/conferences/IM3" } else { "/conferences" };
    let fields = [
        (":method", method),
        (":scheme", "http"),
        (":path", path),
        (":authority", "gate.test"),
        ("authorization", bearer),
        ("content-type", "application/json"),
    ];
    Frame::headers(stream, &fields, ends).bytes()
}

fn floods(bearer: &str) -> Vec<Flood> {
    let begun = request(1, bearer, false);
    let (whole, open, malformed) = (bearer.to_owned(), bearer.to_owned(), bearer.to_owned());
    let stream = |wave: u32, number: u32| 2 * (wave * 50 + number) + 1;
    let half_head = Frame::new(Frame::HEADERS, 0, 1, block(&[(":method", "GET")])).bytes();
    vec![
        many("PING", vec![], Frame::new(Frame::PING, 0, 0, [7; 8])),
        many("PING that answers none", vec![], Frame::new(Frame::PING, Frame::ACK, 0, [7; 8])),
        many("SETTINGS", vec![], Frame::settings(&[])),
        flood("SETTINGS that open and close windows", vec![], |wave| {
            Frame::settings(&[(4, wave % 2 * 65_535), (1, wave % 4096)]).bytes().repeat(50)
        }),
        many("PRIORITY", vec![], Frame::new(Frame::PRIORITY, 0, 3, [0, 0, 0, 0, 16])),
        many("WINDOW_UPDATE", vec![], Frame::window_update(0, 1)),
        many("WINDOW_UPDATE of a stream", begun.clone(), Frame::window_update(1, 1)),
        many("frames of no known kind", vec![], Frame::new(0xfa, 0, 0, [])),
        many("GOAWAY", vec![], Frame::new(Frame::GO_AWAY, 0, 0, [0; 8])),
        many("empty DATA", begun.clone(), Frame::data(1, [], false)),
        many("padding alone", begun, Frame::new(Frame::DATA, 8, 1, [0])),
        flood("rapid reset", vec![], move |wave| {
            let pair = |number| {
                [request(stream(wave, number), &whole, true), Frame::reset(stream(wave, number)).bytes()]
            };
            (0..50).flat_map(pair).collect::<Vec<_>>().concat()
        }),
        flood("more streams than are allowed", vec![], move |wave| {
            (0..50).map(|number| request(stream(wave, number), &open, false)).collect::<Vec<_>>().concat()
        }),
        flood("malformed heads", vec![], move |wave| {
            let fields = [(":method", "GET"), ("authorization", malformed.as_str())];
            let head = |number| Frame::headers(stream(wave, number), &fields, true).bytes();
            (0..50).map(head).collect::<Vec<_>>().concat()
        }),
        many("empty CONTINUATION", half_head.clone(), Frame::new(Frame::CONTINUATION, 0, 1, [])),
        many("CONTINUATION", half_head, Frame::new(Frame::CONTINUATION, 0, 1, block(&[("a", "b")]))),
        flood("heads that unpack to megabytes", vec![], |wave| {
            // One entry of 4000 bytes in the dynamic table, then references to it of a byte each.
            let entry = [vec![0x40], literal(b"x-bomb", &[b'b'; 3900])[1..].to_vec()].concat();
            let head = block(&[(":method", "GET"), (":scheme", "http"), (":path", "/"), (":authority", "a")]);
            let bomb = [head, entry, vec![0xbe; 12_000]].concat();
            Frame::new(Frame::HEADERS, Frame::END_HEADERS | Frame::END_STREAM, 2 * wave + 1, bomb).bytes()
        }),
    ]
}

/// Sends a flood until the connection ends: the error of the GOAWAY, where it was read.
async fn unleash(served: &Served, flood: &Flood) -> Option<u32> {
    let mut stream = Frames::connect(served.address).await.into_stream();
    let opening = [PREFACE, &Frame::settings(&[]).bytes(), &flood.opening].concat();
    let _ = stream.write_all(&opening).await;
    let (mut reading, mut writing) = stream.into_split();
    let send = async {
        for wave in 0..20_000 {
            if writing.write_all(&(flood.wave)(wave)).await.is_err() {
                break;
            }
        }
    };
    let listen = async {
        let mut heard = Vec::new();
        let mut part = vec![0; 1 << 16];
        while let Ok(count @ 1..) = reading.read(&mut part).await {
            // Of acknowledgements without end only the last matter: GOAWAY is short, and comes last.
            heard.drain(..heard.len().saturating_sub(4096));
            heard.extend_from_slice(&part[..count]);
        }
        heard
    };
    let both = async { tokio::join!(send, listen).1 };
    let heard = within(&format!("the end of a flood of {}", flood.name), both).await;
    let farewells = heard.windows(17).filter(|bytes| bytes[3] == Frame::GO_AWAY && bytes[5..9] == [0; 4]);
    farewells.map(|bytes| u32::from_be_bytes(bytes[13..17].try_into().unwrap())).next_back()
}

#[tokio::test]
async fn a_flood_ends_the_connection_that_it_comes_on_and_nothing_else() {
    let tally = Tally::of("HTTP/2");
    let served = Served::with(&[("LISTEN__WORKERS", "1")]).await;
    let healthy = Http2::open(served.address).await;
    let bearer = served.issuer.token().bearer();
    let ask = async || {
        let answer = healthy.send("GET", "/conferences/IM3", &[("authorization", &bearer)], "").await;
        assert_eq!(answer.status, 200, "{answer:?}");
    };
    ask().await;
    let before = served.program.resident();
    for flood in floods(&bearer) {
        tally.input();
        let unleashed = unleash(&served, &flood);
        tokio::pin!(unleashed);
        let mut asked = 0;
        let error = loop {
            tokio::select! {
                biased;
                error = &mut unleashed => break error,
                () = ask() => asked += 1,
            }
        };
        ask().await;
        tally.requests(asked + 1);
        let grown = served.program.resident().saturating_sub(before);
        println!(
            "{}: GOAWAY {error:?}, {asked} healthy requests meanwhile, {} KiB more",
            flood.name,
            grown >> 10
        );
        // Who says goodbye over and over is said goodbye to.
        let is_told = error.is_none_or(|error| error == ENHANCE_YOUR_CALM || flood.name == "GOAWAY");
        tally.expect(is_told, || format!("{}: GOAWAY {error:?}", flood.name));
        tally.expect(grown < 64 << 20, || format!("{}: {grown} bytes more", flood.name));
    }
    for kind in ["control", "other"] {
        let counted = format!("confgate_frame_floods_total{{kind=\"{kind}\"}}");
        let counted = admin::metric(served.admin, &counted).await;
        tally.expect(counted > 0.0, || format!("no flood of kind {kind} was counted"));
    }
    admin::until_connections(served.admin, 1).await;
    tally.finish();
}

#[tokio::test]
async fn a_flood_is_told_to_calm_down() {
    let tally = Tally::of("HTTP/2");
    let world = World::start().await;
    let mut frames = Frames::open(world.address, &[]).await;
    // As many as exceed the budget, and few enough that the gateway reads all of them: nothing is lost by a reset.
    frames.write(Frame::new(Frame::PING, 0, 0, [7; 8]).bytes().repeat(1100)).await;
    let error = frames.farewell().await;
    tally.input();
    tally.expect(error == Some(ENHANCE_YOUR_CALM), || format!("{error:?}"));
    let counted = world.metric("confgate_frame_floods_total{kind=\"control\"}").await;
    tally.expect((counted - 1.0).abs() < f64::EPSILON, || format!("{counted}"));
    tally.finish();
}

#[tokio::test]
async fn what_a_busy_caller_sends_is_no_flood() {
    let tally = Tally::of("HTTP/2");
    let world = World::with(&WITHOUT_LIMITS).await;
    let http2 = Http2::open(world.address).await;
    assert_eq!(super::get(&http2, &world).await.status, 200);
    // Many requests, each with windows that open, and some that are taken back while they are answered.
    for _ in 0..20 {
        let all = futures_util::future::join_all((0..100).map(|_| super::get(&http2, &world))).await;
        tally.expect(all.iter().all(|answer| answer.status == 200), || "not all were answered".to_owned());
    }
    let bearer = world.issuer.token().bearer();
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    for _ in 0..3 {
        let begun = (0..50).map(|_| http2.begin("POST", "/conferences", &headers));
        let begun = futures_util::future::join_all(begun).await;
        assert_eq!(super::get(&http2, &world).await.status, 200);
        drop(begun);
    }
    tally.requests(2154);
    tally.expect(super::get(&http2, &world).await.status == 200, || "the connection has ended".to_owned());
    tally.expect(world.vendor.calls().len() == 2005, || "a create was sent".to_owned());
    tally.finish();
}

#[tokio::test]
async fn requests_that_are_taken_back_one_by_one_are_a_flood_too() {
    let tally = Tally::of("HTTP/2");
    let world = World::start().await;
    let mut frames = Frames::open(world.address, &[]).await;
    let bearer = world.issuer.token().bearer();
    let ping = Frame::new(Frame::PING, 0, 0, [1; 8]).bytes();
    let mut taken_back = 0;
    let error = 'ended: loop {
        let stream = 2 * taken_back + 1;
        // Once the PING is answered, the request is in the gateway's hands.
        frames.try_write([request(stream, &bearer, false), ping.clone()].concat()).await;
        loop {
            match frames.next().await {
                Some(frame) if frame.kind == Frame::PING => break,
                Some(frame) if frame.kind == Frame::GO_AWAY => break 'ended frame.error(),
                Some(_) => {}
                None => break 'ended None,
            }
        }
        frames.try_write(Frame::reset(stream).bytes()).await;
        taken_back += 1;
        assert!(taken_back < 100_000, "it may go on for ever");
    };
    tally.input();
    tally.expect(error == Some(ENHANCE_YOUR_CALM), || format!("{error:?} after {taken_back}"));
    let counted = world.metric("confgate_frame_floods_total{kind=\"reset\"}").await;
    tally.expect((counted - 1.0).abs() < f64::EPSILON, || format!("{counted} after {taken_back}"));
    tally.expect(world.vendor.calls().is_empty(), || "a create was sent".to_owned());
    tally.finish();
}
