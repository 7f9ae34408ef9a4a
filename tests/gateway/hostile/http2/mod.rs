//! HTTP/2: the same gateway as by HTTP/1, and callers that use it against the gateway.

mod early;
mod floods;
mod leaving;
mod malformed;
mod same;
mod slow;

use crate::support::client::Answer;
use crate::support::http2::{Frame, Http2};
use crate::support::world::World;

/// A look at a conference, with a good token.
async fn get(http2: &Http2, world: &World) -> Answer {
    http2.send("GET", "/conferences/IM3", &[("authorization", &world.issuer.token().bearer())], "").await
}

/// The same as a frame, on this stream.
fn get_on(stream: u32, bearer: &str) -> Frame {
    let fields = [
        (":method", "GET"),
        (":scheme", "http"),
        (":path", "/conferences/IM3"),
        (":authority", "gate.test"),
        ("authorization", bearer),
    ];
    Frame::headers(stream, &fields, true)
}
