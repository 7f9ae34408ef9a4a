//! TLS: who is shown what, who is let in, and who only costs a place.

mod callers;
mod costs;
mod handshakes;
mod replacing;
mod start;
