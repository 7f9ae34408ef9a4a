//! HTTP/1.1 as both sides of the gateway speak it: where a body ends ([`Framing`]).

mod framing;

pub use framing::{Chunks, Framing, Malformed, Piece};
