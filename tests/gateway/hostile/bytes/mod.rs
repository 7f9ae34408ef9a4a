//! Raw bytes on the data port. Every request that can be read in two ways is refused, or understood in one; whatever is
//! sent, what the vendor hears is whole requests as the gateway writes them, each once.
//!
//! A [`case`] says what bytes come to. Each is sent with a good token and with one whose signature is wrong, and is
//! held against the answers, every byte that the vendor heard, and the trail.

mod case;
mod characters;
mod chunks;
mod cuts;
mod fields;
mod harness;
mod lengths;
mod lines;
mod message;
mod pipelines;
mod sizes;
mod tap;
mod targets;
