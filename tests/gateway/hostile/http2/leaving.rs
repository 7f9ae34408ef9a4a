//! The gateway's end, and its full house, as callers by HTTP/2 see them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::json;

use crate::support::configuration::WITHOUT_LIMITS;
use crate::support::http2::{Frame, Frames, Http2};
use crate::support::program::Served;
use crate::support::server::{Gate, Reply};
use crate::support::tally::Tally;
use crate::support::world::World;

const NO_ERROR: u32 = 0;

#[tokio::test]
async fn streams_in_flight_are_answered_before_the_connection_ends() {
    let tally = Tally::of("drain");
    let mut world = World::with(&[("LISTEN__DRAIN_DELAY", "1s")]).await;
    let gate = Gate::closed();
    for _ in 0..3 {
        world.vendor.script(Reply::json(200, &json!({"error": 0})).behind(&gate));
    }
    let idle = Http2::try_open(world.address).await.unwrap().1;
    let http2 = Http2::open(world.address).await;
    let bearer = world.issuer.token().bearer();
    let ask = |http2: Http2, bearer: String| async move {
        http2.send("GET", "/conferences/IM3", &[("authorization", &bearer)], "").await
    };
    let asking: Vec<_> = (0..3).map(|_| tokio::spawn(ask(http2.clone(), bearer.clone()))).collect();
    world.vendor.wait_for(3).await;
    world.begin_to_end();
    // An idle connection ends without an error; on one that was asked to leave, a request is served or not begun.
    let ended = crate::support::within("the idle connection's end", idle).await.unwrap();
    tally.expect(ended.is_ok(), || format!("{ended:?}"));
    let late = http2.try_send("GET", "/conferences/IM3", &[("authorization", &bearer)], "").await;
    let is_served = late.as_ref().is_ok_and(|late| late.status == 200);
    tally.expect(is_served || late.as_ref().is_err_and(h2::Error::is_go_away), || format!("{late:?}"));
    gate.open();
    for answer in asking {
        let answer = answer.await.unwrap();
        tally.expect(answer.status == 200, || format!("{answer:?}"));
    }
    tally.requests(4);
    tally.expect(!world.ended().await, || "requests were cut off".to_owned());
    tally.finish();
}

/// Asks until the gateway is gone, connecting anew whenever it is told to. Counts answers; gives what went wrong.
async fn ask_until_the_end(
    address: std::net::SocketAddr,
    bearer: String,
    answered: Arc<AtomicU64>,
) -> Vec<String> {
    let mut wrong = Vec::new();
    while let Some((http2, _)) = Http2::try_open(address).await {
        let mut is_first = true;
        loop {
            match http2.try_send("GET", "/conferences/IM3", &[("authorization", &bearer)], "").await {
                Ok(answer) if answer.status == 200 => {
                    is_first = false;
                    answered.fetch_add(1, Ordering::Relaxed);
                }
                Ok(answer) => wrong.push(format!("{answer:?}")),
                // The gateway has said that it did nothing about this one, which may be asked elsewhere.
                Err(error) if error.is_go_away() && error.reason() == Some(h2::Reason::NO_ERROR) => break,
                // A newcomer's first, once there is nobody to answer any more.
                Err(error) if error.is_io() && is_first => return wrong,
                Err(error) => {
                    wrong.push(error.to_string());
                    break;
                }
            }
        }
        if wrong.len() > 10 {
            break;
        }
    }
    wrong
}

