use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use tokio::time::Instant;

use super::issuer::{Actor, Issuer, IssuerKeys, Terms};
use super::keyset::Ignored;
use super::lifetime::LifetimeRules;
use super::source::Source;
use super::{IssuerIndex, JwtConfig};
use crate::upstream::Fetcher;

/// Every issuer with its current keys. Cheap to clone; reading takes no lock.
#[derive(Clone)]
pub struct Keyring(pub(super) Arc<Inner>);

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keyring").finish_non_exhaustive()
    }
}

pub(super) struct Inner {
    pub(super) issuers: Box<[Arc<Issuer>]>,
    fetcher: Option<Fetcher>,
    pub(super) lifetime: LifetimeRules,
    pub(super) max_token_bytes: usize,
}

/// How things stand with one issuer, for the admin port. Holds no secret.
#[derive(Clone, Debug, Serialize)]
pub struct IssuerStatus {
    /// `iss`.
    pub issuer: Arc<str>,
    /// Whether its tokens can be checked at the moment.
    pub usable: bool,
    /// How many keys the last good set has.
    pub keys: usize,
    /// Their names, where they have one.
    pub kids: Vec<Box<str>>,
    /// Published keys that are of no use here.
    pub ignored: Vec<Ignored>,
    /// Seconds since the last success.
    pub age_seconds: Option<u64>,
    /// Seconds that the keys serve on when no fetch succeeds; null before the first success, and for keys in files.
    pub expires_in_seconds: Option<u64>,
    /// Why the last attempt failed, if it did.
    pub last_error: Option<Box<str>>,
    /// Counts changes of the keys since the start.
    pub generation: u64,
}

/// The keyring, and the actors that fill it and keep it up to date: one for each issuer, less those whose keys are in
/// `known` and come in no other way than before. The actors belong on the control thread, and end when the last keyring
/// with their keys is dropped.
///
/// An issuer whose keys come from the same place as in `known` begins with those.
pub fn keyring(
    config: &JwtConfig,
    fetcher: &Fetcher,
    known: Option<&Keyring>,
) -> (Keyring, Vec<impl Future<Output = ()> + Send + use<>>) {
    let same_fetcher = known.is_some_and(|known| known.0.fetcher.as_ref() == Some(fetcher));
    let mut actors = Vec::new();
    let issuers = config.issuers.iter().map(|issuer| {
        let terms = Terms::new(issuer, config);
        let before = known.and_then(|known| known.keys_of(&terms.issuer));
        let keys = match before {
            Some(before) if same_fetcher && before.terms == terms => Arc::clone(before),
            _ => {
                let source = Source::new(&terms, fetcher.clone());
                let keys = Arc::new(IssuerKeys::new(terms, before.map(|before| &**before)));
                actors.push(Actor::new(&keys, source).run());
                keys
            }
        };
        Arc::new(Issuer { config: issuer.clone(), keys })
    });
    (Keyring::new(issuers.collect(), config, Some(fetcher.clone())), actors)
}

impl Keyring {
    /// `fetcher` is the one of the issuers' actors, if there are some.
    pub(super) fn new(issuers: Vec<Arc<Issuer>>, config: &JwtConfig, fetcher: Option<Fetcher>) -> Self {
        Self(Arc::new(Inner {
            issuers: issuers.into(),
            fetcher,
            lifetime: LifetimeRules::new(config.leeway, config.max_lifetime),
            max_token_bytes: config.max_token_bytes,
        }))
    }

    /// Whether every issuer's keys were loaded once since the start, and one issuer's tokens at least can be
    /// checked now. With several issuers, the outage of one is no reason to turn the others' callers away.
    pub fn ready(&self) -> bool {
        let now = Instant::now();
        let started = |issuer: &Arc<Issuer>| issuer.keys.snapshot.load().has_served();
        let usable = |issuer: &Arc<Issuer>| issuer.keys.snapshot.load().usable(now).is_some();
        self.0.issuers.iter().all(started) && self.0.issuers.iter().any(usable)
    }

    /// How things stand, in the order of configuration.
    pub fn status(&self) -> Vec<IssuerStatus> {
        let now = Instant::now();
        self.0.issuers.iter().map(|issuer| status(issuer, now)).collect()
    }

    /// Has the issuer's keys fetched anew, unless that was done for an unknown key within the cooldown, and
    /// resolves after the fetch that is under way; at once if there is none.
    pub async fn refetched(&self, issuer: IssuerIndex) {
        if let Some(issuer) = self.issuer(issuer) {
            issuer.keys.refetch.ask().await;
        }
    }

    /// Has all keys loaded anew, whatever was loaded when. Does not wait.
    pub fn refresh(&self) {
        self.0.issuers.iter().for_each(|issuer| issuer.keys.refetch.urge());
    }

    /// Waits until the keys of every issuer that `before` does not have were loaded. Fails with the issuer and the
    /// reason of the first whose keys were not: its tokens could not be checked.
    pub async fn complete(&self, before: &Self) -> Result<(), String> {
        for (index, issuer) in self.0.issuers.iter().enumerate() {
            if issuer.keys.snapshot.load().has_served() || before.has(&issuer.keys) {
                continue;
            }
            self.refetched(IssuerIndex(index)).await;
            let snapshot = issuer.keys.snapshot.load();
            if snapshot.usable(Instant::now()).is_none() {
                let error = snapshot.error().unwrap_or("they were not loaded");
                return Err(format!("the keys of {} cannot be had: {error}", issuer.config.issuer));
            }
        }
        Ok(())
    }

    fn has(&self, keys: &Arc<IssuerKeys>) -> bool {
        self.0.issuers.iter().any(|issuer| Arc::ptr_eq(&issuer.keys, keys))
    }

    fn keys_of(&self, issuer: &str) -> Option<&Arc<IssuerKeys>> {
        self.0.issuers.iter().map(|issuer| &issuer.keys).find(|keys| *keys.terms.issuer == *issuer)
    }

    pub(super) fn issuer(&self, index: IssuerIndex) -> Option<&Issuer> {
        self.0.issuers.get(index.0).map(|issuer| &**issuer)
    }
}

fn status(issuer: &Issuer, now: Instant) -> IssuerStatus {
    let snapshot = issuer.keys.snapshot.load();
    let keys = snapshot.keys();
    IssuerStatus {
        issuer: Arc::clone(&issuer.config.issuer),
        usable: snapshot.usable(now).is_some(),
        keys: keys.keys().len(),
        kids: keys.keys().iter().filter_map(|key| key.kid()).map(Into::into).collect(),
        ignored: keys.ignored().to_vec(),
        age_seconds: snapshot.age(now).as_ref().map(Duration::as_secs),
        expires_in_seconds: snapshot.expires_in(now).as_ref().map(Duration::as_secs),
        last_error: snapshot.error().map(Into::into),
        generation: snapshot.generation(),
    }
}
