//! What must hold of everything that reads strangers' bytes, whatever the bytes. Each module has one property, `run`,
//! and a binary of its name that has libFuzzer look for bytes for which it does not hold. `.ci/fuzz` runs them.

pub mod config;
pub mod create;
pub mod jwks;
mod keys;
pub mod request;
pub mod token;
pub mod trail;
