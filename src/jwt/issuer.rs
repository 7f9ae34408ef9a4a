use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Weak};
use std::time::Duration;

use arc_swap::ArcSwap;
use futures_util::FutureExt;
use tokio::time::{Instant, sleep};

use super::keyset::KeySet;
use super::refetch::Refetch;
use super::schedule::Schedule;
use super::snapshot::Snapshot;
use super::source::{Load, LoadError};
use super::{Algorithm, IssuerConfig, JwtConfig, KeySource};
use crate::upstream::fraction;

/// One issuer: how its tokens are read, and its keys.
pub(super) struct Issuer {
    pub(super) config: IssuerConfig,
    pub(super) keys: Arc<IssuerKeys>,
}

/// An issuer's keys as they are now. A configuration that changes nothing about them has the same ones as before.
pub(super) struct IssuerKeys {
    pub(super) terms: Terms,
    pub(super) snapshot: ArcSwap<Snapshot>,
    pub(super) refetch: Arc<Refetch>,
}

/// Where keys come from, and when.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Terms {
    /// `iss`, for the log.
    pub(super) issuer: Arc<str>,
    pub(super) keys: KeySource,
    pub(super) accepted: Vec<Algorithm>,
    /// The time between two attempts.
    pub(super) interval: Duration,
    /// How long keys serve without a success.
    pub(super) max_age: Option<Duration>,
    /// Unknown keys cause at most one fetch in this time.
    pub(super) cooldown: Duration,
    /// The largest accepted set.
    pub(super) max_bytes: usize,
}

/// Keeps one issuer's snapshot up to date, on the control thread. Ends when nobody can ask for the keys any
/// more.
pub(super) struct Actor<L> {
    keys: Weak<IssuerKeys>,
    refetch: Arc<Refetch>,
    loader: L,
    schedule: Schedule,
}

impl Terms {
    /// Of one of the issuers in `config`.
    pub(super) fn new(issuer: &IssuerConfig, config: &JwtConfig) -> Self {
        Self {
            issuer: Arc::clone(&issuer.issuer),
            keys: issuer.keys.clone(),
            accepted: issuer.algorithms.clone(),
            interval: issuer.keys.interval(config),
            max_age: issuer.keys.max_age(config),
            cooldown: config.unknown_key_cooldown,
            max_bytes: config.max_jwks_bytes,
        }
    }

    /// Whether keys that came by `self` are what would come by `other`.
    fn bring_the_same_as(&self, other: &Self) -> bool {
        (&self.issuer, &self.keys, &self.accepted) == (&other.issuer, &other.keys, &other.accepted)
    }
}

impl IssuerKeys {
    /// Begins with `known`, if those are keys that would come by the same way, and else without keys.
    pub(super) fn new(terms: Terms, known: Option<&Self>) -> Self {
        let known = known.filter(|known| known.terms.bring_the_same_as(&terms));
        let snapshot = known.map_or_else(ArcSwap::default, |known| ArcSwap::new(known.snapshot.load_full()));
        let refetch = Arc::new(Refetch::new(terms.cooldown));
        Self { terms, snapshot, refetch }
    }

    /// Publishes what an attempt brought that was begun then. Says whether it brought keys.
    fn publish(&self, outcome: Result<KeySet, LoadError>, begun: Instant) -> bool {
        let before = self.snapshot.load();
        let after = match outcome {
            Ok(keys) => before.refreshed(keys, begun, self.terms.max_age),
            Err(error) => before.failed(&error.to_string()),
        };
        report(&self.terms.issuer, &before, &after);
        let succeeded = after.error().is_none();
        self.snapshot.store(Arc::new(after));
        succeeded
    }
}

/// Tells the actor, which then ends.
impl Drop for IssuerKeys {
    fn drop(&mut self) {
        self.refetch.rouse();
    }
}

impl<L: Load> Actor<L> {
    /// For these keys.
    pub(super) fn new(keys: &Arc<IssuerKeys>, loader: L) -> Self {
        Self {
            keys: Arc::downgrade(keys),
            refetch: Arc::clone(&keys.refetch),
            loader,
            schedule: Schedule::new(keys.terms.interval),
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

    /// One fetch and how long to wait after it. `None` when nobody has the keys any more.
    async fn attempt(&mut self) -> Option<Duration> {
        self.keys.upgrade()?;
        // Read first: whoever asks from now on may know of a newer key than this fetch will bring.
        let request = self.refetch.pending();
        let begun = Instant::now();
        // A set of keys that makes it panic is a set that cannot be read: the last good one stays.
        let outcome = AssertUnwindSafe(self.loader.load()).catch_unwind().await;
        let outcome = outcome.unwrap_or(Err(LoadError::Panicked));
        let succeeded = self.keys.upgrade()?.publish(outcome, begun);
        self.refetch.fulfil(request);
        Some(if succeeded { self.schedule.succeeded(fraction()) } else { self.schedule.failed(fraction()) })
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
