//! The module through its front door: tokens in, verdicts out.

mod actors;
mod cached;
mod claims;
mod forms;

mod keys;
mod lifetime;
mod server;
mod signatures;
mod sources;
mod support;
mod wycheproof;
