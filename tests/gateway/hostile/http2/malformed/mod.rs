//! Frames and heads that are not as RFC 9113 has them: each is refused, or understood in the one way that there is, and
//! nothing but a whole and allowed request reaches the vendor. With a token and without.

mod case;
mod odd;
mod wrong;

use serde_json::Value;

use self::case::Case;
use crate::support::http2::{Frame, Frames, Http2};
use crate::support::tally::Tally;
use crate::support::world::World;

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
    let cases = wrong::all();
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

#[tokio::test]
async fn what_is_odd_and_allowed_is_understood_in_the_one_way() {
    let tally = Tally::of("HTTP/2");
    let world = World::start().await;
    let bearer = world.issuer.token().bearer();
    for (number, case) in odd::heads().iter().enumerate() {
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
    for case in odd::bodies() {
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
