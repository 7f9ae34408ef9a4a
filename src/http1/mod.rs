//! HTTP/1.1 as both sides of the gateway speak it: where a head ends ([`end_of_head`]), and where a body
//! ([`Framing`]).

mod framing;
mod head;

pub use framing::{Chunks, Framing, Malformed, Piece};
pub use head::end_of_head;
