//! Callers that take their time over HTTP/2, ask for too much at once, or give no sign of life.

use bytes::Bytes;
use serde_json::{Value, json};

use crate::support::configuration::TWO_SECONDS;
use crate::support::http2::{Frame, Frames, Http2, PREFACE, block, read};
use crate::support::server::{Gate, Reply};
use crate::support::tally::Tally;
use crate::support::within;
use crate::support::world::World;

const INITIAL_WINDOW_SIZE: u16 = 4;
const CANCEL: u32 = 8;
const REFUSED_STREAM: u32 = 7;

async fn until_recorded(world: &World, reason: &str) -> Value {
    let find = |records: &[Value]| records.iter().find(|record| record["reason"] == reason).cloned();
    world.trail.wait_until(&format!("an outcome {reason}"), find).await
}

#[tokio::test]
async fn heads_that_do_not_end_and_connections_without_requests_are_closed() {
    let tally = Tally::of("HTTP/2");
    let world = World::with(&TWO_SECONDS).await;
    let settings = Frame::settings(&[]).bytes();
    let half = Frame::new(Frame::HEADERS, 0, 1, block(&[(":method", "GET")])).bytes();
    let header = &super::get_on(1, &world.issuer.token().bearer()).bytes()[..9];
    let endings = [
        ("a preface alone", PREFACE.to_vec()),
        ("settings", [PREFACE, &settings].concat()),
        ("half a head", [PREFACE, &settings, &half].concat()),
        ("the beginning of a frame", [PREFACE, &settings, header].concat()),
        ("half a frame's header", [PREFACE, &settings, &header[..5]].concat()),
    ];
    for (what, bytes) in endings {
        tally.input();
        let mut frames = Frames::connect(world.address).await;
        frames.write(bytes).await;
        let error = frames.farewell().await;
        tally.expect(error.is_none_or(|error| error == 0), || format!("{what}: GOAWAY {error:?}"));
    }
    let late = until_recorded(&world, "request_timeout").await;
    tally.expect(late["status"] == 408 && late["client"] == "127.0.0.1", || late.to_string());
    let mut used = Frames::open(world.address, &[]).await;
    used.send(&super::get_on(1, &world.issuer.token().bearer())).await;
    let error = used.farewell().await;
    tally.requests(1);
    tally.expect(error == Some(0), || format!("after a request: GOAWAY {error:?}"));
    world.until_connections(0).await;
    tally.expect(world.vendor.calls().len() == 1, || "the vendor was called".to_owned());
    tally.finish();
}

#[tokio::test]
async fn the_first_bytes_decide_however_slowly_they_come() {
    let tally = Tally::of("HTTP/2");
    let world = World::with(&TWO_SECONDS).await;
    let hello = [PREFACE, &Frame::settings(&[]).bytes()].concat();
    for split in 1..PREFACE.len() + 3 {
        tally.input();
        let mut frames = Frames::connect(world.address).await;
        frames.write(&hello[..split]).await;
        // Another connection's answer in between, so that the first bytes have arrived alone.
        assert_eq!(world.call("GET", "/conferences/IM3", "").await.status, 200);
        frames.write(&hello[split..]).await;
        frames.send(&super::get_on(1, &world.issuer.token().bearer())).await;
        let answer = frames.until(Frame::HEADERS).await;
        tally.requests(2);
        tally.expect(answer.is_some_and(|answer| answer.stream == 1), || format!("no answer after {split}"));
    }
    // What begins like HTTP/2 may still be HTTP/1.
    for (text, code) in [
        ("PRI", "request_timeout"),
        ("PRI * HTTP/2.0\r\n\r\n", "request_timeout"),
        ("PRI * HTTP/2.0\r\n\r\nSN\r\n\r\n", "request_malformed"),
        ("PRI * HTTP/1.1\r\nHost: gate.test\r\n\r\n", "route_unknown"),
    ] {
        tally.input();
        let mut connection = crate::support::client::Connection::open(world.address).await;
        connection.write(text).await;
        let problem = connection.answer("GET").await.problem();
        tally.expect(problem == code, || format!("{text:?}: {problem}"));
    }
    tally.finish();
}

