//! Handshakes: good ones by every version and protocol, and those that are none.

use std::time::Duration;

use rustls::SupportedProtocolVersion;
use rustls::version::{TLS12, TLS13};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::certificates::{Shown, shake_hands};
use crate::support::client::Connection;
use crate::support::configuration::borrowed;
use crate::support::http2::Http2;
use crate::support::tally::Tally;
use crate::support::within;
use crate::support::world::World;

const NEW: &[&SupportedProtocolVersion] = &[&TLS13];
const OLD: &[&SupportedProtocolVersion] = &[&TLS12];

#[tokio::test]
async fn the_handshake_says_what_is_spoken() {
    let tally = Tally::of("TLS");
    let shown = Shown::new();
    let world = World::with(&borrowed(&shown.changes(&[]))).await;
    let bearer = world.issuer.token().bearer();
    let headers = [("authorization", bearer.as_str())];
    for versions in [NEW, OLD] {
        for (offered, agreed) in [
            (&["h2", "http/1.1"][..], Some("h2")),
            (&["http/1.1", "h2"], Some("h2")),
            (&["http/1.1"], Some("http/1.1")),
            (&["h2"], Some("h2")),
            (&[], None),
        ] {
            tally.requests(1);
            let caller = shown.caller().speaking(versions).offering(offered);
            let stream = caller.open(world.address).await;
            let spoken = stream.get_ref().1.alpn_protocol().map(<[u8]>::to_vec);
            tally.expect(spoken.as_deref() == agreed.map(str::as_bytes), || {
                format!("{offered:?}: {spoken:?}")
            });
            let status = if agreed == Some("h2") {
                let (http2, _) = Http2::over(stream).await.unwrap();
                http2.send("GET", "/conferences/IM3", &headers, "").await.status
            } else {
                let mut connection = Connection::over(stream, world.address);
                connection.send("GET", "/conferences/IM3", &headers, "").await.status
            };
            tally.expect(status == 200, || format!("{offered:?}: {status}"));
        }
    }
    tally.input();
    let unknown = shown.caller().offering(&["spdy/3"]).try_open(world.address).await;
    tally.expect(unknown.is_err(), || "spdy was agreed on".to_owned());
    tally.expect(world.vendor.calls().len() == 10, || "not as many calls as requests".to_owned());
    tally.finish();
}

#[tokio::test]
async fn http1_alone_is_offered_where_http2_is_off() {
    let tally = Tally::of("TLS");
    let shown = Shown::new();
    let world = World::with(&borrowed(&shown.changes(&[("LISTEN__HTTP2__ENABLED", "false")]))).await;
    let stream = shown.caller().open(world.address).await;
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
    let answer = Connection::over(stream, world.address).send("GET", "/openapi.json", &[], "").await;
    tally.requests(1);
    tally.expect(answer.status == 200, || format!("{answer:?}"));
    tally.finish();
}

#[tokio::test]
async fn a_session_resumes_by_its_ticket() {
    let tally = Tally::of("TLS");
    let shown = Shown::new();
    let world = World::with(&borrowed(&shown.changes(&[]))).await;
    for versions in [NEW, OLD] {
        let config = shown.caller().speaking(versions).config();
        for expected in [rustls::HandshakeKind::Full, rustls::HandshakeKind::Resumed] {
            let stream = shake_hands(config.clone(), world.address).await.unwrap();
            let kind = stream.get_ref().1.handshake_kind();
            tally.expect(kind == Some(expected), || format!("{kind:?} where {expected:?} is to be"));
            let (http2, _) = Http2::over(stream).await.unwrap();
            assert_eq!(http2.send("GET", "/openapi.json", &[], "").await.status, 200);
            tally.requests(1);
        }
    }
    tally.finish();
}

/// A handshake message that offers this version and no newer one.
fn hello(version: [u8; 2]) -> Vec<u8> {
    let suites = [0xc0, 0x2f, 0xc0, 0x2b, 0xc0, 0x13, 0x00, 0x2f];
    let mut body = [&version[..], &[7; 32], &[0], &[0, 8], &suites, &[1, 0]].concat();
    // supported_groups and signature_algorithms, which TLS 1.2 wants to see.
    let extensions = [&[0, 10, 0, 4, 0, 2, 0, 23][..], &[0, 13, 0, 6, 0, 4, 4, 3, 8, 4]].concat();
    body.extend([0, u8::try_from(extensions.len()).unwrap()]);
    body.extend(extensions);
    let length = u8::try_from(body.len()).unwrap();
    [&[22, 3, 1, 0, length + 4, 1, 0, 0, length][..], &body].concat()
}

/// What the gateway says to these bytes until it closes the connection.
async fn said_to(world: &World, bytes: &[u8]) -> Vec<u8> {
    let mut stream = within("a connection", TcpStream::connect(world.address)).await.unwrap();
    let _ = stream.write_all(bytes).await;
    let mut said = Vec::new();
    let _ = within("the connection's end", stream.read_to_end(&mut said)).await;
    said
}

const ALERT: u8 = 21;
const PROTOCOL_VERSION: u8 = 70;

