//! One app's token at the vendor, fetched ahead of need by an actor on the control plane.
//!
//! The vendor bans accounts that ask too often, so everything here is about asking seldom: one fetch at a time,
//! `min_interval` between the end of one and the start of the next whatever happens, a back-off that doubles
//! after each failure. Workers read a published [`state::State`]; only when it says that a fetch would help do they ask
//! the actor and wait.
//!
//! A token that the vendor has refused stays in service until another has taken its place. A 401 can also mean
//! "valid token, no permission", and withdrawing the token for that would stop the calls that it is good for.
//! For the same reason a token that is refused while it is young is replaced ever more slowly.

mod actor;
mod error;
mod handle;
mod source;
mod state;

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use http::HeaderValue;
use secrecy::SecretString;
use tokio::sync::mpsc;
use tokio::time::Instant;

pub use error::{TokenFault, TokenUnavailable};
pub use handle::{TokenHandle, TokenStatus};

use crate::domain::{AppName, OrgName};
use crate::upstream::{Endpoint, Fetcher};
use actor::Actor;
use source::VendorSource;
use state::State;

/// What the vendor gives a token for.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// The base URL of the app's cluster.
    pub endpoint: Endpoint,
    /// The vendor's `orgName`.
    pub org: OrgName,
    /// The vendor's `appName`.
    pub app: AppName,
    /// The app's client id.
    pub client_id: String,
    /// The app's client secret.
    pub client_secret: SecretString,
}

/// When tokens are fetched, and how long they are believed.
#[derive(Clone, Debug)]
pub struct TokenConfig {
    /// From the end of one fetch to the start of the next, at least.
    pub min_interval: Duration,
    /// Where the back-off ends, and how long bad credentials rest.
    pub max_backoff: Duration,
    /// The part of a token's life after which the next is fetched, over 0 and under 1; give or take a tenth of
    /// itself, so that replicas that were started together do not ask together.
    pub refresh_at: f64,
    /// A token is no longer sent this long before it expires, or for the last tenth of its life if that is
    /// shorter: it must still be good when it arrives.
    pub expiry_margin: Duration,
    /// The life of a token whose `expires_in` is missing or makes no sense.
    pub default_life: Duration,
    /// The longest life believed. Permanent tokens say enormous numbers, and one cluster is known to say
    /// milliseconds elsewhere.
    pub max_life: Duration,
}

impl Default for TokenConfig {
    fn default() -> Self {
        Self {
            min_interval: Duration::from_secs(10),
            max_backoff: Duration::from_mins(5),
            refresh_at: 0.5,
            expiry_margin: Duration::from_secs(30),
            default_life: Duration::from_hours(1),
            max_life: Duration::from_hours(60 * 24),
        }
    }
}

/// How an app's tokens are fetched.
#[derive(Clone)]
pub struct TokenTerms {
    /// With what.
    pub credentials: Credentials,
    /// When.
    pub config: TokenConfig,
    /// By which connections; it brings the timeout of a fetch.
    pub fetcher: Fetcher,
}

/// A token as it is sent to the vendor.
#[derive(Clone, Debug)]
pub struct VendorToken {
    generation: u64,
    authorization: HeaderValue,
    fetched_at: Instant,
    usable_until: Instant,
}

impl VendorToken {
    /// Counts the tokens of this app, from 1: what [`TokenHandle::replace`] is told.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// The value for `Authorization`, marked sensitive.
    pub fn authorization(&self) -> &HeaderValue {
        &self.authorization
    }

    fn is_usable(&self, now: Instant) -> bool {
        now < self.usable_until
    }

    /// A token of generation 1 that lives for an hour.
    #[cfg(test)]
    pub(crate) fn for_tests(token: &str) -> Self {
        let mut authorization = HeaderValue::try_from(format!("Bearer {token}")).unwrap();
        authorization.set_sensitive(true);
        Self {
            generation: 1,
            authorization,
            fetched_at: Instant::now(),
            usable_until: Instant::now() + Duration::from_hours(1),
        }
    }
}

/// The actor for one app's token, and the handle by which workers know it. The actor fetches at once, works for
/// as long as there is a handle, and belongs on the control plane.
pub fn token_actor(terms: TokenTerms) -> (TokenHandle, impl Future<Output = ()> + Send) {
    let app = format!("{}/{}", terms.credentials.org, terms.credentials.app);
    let config = terms.config.clone();
    let (handle, actor) = actor_with(VendorSource::new(terms), config, &app);
    (handle, actor.run())
}

/// Callers waiting for their question to be taken; more wait in turn.
const QUEUE: usize = 256;

fn actor_with<S: source::Source>(source: S, config: TokenConfig, app: &str) -> (TokenHandle, Actor<S>) {
    let (asks, inbox) = mpsc::channel(QUEUE);
    let published = Arc::new(ArcSwap::from_pointee(State::starting(Instant::now())));
    let actor = Actor::new(app, source, config, Arc::clone(&published), inbox);
    (TokenHandle::new(published, asks), actor)
}
