//! The world at its worst: attackers in front, a failing vendor and a failing issuer behind, and everything moved
//! underneath. Each test keeps a tally of what it did; `.ci/hostile` adds them up for the README's table.

mod breaker;
mod bytes;
mod callers;
mod descriptors;
mod drain;
mod http2;
mod issuer;
mod leaving;
mod overload;
mod panics;
mod reload;
mod tls;
mod token_endpoint;
mod vendor;
