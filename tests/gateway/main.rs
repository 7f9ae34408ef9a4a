//! The gateway from outside: over real sockets, before a vendor and an issuer that record what they see. Each test
//! asserts the answer, what the vendor saw and what the trail says.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on fails"
)]

mod addresses;
mod admin;
mod bodies;
mod calls;
mod container;
mod cors;
mod creator;
mod durability;
mod endings;
mod fields;
mod headers;
mod hostile;
mod limits;
mod openapi;
mod pressure;
mod program;
mod refusals;
mod shipping;
mod structure;
mod support;
mod torture;
mod trouble;
mod trust;
mod vendor_answers;
mod watching;
mod wire;
