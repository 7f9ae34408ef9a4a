use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use tokio::time::Instant;

use super::issuer::{Actor, Issuer};
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
    /// Why the last attempt failed, if it did.
    pub last_error: Option<Box<str>>,
    /// Counts changes of the keys since the start.
    pub generation: u64,
}

/// The keyring, still empty, and one actor for each issuer, which fills it and keeps it up to date. The
/// actors belong on the control thread and end when the last clone of the keyring is dropped.
pub fn keyring(
    config: &JwtConfig,
    fetcher: &Fetcher,
) -> (Keyring, Vec<impl Future<Output = ()> + Send + use<>>) {
    let (issuers, actors) = config
        .issuers
        .iter()
        .map(|issuer| {
            let source = Source {
                keys: issuer.keys.clone(),
                accepted: issuer.algorithms.clone(),
                fetcher: fetcher.clone(),
                max_bytes: config.max_jwks_bytes,
            };
            let (interval, max_age) = (issuer.keys.interval(config), issuer.keys.max_age(config));
            let issuer = Arc::new(Issuer::new(issuer.clone(), config.unknown_key_cooldown));
            let actor = Actor::new(&issuer, source, interval, max_age);
            (issuer, actor.run())
        })
        .unzip::<_, _, Vec<_>, Vec<_>>();
    (Keyring::new(issuers, config), actors)
}

impl Keyring {
    pub(super) fn new(issuers: Vec<Arc<Issuer>>, config: &JwtConfig) -> Self {
        Self(Arc::new(Inner {
            issuers: issuers.into(),
            lifetime: LifetimeRules::new(config.leeway, config.max_lifetime),
            max_token_bytes: config.max_token_bytes,
        }))
    }

    /// Whether every issuer's keys were loaded once since the start, and one issuer's tokens at least can be
    /// checked now. With several issuers, the outage of one is no reason to turn the others' callers away.
    pub fn ready(&self) -> bool {
        let now = Instant::now();
        let started = |issuer: &Arc<Issuer>| issuer.snapshot.load().has_served();
        let usable = |issuer: &Arc<Issuer>| issuer.snapshot.load().usable(now).is_some();
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
            issuer.refetch.ask().await;
        }
    }

    pub(super) fn issuer(&self, index: IssuerIndex) -> Option<&Issuer> {
        self.0.issuers.get(index.0).map(|issuer| &**issuer)
    }
}

fn status(issuer: &Issuer, now: Instant) -> IssuerStatus {
    let snapshot = issuer.snapshot.load();
    let keys = snapshot.keys();
    IssuerStatus {
        issuer: Arc::clone(&issuer.config.issuer),
        usable: snapshot.usable(now).is_some(),
        keys: keys.keys().len(),
        kids: keys.keys().iter().filter_map(|key| key.kid()).map(Into::into).collect(),
        ignored: keys.ignored().to_vec(),
        age_seconds: snapshot.age(now).as_ref().map(Duration::as_secs),
        last_error: snapshot.error().map(Into::into),
        generation: snapshot.generation(),
    }
}
