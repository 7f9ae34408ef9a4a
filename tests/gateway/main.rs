//! The gateway from outside: over real sockets, before a vendor and an issuer that record what they see. Each test
//! asserts the answer, what the vendor saw and what the trail says.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on fails"
)]

mod admin;
mod calls;
mod endings;
mod pressure;
mod program;
mod structure;
mod support;
mod trouble;
mod trust;
mod wire;
