//! Who calls: JSON Web Tokens (RFC 7519, RFC 8725) and the keys of those who issue them.
//!
//! A token is taken apart ([`Keyring::verify`]) in an order in which cheap checks come first and nothing is
//! told before the signature is good. The keys come from one actor per issuer on the control thread
//! ([`keyring()`]), which publishes snapshots that workers read without a lock. What was verified is remembered
//! by each worker ([`TokenCache`]), and every hit asks again whether the key is still published.

mod algorithm;
mod cache;
mod claims;
mod compact;
mod config;
mod header;
mod issuer;
mod jwk;
mod key;
mod keyring;
mod keyset;
mod lifetime;
mod object;
mod refetch;
mod rejection;
mod roca;
mod schedule;
mod snapshot;
mod source;
#[cfg(test)]
mod tests;
mod verify;

pub use algorithm::{Algorithm, UnknownAlgorithm};
pub use cache::TokenCache;
pub use config::{IssuerConfig, JwtConfig, KeySource, shared_secret};
pub use keyring::{IssuerStatus, Keyring, keyring};
pub use keyset::{Ignored, InvalidKeySet, KeySet};
pub use rejection::{IssuerIndex, Rejection};
pub use verify::Verified;
