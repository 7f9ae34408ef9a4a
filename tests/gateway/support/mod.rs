//! The world around the gateway: a vendor, an issuer, a client, and a reader of the trail.
//!
//! Servers run as tasks on the test's own runtime and end with it, so tests share nothing and may run side by side.
//! Every wait has a deadline and says what it waited for.

pub(crate) mod account;
pub(crate) mod admin;
pub(crate) mod api;
pub(crate) mod bewitched;
pub(crate) mod books;
pub(crate) mod cases;
pub(crate) mod certificates;
pub(crate) mod client;
pub(crate) mod configuration;
pub(crate) mod dice;
pub(crate) mod disk;
pub(crate) mod http2;
pub(crate) mod issuer;
pub(crate) mod keys;
pub(crate) mod load;
pub(crate) mod program;
pub(crate) mod projected;
pub(crate) mod receiver;
pub(crate) mod schema;
pub(crate) mod server;
pub(crate) mod site;
pub(crate) mod tally;
pub(crate) mod tools;
pub(crate) mod trail;
pub(crate) mod vendor;
pub(crate) mod wire;
pub(crate) mod worker;
pub(crate) mod world;

mod tests;

use std::time::Duration;

/// How long anything may take before a test gives up on it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// The body of a create in few words.
pub(crate) const CREATE: &str = r#"{"confrType":10}"#;

/// Waits for `future`, and fails the test when it takes longer than [`PATIENCE`].
pub(crate) async fn within<F: Future>(what: &str, future: F) -> F::Output {
    let output = tokio::time::timeout(PATIENCE, future).await;
    output.unwrap_or_else(|_| panic!("waited {PATIENCE:?} for {what}"))
}