#[tokio::test]
async fn old_versions_and_what_is_no_tls_are_turned_away_by_an_alert() {
    let tally = Tally::of("TLS");
    let shown = Shown::new();
    let world = World::with(&borrowed(&shown.changes(&[]))).await;
    for version in [[3, 0], [3, 1], [3, 2]] {
        tally.input();
        let said = said_to(&world, &hello(version)).await;
        let is_refused = said.first() == Some(&ALERT) && said.last() == Some(&PROTOCOL_VERSION);
        tally.expect(is_refused, || format!("{version:?}: {said:?}"));
    }
    // It is the version that was wrong about these.
    let said = said_to(&world, &[hello([3, 3]), vec![0; 64]].concat()).await;
    tally.expect(said.first() == Some(&22), || format!("TLS 1.2: {said:?}"));
    let long = [&[22, 3, 1, 0x48, 0][..], &vec![1; 0x4800]].concat();
    let garbage: [&[u8]; 8] = [
        b"GET /conferences/IM3 HTTP/1.1\r\nHost: gate.test\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0",
        &[0; 300],
        &[0xff; 300],
        &[22, 3, 1, 0, 5, 1, 0, 0, 1, 0],
        &[22, 3, 1, 0, 0, 22, 3, 1, 0, 0],
        &[23, 3, 3, 0, 2, 1, 1],
        &long,
    ];
    for bytes in garbage {
        tally.input();
        let said = said_to(&world, bytes).await;
        let what = || format!("{:?}: {said:?}", bytes.get(..10));
        tally.expect(said.is_empty() || said.first() == Some(&ALERT), what);
    }
    let (http2, _) = Http2::over(shown.caller().open(world.address).await).await.unwrap();
    assert_eq!(http2.send("GET", "/openapi.json", &[], "").await.status, 200);
    tally.requests(1);
    let failed = world.metric("confgate_tls_handshakes_failed_total").await;
    tally.expect(failed >= 11.0, || format!("{failed} failed handshakes"));
    tally.expect(world.vendor.calls().is_empty(), || "the vendor was called".to_owned());
    tally.finish();
}

#[tokio::test]
async fn tls_1_2_can_be_done_without() {
    let tally = Tally::of("TLS");
    let shown = Shown::new();
    let world = World::with(&borrowed(&shown.changes(&[("LISTEN__TLS__MIN_VERSION", "1.3")]))).await;
    tally.input();
    let old = shown.caller().speaking(OLD).try_open(world.address).await;
    tally.expect(old.is_err(), || "TLS 1.2 was spoken".to_owned());
    let new = shown.caller().speaking(NEW).try_open(world.address).await;
    tally.expect(new.is_ok(), || format!("{new:?}"));
    tally.finish();
}

#[tokio::test]
async fn handshakes_that_stall_hold_up_nobody_and_end() {
    let tally = Tally::of("TLS");
    let shown = Shown::new();
    let changes = [("LISTEN__TLS__HANDSHAKE_TIMEOUT", "3s"), ("LISTEN__WORKERS", "1")];
    let world = World::with(&borrowed(&shown.changes(&changes))).await;
    let whole = hello([3, 3]);
    let mut stalled = Vec::new();
    for length in (0..whole.len()).chain([whole.len()]) {
        tally.input();
        let mut stream = within("a connection", TcpStream::connect(world.address)).await.unwrap();
        stream.write_all(&whole[..length]).await.unwrap();
        stalled.push(stream);
    }
    let (http2, _) = Http2::over(shown.caller().open(world.address).await).await.unwrap();
    assert_eq!(http2.send("GET", "/openapi.json", &[], "").await.status, 200);
    tally.requests(1);
    for mut stream in stalled {
        let mut rest = Vec::new();
        let end = within("a stalled handshake to end", stream.read_to_end(&mut rest)).await;
        drop(end);
    }
    world.until_connections(1).await;
    tally.finish();
}

#[tokio::test]
async fn more_connections_than_there_is_room_for_are_told_so_by_tls_too() {
    let tally = Tally::of("TLS");
    let shown = Shown::new();
    let world = World::with(&borrowed(&shown.changes(&[("LISTEN__MAX_CONNECTIONS", "1")]))).await;
    let (first, _) = Http2::over(shown.caller().open(world.address).await).await.unwrap();
    assert_eq!(first.send("GET", "/openapi.json", &[], "").await.status, 200);
    let stream = shown.caller().offering(&["http/1.1"]).open(world.address).await;
    let answer = Connection::over(stream, world.address).send("GET", "/openapi.json", &[], "").await;
    tally.expect((answer.status, answer.problem().as_str()) == (503, "overloaded"), || format!("{answer:?}"));
    let second = Http2::over(shown.caller().open(world.address).await).await;
    let refused = match second {
        Ok((http2, _)) => http2.try_send("GET", "/openapi.json", &[], "").await.err(),
        Err(error) => Some(error),
    };
    let is_asked_away = refused.as_ref().is_some_and(|error| error.is_go_away() && error.is_remote());
    tally.expect(is_asked_away, || format!("{refused:?}"));
    tally.requests(3);
    // Many at once that only stall cost no more than so many places.
    let mut crowd = Vec::new();
    for _ in 0..100 {
        tally.input();
        crowd.push(within("a connection", TcpStream::connect(world.address)).await.unwrap());
    }
    assert_eq!(first.send("GET", "/openapi.json", &[], "").await.status, 200);
    tally.requests(1);
    for mut stream in crowd {
        let ended = tokio::time::timeout(Duration::from_secs(8), stream.read(&mut [0; 64])).await;
        tally.expect(ended.is_ok(), || "a newcomer that stalls is kept".to_owned());
    }
    tally.finish();
}
