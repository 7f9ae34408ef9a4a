//! HTTP/2: the same gateway as by HTTP/1, and callers that use it against the gateway.

mod floods;
mod leaving;
mod malformed;
mod same;
mod slow;

use crate::support::client::Answer;
use crate::support::http2::Http2;
use crate::support::world::World;

/// A look at a conference, with a good token.
async fn get(http2: &Http2, world: &World) -> Answer {
    http2.send("GET", "/conferences/IM3", &[("authorization", &world.issuer.token().bearer())], "").await
}
