//! Answers that come before the request's body has. Some callers take a stream that is reset under them for a failure,
//! whatever the answer was.

use serde_json::Value;

use crate::support::http2::{Frame, Frames};
use crate::support::tally::Tally;
use crate::support::world::World;

const NO_ERROR: u32 = 0;
const REFUSED_STREAM: u32 = 7;

/// A create of so many bytes, where that is said, which is refused by its head.
fn head_on(stream: u32, length: &str) -> Frame {
    let fields = [
        (":method", "POST"),
        (":scheme", "http"),
        (":path", "/conferences"),
        (":authority", "gate.test"),
        ("content-type", "application/json"),
        ("content-length", length),
    ];
    // Without a length nobody can tell how much will come.
    let count = fields.len() - usize::from(length.is_empty());
    Frame::headers(stream, &fields[..count], false)
}

/// All frames up to the end of the stream's answer.
async fn answer(frames: &mut Frames, stream: u32) -> Vec<Frame> {
    let mut seen = Vec::new();
    loop {
        let frame = frames.next().await.expect("an answer");
        let is_last = frame.stream == stream
            && matches!(frame.kind, Frame::HEADERS | Frame::DATA)
            && frame.flags & Frame::END_STREAM != 0;
        let is_reset = frame.stream == stream && frame.kind == Frame::RST_STREAM;
        seen.push(frame);
        if is_last || is_reset {
            return seen;
        }
    }
}

/// All frames up to the answer to a ping, which is sent now.
async fn until_pong(frames: &mut Frames) -> Vec<Frame> {
    frames.send(&Frame::new(Frame::PING, 0, 0, [7; 8])).await;
    let mut seen = Vec::new();
    loop {
        let frame = frames.next().await.expect("the answer to a ping");
        if frame.kind == Frame::PING && frame.flags & Frame::ACK != 0 {
            return seen;
        }
        seen.push(frame);
    }
}

fn reset(seen: &[Frame]) -> Option<u32> {
    seen.iter().filter(|frame| frame.kind == Frame::RST_STREAM).find_map(Frame::error)
}

#[tokio::test]
async fn a_body_that_comes_after_its_answer_is_read_over() {
    let tally = Tally::of("HTTP/2");
    let world = World::start().await;
    let mut frames = Frames::open(world.address, &[]).await;
    for stream in (1..40).step_by(2) {
        tally.requests(1);
        frames.send(&head_on(stream, "4")).await;
        let mut seen = answer(&mut frames, stream).await;
        seen.extend(until_pong(&mut frames).await);
        frames.send(&Frame::data(stream, "{\"a\"", true)).await;
        seen.extend(until_pong(&mut frames).await);
        tally.expect(reset(&seen).is_none(), || format!("stream {stream} was reset: {:?}", reset(&seen)));
    }
    tally.expect(world.vendor.calls().is_empty(), || "the vendor was called".to_owned());
    tally.finish();
}

#[tokio::test]
async fn a_body_that_is_not_worth_it_is_not_waited_for() {
    let tally = Tally::of("HTTP/2");
    let world = World::start().await;
    for (length, sent) in [("200000", 0), ("200000", 16384), ("4", 0)] {
        tally.requests(1);
        let mut frames = Frames::open(world.address, &[]).await;
        frames.send(&head_on(1, length)).await;
        let mut seen = answer(&mut frames, 1).await;
        tally.expect(reset(&seen).is_none(), || "it was reset before its answer".to_owned());
        if sent > 0 {
            frames.send(&Frame::data(1, vec![b' '; sent], false)).await;
        }
        while reset(&seen).is_none() {
            seen.push(frames.next().await.expect("a reset"));
        }
        // Asks the caller to send no more, and says that the answer is good (RFC 9113, section 8.1).
        let code = reset(&seen);
        tally.expect(code == Some(NO_ERROR), || format!("{sent} of {length} bytes: {code:?}"));
    }
    tally.finish();
}

#[tokio::test]
async fn no_more_bodies_are_waited_for_than_there_may_be_requests() {
    let tally = Tally::of("HTTP/2");
    let world = World::with(&[("LISTEN__WORKERS", "1"), ("LISTEN__MAX_CONNECTIONS", "4")]).await;
    let mut frames = Frames::open(world.address, &[]).await;
    let mut seen = Vec::new();
    for stream in (1..20).step_by(2) {
        tally.requests(1);
        frames.send(&head_on(stream, "")).await;
        seen.extend(answer(&mut frames, stream).await);
    }
    seen.extend(until_pong(&mut frames).await);
    let resets = seen.iter().filter(|frame| frame.error() == Some(NO_ERROR)).count();
    tally.expect(resets >= 6, || format!("of 10 bodies that do not come, {resets} are given up"));
    tally.finish();
}

#[tokio::test]
async fn a_stream_too_many_beside_bodies_that_are_read_over_is_an_overload() {
    let tally = Tally::of("HTTP/2");
    let world = World::with(&[("LISTEN__HTTP2__MAX_CONCURRENT_STREAMS", "2")]).await;
    let mut frames = Frames::open(world.address, &[]).await;
    for stream in [1, 3] {
        frames.send(&head_on(stream, "4")).await;
        answer(&mut frames, stream).await;
    }
    frames.send(&head_on(5, "4")).await;
    tally.requests(3);
    let seen = until_pong(&mut frames).await;
    let is_refused = |frame: &Frame| frame.stream == 5 && frame.error() == Some(REFUSED_STREAM);
    if seen.iter().any(is_refused) {
        let is_it = |record: &&Value| record["kind"] == "outcome" && record["reason"] != "token_missing";
        let find = |records: &[Value]| records.iter().find(is_it).cloned();
        let recorded = world.trail.wait_until("an outcome", find).await;
        tally.expect(recorded["reason"] == "overloaded", || recorded.to_string());
    } else {
        // This took so long that both were given up meanwhile.
        tally.expect(reset(&seen).is_some(), || format!("{seen:?}"));
    }
    tally.finish();
}