#[tokio::test]
async fn a_body_that_does_not_end_is_given_up_and_its_connection_goes_on() {
    let tally = Tally::of("HTTP/2");
    let world = World::with(&[&TWO_SECONDS[..], &[("LISTEN__IDLE_TIMEOUT", "10s")]].concat()).await;
    let http2 = Http2::open(world.address).await;
    let bearer = world.issuer.token().bearer();
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    let (answer, mut body) = http2.begin("POST", "/conferences", &headers).await;
    body.send_data(Bytes::from_static(b"{\"confrT"), false).unwrap();
    let answer = read(within("an answer", answer).await.unwrap()).await.unwrap();
    tally.input();
    tally.expect((answer.status, answer.problem().as_str()) == (408, "request_timeout"), || {
        format!("{answer:?}")
    });
    tally.expect(answer.header("access-control-allow-origin") == Some("*"), || format!("{answer:?}"));
    let outcome = world.trail.outcome_of(answer.request_id()).await;
    tally.expect(outcome["reason"] == "request_timeout", || outcome.to_string());
    tally.expect(super::get(&http2, &world).await.status == 200, || "the connection is over".to_owned());
    tally.expect(world.vendor.calls().len() == 1, || "the create was sent".to_owned());
    tally.requests(2);
    tally.finish();
}

#[tokio::test]
async fn an_answer_for_which_no_window_opens_is_taken_back() {
    let tally = Tally::of("HTTP/2");
    let world = World::with(&[&TWO_SECONDS[..], &[("LISTEN__IDLE_TIMEOUT", "10s")]].concat()).await;
    for window in [0, 1, 100] {
        for length in [1_000, 1 << 20] {
            tally.input();
            tally.requests(1);
            world.vendor.script(Reply::body(200, "text/plain", vec![b'x'; length]));
            let mut frames = Frames::open(world.address, &[(INITIAL_WINDOW_SIZE, window)]).await;
            frames.send(&super::get_on(1, &world.issuer.token().bearer())).await;
            let reset = frames.until(Frame::RST_STREAM).await;
            let error = reset.as_ref().and_then(Frame::error);
            tally.expect(error == Some(CANCEL), || format!("{window} of {length}: {reset:?}"));
            // The connection is as good as before.
            frames.send(&super::get_on(3, &world.issuer.token().bearer())).await;
            let next = frames.until(Frame::HEADERS).await;
            tally.expect(next.is_some_and(|next| next.stream == 3), || "no further answer".to_owned());
        }
    }
    let metrics = world.metrics().await;
    tally.expect(metrics.contains("confgate_tenant_in_flight{tenant=\"crm\"} 0.0"), || metrics);
    tally.finish();
}

#[tokio::test]
async fn answers_that_nobody_reads_end_the_connection() {
    let tally = Tally::of("HTTP/2");
    let world = World::with(&TWO_SECONDS).await;
    world.vendor.script(Reply::body(200, "text/plain", vec![b'x'; 64 << 20]));
    let greedy = u32::MAX >> 1;
    let mut frames = Frames::open(world.address, &[(INITIAL_WINDOW_SIZE, greedy)]).await;
    frames.send(&Frame::window_update(0, greedy - 65_535)).await;
    frames.send(&super::get_on(1, &world.issuer.token().bearer())).await;
    world.vendor.wait_for(1).await;
    tally.input();
    tally.requests(1);
    world.until_connections(0).await;
    let metrics = world.metrics().await;
    tally.expect(metrics.contains("confgate_tenant_in_flight{tenant=\"crm\"} 0.0"), || metrics);
    drop(frames);
    tally.finish();
}

#[tokio::test]
async fn bodies_that_nobody_reads_leave_the_connections_window_alone() {
    let tally = Tally::of("HTTP/2");
    let world = World::start().await;
    let http2 = Http2::open(world.address).await;
    // Together several times as much as the connection's window.
    let mut bodies = Vec::new();
    for number in 0..40 {
        let (answer, mut body) =
            http2.begin("POST", "/nothing", &[("content-type", "application/json")]).await;
        body.send_data(Bytes::from(vec![b'x'; 60_000]), false).unwrap();
        let answer = read(within("an answer", answer).await.unwrap()).await;
        let status = answer.as_ref().map(|answer| answer.status).unwrap_or_default();
        tally.expect(status == 404, || format!("{number}: {answer:?}"));
        bodies.push(body);
    }
    let bearer = world.issuer.token().bearer();
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    let long = format!("{{\"confrType\":10{}}}", " ".repeat(60_000));
    let answer = http2.send("POST", "/conferences", &headers, &long).await;
    tally.expect(answer.status == 200, || format!("{answer:?}"));
    tally.requests(41);
    tally.finish();
}