#[tokio::test]
async fn under_load_no_request_fails() {
    let tally = Tally::of("drain");
    let mut served = Served::with(&[&WITHOUT_LIMITS[..], &[("LISTEN__DRAIN_DELAY", "3s")]].concat()).await;
    let answered = Arc::new(AtomicU64::new(0));
    let callers: Vec<_> = (0..8)
        .map(|_| {
            let bearer = served.issuer.token().bearer();
            tokio::spawn(ask_until_the_end(served.address, bearer, Arc::clone(&answered)))
        })
        .collect();
    served.vendor.wait_for(100).await;
    served.program.signal("TERM").await;
    served.until_phase("draining").await;
    let before = answered.load(Ordering::Relaxed);
    let ended = served.program.ended().await;
    tally.expect(ended.code == Some(0), || format!("{ended:?}"));
    for caller in callers {
        let wrong = caller.await.unwrap();
        tally.expect(wrong.is_empty(), || format!("{wrong:?}"));
    }
    let answered = answered.load(Ordering::Relaxed);
    tally.expect(answered > before, || format!("none answered while draining, of {answered}"));
    let calls = served.vendor.calls().len();
    tally.expect(u64::try_from(calls).unwrap() == answered, || format!("{calls} calls, {answered} answers"));
    tally.requests(answered);
    tally.finish();
}

#[tokio::test]
async fn newcomers_to_a_full_or_closing_house_are_asked_away() {
    let tally = Tally::of("HTTP/2");
    let mut world = World::with(&[("LISTEN__MAX_CONNECTIONS", "1")]).await;
    let gate = Gate::closed();
    world.vendor.script(Reply::json(200, &json!({"error": 0})).behind(&gate));
    let bearer = world.issuer.token().bearer();
    let http2 = Http2::open(world.address).await;
    let held = tokio::spawn(async move {
        http2.send("GET", "/conferences/IM3", &[("authorization", &bearer)], "").await
    });
    world.vendor.wait_for(1).await;
    for (phase, reason) in [("serving", "overloaded"), ("closing", "shutting_down")] {
        if phase == "closing" {
            world.begin_to_end();
        }
        world.until_status(phase, |status| status["phase"] == phase).await;
        tally.input();
        let mut newcomer = Frames::open(world.address, &[]).await;
        let said = newcomer.rest().await;
        let kinds: Vec<_> = said.iter().map(|frame| frame.kind).collect();
        tally.expect(kinds == [Frame::SETTINGS, Frame::GO_AWAY], || format!("{phase}: {said:?}"));
        let farewell = said.last().expect("a frame");
        tally.expect(farewell.error() == Some(NO_ERROR), || format!("{phase}: {said:?}"));
        tally.expect(farewell.payload.ends_with(reason.as_bytes()), || format!("{phase}: {said:?}"));
        tally.expect(farewell.payload[..4] == [0; 4], || format!("{phase}: a stream was served"));
        let find = |records: &[serde_json::Value]| {
            records.iter().find(|record| record["reason"] == reason && record["status"] == 503).cloned()
        };
        world.trail.wait_until(reason, find).await;
    }
    gate.open();
    let answer = held.await.unwrap();
    tally.requests(1);
    tally.expect(answer.status == 200, || format!("{answer:?}"));
    tally.expect(!world.ended().await, || "requests were cut off".to_owned());
    tally.finish();
}

#[tokio::test]
async fn a_caller_that_does_not_look_does_not_hold_up_the_end() {
    let tally = Tally::of("drain");
    let mut served = Served::with(&[("LISTEN__DRAIN_DELAY", "0s"), ("LISTEN__DRAIN_TIMEOUT", "2s")]).await;
    let bearer = served.issuer.token().bearer();
    let mut used = Frames::open(served.address, &[]).await;
    used.send(&super::get_on(1, &bearer)).await;
    assert!(used.until(Frame::HEADERS).await.is_some());
    let fresh = Frames::open(served.address, &[]).await;
    let silent = Frames::connect(served.address).await;
    served.program.signal("TERM").await;
    let ended = served.program.ended().await;
    tally.requests(1);
    tally.expect(ended.code == Some(0), || format!("{ended:?}"));
    let error = used.farewell().await;
    tally.expect(error == Some(NO_ERROR), || format!("{error:?}"));
    drop((fresh, silent));
    tally.finish();
}
