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

/// How long anything may take before a test gives up on it, on a machine that has time for it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// What patience is counted in.
const TICK: Duration = Duration::from_millis(100);

/// The body of a create in few words.
pub(crate) const CREATE: &str = r#"{"confrType":10}"#;

/// Waits for `future`, and fails the test when it takes longer than [`PATIENCE`].
pub(crate) async fn within<F: Future>(what: &str, future: F) -> F::Output {
    patiently(future).await.unwrap_or_else(|| panic!("waited {PATIENCE:?} for {what}"))
}

/// Waits for `future` for no longer than [`PATIENCE`]: `None` when it takes longer.
///
/// Counted in short sleeps, each of which takes as long as it takes: where the machine, or this test, stands still for
/// a while, nothing can happen meanwhile, and it counts for little.
pub(crate) async fn patiently<F: Future>(future: F) -> Option<F::Output> {
    let future = Box::pin(future);
    let out_of_patience = async {
        for _ in 0..PATIENCE.as_millis() / TICK.as_millis() {
            tokio::time::sleep(TICK).await;
        }
    };
    tokio::select! {
        biased;
        output = future => Some(output),
        () = out_of_patience => None,
    }
}