#[tokio::test]
async fn more_requests_than_there_is_room_for_are_told_so() {
    let tally = Tally::of("HTTP/2");
    let changes = [("LISTEN__WORKERS", "1"), ("LISTEN__MAX_CONNECTIONS", "3")];
    let world =
        World::with(&[&changes[..], &[("LISTEN__HTTP2__MAX_CONCURRENT_STREAMS", "2")]].concat()).await;
    let gate = Gate::closed();
    for _ in 0..3 {
        world.vendor.script(Reply::json(200, &json!({"error": 0})).behind(&gate));
    }
    let mut first = Frames::open(world.address, &[]).await;
    for stream in [1, 3, 5] {
        first.send(&super::get_on(stream, &world.issuer.token().bearer())).await;
    }
    let refused = first.until(Frame::RST_STREAM).await.expect("a refusal");
    tally.expect((refused.stream, refused.error()) == (5, Some(REFUSED_STREAM)), || format!("{refused:?}"));
    let overloaded = until_recorded(&world, "overloaded").await;
    tally.expect(overloaded["attempts"] == 0, || overloaded.to_string());
    let (second, _) = Http2::try_open(world.address).await.unwrap();
    let held = super::get(&second, &world);
    let over = async {
        world.vendor.wait_for(3).await;
        second.send("GET", "/conferences/IM3", &[("authorization", &world.issuer.token().bearer())], "").await
    };
    let opened = async {
        let over = over.await;
        gate.open();
        over
    };
    let (held, over) = tokio::join!(held, opened);
    tally.expect(held.status == 200, || format!("{held:?}"));
    tally.expect((over.status, over.problem().as_str()) == (503, "overloaded"), || format!("{over:?}"));
    tally.expect(over.header("retry-after") == Some("1"), || format!("{over:?}"));
    tally.expect(over.header("access-control-allow-origin") == Some("*"), || format!("{over:?}"));
    let outcome = world.trail.outcome_of(over.request_id()).await;
    tally.expect(outcome["reason"] == "overloaded", || outcome.to_string());
    for _ in [1, 3] {
        let answer = first.until(Frame::HEADERS).await;
        tally.expect(answer.is_some(), || "no answer once there was one".to_owned());
    }
    tally.requests(5);
    tally.expect(world.vendor.calls().len() == 3, || "a refused request was sent".to_owned());
    tally.finish();
}

#[tokio::test]
async fn heads_that_are_too_large_are_refused_each_by_itself() {
    let tally = Tally::of("HTTP/2");
    let world = World::start().await;
    let http2 = Http2::open(world.address).await;
    let bearer = world.issuer.token().bearer();
    let names: Vec<String> = (0..70).map(|number| format!("x-{number}")).collect();
    let many: Vec<_> = names.iter().map(|name| (name.as_str(), "")).collect();
    let (long, longer) = ("a".repeat(17_000), "a".repeat(40_000));
    for (what, extra) in [("long", vec![("x-long", long.as_str())]), ("many", many)] {
        tally.input();
        let headers = [&[("authorization", bearer.as_str())][..], &extra].concat();
        let answer = http2.send("GET", "/conferences/IM3", &headers, "").await;
        let code = answer.problem();
        tally.expect((answer.status, code.as_str()) == (431, "headers_too_large"), || {
            format!("{what}: {answer:?}")
        });
        let outcome = world.trail.outcome_of(answer.request_id()).await;
        tally.expect(outcome["reason"] == "headers_too_large", || format!("{what}: {outcome}"));
    }
    tally.input();
    let bare = http2.try_send("GET", "/conferences/IM3", &[("x-long", &longer)], "").await;
    tally.expect(bare.is_err() || bare.as_ref().is_ok_and(|answer| answer.status == 431), || {
        format!("{bare:?}")
    });
    until_recorded(&world, "request_malformed").await;
    tally.expect(super::get(&http2, &world).await.status == 200, || "the connection is over".to_owned());
    tally.expect(world.vendor.calls().len() == 1, || "a refused request was sent".to_owned());
    tally.requests(4);
    tally.finish();
}

#[tokio::test]
async fn a_caller_that_gives_no_sign_of_life_is_not_kept() {
    let tally = Tally::of("HTTP/2");
    let changes = [("LISTEN__HTTP2__KEEP_ALIVE_INTERVAL", "1s"), ("LISTEN__HTTP2__KEEP_ALIVE_TIMEOUT", "1s")];
    let world = World::with(&changes).await;
    let mut silent = Frames::open(world.address, &[]).await;
    let lively = Http2::open(world.address).await;
    tally.input();
    let ping = silent.until(Frame::PING).await;
    tally.expect(ping.is_some(), || "nobody asked".to_owned());
    let error = silent.farewell().await;
    tally.expect(error.is_none_or(|error| error == 0), || format!("{error:?}"));
    world.until_connections(1).await;
    tally.expect(super::get(&lively, &world).await.status == 200, || "the lively one's end".to_owned());
    tally.requests(1);
    tally.finish();
}
