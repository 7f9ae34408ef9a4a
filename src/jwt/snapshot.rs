use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::keyset::KeySet;

/// What is known of an issuer's keys at one moment. Workers read it whole; every fetch replaces it.
#[derive(Clone, Default)]
pub(super) struct Snapshot {
    keys: Arc<KeySet>,
    generation: u64,
    fetched: Option<Instant>,
    serve_until: Option<Instant>,
    error: Option<Arc<str>>,
    served: bool,
}

impl Snapshot {
    /// After a fetch that brought a set, and began at `now`. The set serves for `max_age`, or until it is replaced.
    ///
    /// A set without a usable key is the issuer's word that the old ones are no longer good, so they go. Far
    /// more often it is a fault on its side, so callers get 503 and not 401, and the actor asks again soon.
    pub(super) fn refreshed(&self, keys: KeySet, now: Instant, max_age: Option<Duration>) -> Self {
        let unchanged = self.generation > 0 && self.keys.same_keys(&keys);
        let empty = keys.keys().is_empty();
        Self {
            keys: Arc::new(keys),
            generation: self.generation + u64::from(!unchanged),
            fetched: Some(now),
            serve_until: max_age.and_then(|age| now.checked_add(age)),
            error: empty.then(|| "the key set has no usable key".into()),
            served: self.served || !empty,
        }
    }

    /// After a fetch that failed: the last good keys go on.
    pub(super) fn failed(&self, error: &str) -> Self {
        Self { error: Some(error.into()), ..self.clone() }
    }

    /// The keys that a token may be checked with at `now`. `None` is an outage: there are none, or they are
    /// too old. `now` is monotonic, so a jump of the wall clock neither ends nor prolongs anything.
    pub(super) fn usable(&self, now: Instant) -> Option<&KeySet> {
        let fresh = self.serve_until.is_none_or(|until| now < until);
        (fresh && !self.keys.keys().is_empty()).then_some(&self.keys)
    }

    /// The set of the last fetch that brought one, however old.
    pub(super) fn keys(&self) -> &KeySet {
        &self.keys
    }

    /// Counts the changes of the set; 0 before the first fetch has succeeded.
    pub(super) fn generation(&self) -> u64 {
        self.generation
    }

    /// Whether there were usable keys at any time since the start.
    pub(super) fn has_served(&self) -> bool {
        self.served
    }

    /// When the last fetch began that succeeded: of keys that are newer it tells nothing.
    pub(super) fn fetched(&self) -> Option<Instant> {
        self.fetched
    }

    /// How long ago that was.
    pub(super) fn age(&self, now: Instant) -> Option<Duration> {
        Some(now.saturating_duration_since(self.fetched?))
    }

    /// How long the keys serve on when no fetch succeeds; zero once they are too old. `None` before the first fetch has
    /// succeeded, and for keys that do not age.
    pub(super) fn expires_in(&self, now: Instant) -> Option<Duration> {
        Some(self.serve_until?.saturating_duration_since(now))
    }

    /// Why the last fetch failed, if it did.
    pub(super) fn error(&self) -> Option<&str> {
        self.error.as_deref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jwt::Algorithm;

    const HOUR: Duration = Duration::from_hours(1);

    fn keys(byte: u8) -> KeySet {
        KeySet::from_secret(&[byte; 32], &[Algorithm::HS256]).unwrap()
    }

    #[test]
    fn good_keys_outlive_failures_for_their_age_and_no_longer() {
        let start = Instant::now();
        let snapshot = Snapshot::default().refreshed(keys(1), start, Some(HOUR));
        let failed = snapshot.failed("down").failed("still down");
        let last = start + HOUR - Duration::from_nanos(1);
        assert!(failed.usable(last).is_some());
        assert!(failed.usable(start + HOUR).is_none());
        assert_eq!((failed.generation(), failed.error()), (1, Some("still down")));
        assert_eq!(failed.age(start + HOUR), Some(HOUR));
        assert_eq!(failed.expires_in(last), Some(Duration::from_nanos(1)));
        assert_eq!(failed.expires_in(start + HOUR + HOUR), Some(Duration::ZERO));
        let healed = failed.refreshed(keys(1), start + HOUR, Some(HOUR));
        assert!(healed.usable(start + HOUR + HOUR / 2).is_some());
        assert_eq!((healed.generation(), healed.error()), (1, None));
    }

    #[test]
    fn generations_count_changes_of_the_keys() {
        let now = Instant::now();
        let first = Snapshot::default().refreshed(keys(1), now, None);
        assert_eq!(Snapshot::default().generation(), 0);
        assert_eq!(first.refreshed(keys(1), now, None).generation(), 1);
        assert_eq!(first.refreshed(keys(2), now, None).generation(), 2);
    }

    #[test]
    fn an_empty_set_withdraws_every_key_and_is_an_outage() {
        let now = Instant::now();
        let snapshot = Snapshot::default().refreshed(keys(1), now, None);
        let empty = KeySet::from_jwks(br#"{"keys":[]}"#, &[Algorithm::RS256]).unwrap();
        let withdrawn = snapshot.refreshed(empty, now, None);
        assert!(withdrawn.usable(now).is_none() && withdrawn.error().is_some());
        assert_eq!(withdrawn.generation(), 2);
        assert!(withdrawn.failed("down").usable(now).is_none());
    }
}
