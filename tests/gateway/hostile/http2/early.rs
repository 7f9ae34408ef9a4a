//! Answers that come before the request's body has. Some callers take a stream that is reset under them for a failure,
//! whatever the answer was.

use crate::support::http2::{Frame, Frames};
use crate::support::tally::Tally;
use crate::support::world::World;

const NO_ERROR: u32 = 0;

/// A create of so many bytes, which is refused by its head.
fn head_on(stream: u32, length: &str) -> Frame {
    let fields = [
        (":method", "POST"),
        (":scheme", "http"),
        (":path", "/conferences"),
        (":authority", "gate.test"),
        ("content-type", "application/json"),
        ("content-length", length),
    ];
    Frame::headers(stream, &fields, false)
}

/// All frames up to the end of the stream's answer.
async fn answer(frames: &mut Frames, stream: u32) -> Vec<Frame> {
    let mut seen = Vec::new();
    loop {
        let frame = frames.next().await.expect("an answer");
        let is_last = frame.stream == stream
            && matches!(frame.kind, Frame::HEADERS | Frame::DATA)
            && frame.flags & Frame::END_STREAM != 0;
        let is_reset = frame.kind == Frame::RST_STREAM;
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
