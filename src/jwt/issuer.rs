use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Weak};
use std::time::Duration;

use arc_swap::ArcSwap;
use futures_util::FutureExt;
use tokio::time::{Instant, sleep};

use super::IssuerConfig;
use super::keyset::KeySet;
use super::refetch::Refetch;
use super::schedule::{Schedule, chance};
use super::snapshot::Snapshot;
use super::source::{Load, LoadError};

/// One issuer: how its tokens are read, and its keys as they are now.
pub(super) struct Issuer {
    pub(super) config: IssuerConfig,
    pub(super) snapshot: ArcSwap<Snapshot>,
    pub(super) refetch: Arc<Refetch>,
}

/// Keeps one issuer's snapshot up to date, on the control thread. Ends when nobody can ask for the keys any
/// more.
pub(super) struct Actor<L> {
    issuer: Weak<Issuer>,
    refetch: Arc<Refetch>,
    loader: L,
    schedule: Schedule,
    max_age: Option<Duration>,
}

impl Issuer {
    /// An issuer without keys.
    pub(super) fn new(config: IssuerConfig, cooldown: Duration) -> Self {
        Self { config, snapshot: ArcSwap::default(), refetch: Arc::new(Refetch::new(cooldown)) }
    }

    /// Publishes what an attempt brought. Says whether it brought keys.
    fn publish(&self, outcome: Result<KeySet, LoadError>, max_age: Option<Duration>) -> bool {
        let before = self.snapshot.load();
        let after = match outcome {
            Ok(keys) => before.refreshed(keys, Instant::now(), max_age),
            Err(error) => before.failed(&error.to_string()),
        };
        report(&self.config.issuer, &before, &after);
        let succeeded = after.error().is_none();
        self.snapshot.store(Arc::new(after));
        succeeded
    }
}

/// Tells the actor, which then ends.
impl Drop for Issuer {
    fn drop(&mut self) {
        self.refetch.rouse();
    }
}

impl<L: Load> Actor<L> {
    /// `interval` is the time between two attempts; `max_age` how long keys serve without a success.
    pub(super) fn new(
        issuer: &Arc<Issuer>,
        loader: L,
        interval: Duration,
        max_age: Option<Duration>,
    ) -> Self {
        Self {
            issuer: Arc::downgrade(issuer),
            refetch: Arc::clone(&issuer.refetch),
            loader,
            schedule: Schedule::new(interval),
            max_age,
        }
    }

    /// Fetches at once, then in its interval, after failures sooner, and when asked.
    pub(super) async fn run(mut self) {
        while let Some(wait) = self.attempt().await {
            tokio::select! {
                () = sleep(wait) => {}
                () = self.refetch.asked() => {}
            }
        }
    }

    /// One fetch and how long to wait after it. `None` when the issuer is gone.
    async fn attempt(&mut self) -> Option<Duration> {
        self.issuer.upgrade()?;
        // Read first: whoever asks from now on may know of a newer key than this fetch will bring.
        let request = self.refetch.pending();
        // A set of keys that makes it panic is a set that cannot be read: the last good one stays.
        let outcome = AssertUnwindSafe(self.loader.load()).catch_unwind().await;
        let outcome = outcome.unwrap_or(Err(LoadError::Panicked));
        let succeeded = self.issuer.upgrade()?.publish(outcome, self.max_age);
        self.refetch.fulfil(request);
        Some(if succeeded { self.schedule.succeeded(chance()) } else { self.schedule.failed(chance()) })
    }
}

/// Nobody waits for an actor that is no more.
impl<L> Drop for Actor<L> {
    fn drop(&mut self) {
        self.refetch.fulfil(u64::MAX);
    }
}

fn report(issuer: &str, before: &Snapshot, after: &Snapshot) {
    if let Some(error) = after.error() {
        // Once for each fault: how long it lasts is told by the admin port.
        if before.error() == Some(error) {
            return;
        }
        tracing::warn!(issuer, error, "the issuer's keys were not refreshed");
    } else if after.generation() != before.generation() {
        let kids: Vec<&str> = after.keys().keys().iter().filter_map(|key| key.kid()).collect();
        let ignored = after.keys().ignored().len();
        tracing::info!(issuer, ?kids, ignored, generation = after.generation(), "the issuer's keys changed");
    } else if before.error().is_some() {
        tracing::info!(issuer, "the issuer's keys are refreshed again");
    }
}
