//! HTTP/1.1 as both sides of the gateway speak it: where a head ends ([`end_of_head`]), and where a body ([`Framing`]);
//! and the fields of an answer as they go on the wire ([`Fields`], of [`Lines`] and [`Value`]s).

mod fields;
mod framing;
mod head;
mod value;

pub use fields::{Fields, InvalidValue, Lines};
pub use framing::{Chunks, Framing, Malformed, Piece};
pub use head::end_of_head;
pub use value::{Value, ValueWriter};
