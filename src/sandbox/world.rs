//! Everything that the sandbox remembers, and what happens to a call on the vendor's paths: a fault, or the
//! call's own answer.

use std::collections::BTreeMap;
use std::time::Duration;

use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::call::{Call, Kind};
use super::conferences::Conferences;
use super::counts::Counts;
use super::fault::Outcome;
use super::orders::Orders;
use super::token::Tokens;
use super::{SandboxApp, SandboxConfig, generate, vendor};
use crate::domain::{AppName, OrgName};

/// The longest life of a token: a hundred years, which stands for the vendor's permanent ones.
pub(super) const MAX_TOKEN_LIFETIME: Duration = Duration::from_hours(100 * 365 * 24);

/// What can be changed while the sandbox runs.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Settings {
    /// Seconds that a token issued from now on lives, where the request does not ask for less.
    pub(super) token_lifetime_s: u64,
    /// Whether a get lists the members, as newer servers do.
    pub(super) members_in_get: bool,
    /// Calls of one kind that an application may make a second; 0 for no limit.
    pub(super) calls_per_second: u32,
}

/// One of the vendor's applications.
pub(super) struct App {
    pub(super) org: OrgName,
    pub(super) name: AppName,
    pub(super) client_id: String,
    pub(super) client_secret: SecretString,
    pub(super) uuid: String,
    /// Whether the audio and video service is opened.
    pub(super) service_open: bool,
    pub(super) tokens: Tokens,
    pub(super) conferences: Conferences,
    /// By kind of call: when the current second began, and the calls in it.
    seconds: BTreeMap<Kind, (Instant, u32)>,
}

impl App {
    fn new(config: SandboxApp) -> Self {
        Self {
            org: config.org,
            name: config.app,
            client_id: config.client_id,
            client_secret: config.client_secret,
            uuid: generate::application(),
            service_open: true,
            tokens: Tokens::default(),
            conferences: Conferences::default(),
            seconds: BTreeMap::new(),
        }
    }

    /// `org/app`, as the control API names it.
    pub(super) fn path(&self) -> String {
        format!("{}/{}", self.org, self.name)
    }

    /// Whether one more call of that kind is over the limit for this second.
    pub(super) fn is_over(&mut self, kind: Kind, limit: u32, now: Instant) -> bool {
        let (began, calls) = self.seconds.entry(kind).or_insert((now, 0));
        if now.duration_since(*began) >= Duration::from_secs(1) {
            (*began, *calls) = (now, 0);
        }
        *calls = calls.saturating_add(1);
        limit > 0 && *calls > limit
    }
}

/// The sandbox's whole state.
pub(super) struct World {
    pub(super) apps: Vec<App>,
    pub(super) faults: Orders,
    pub(super) counts: Counts,
    pub(super) settings: Settings,
    initial: Settings,
}

impl World {
    /// The state at the start.
    pub(super) fn new(config: SandboxConfig) -> Self {
        let lifetime = config.token_lifetime.clamp(Duration::from_secs(1), MAX_TOKEN_LIFETIME);
        let settings = Settings {
            token_lifetime_s: lifetime.as_secs(),
            members_in_get: config.members_in_get,
            calls_per_second: 0,
        };
        Self {
            apps: config.apps.into_iter().map(App::new).collect(),
            faults: Orders::default(),
            counts: Counts::new(),
            initial: settings.clone(),
            settings,
        }
    }

    /// Back to the start. The applications keep their uuids.
    pub(super) fn reset(&mut self) {
        for app in &mut self.apps {
            app.service_open = true;
            app.tokens = Tokens::default();
            app.conferences = Conferences::default();
            app.seconds.clear();
        }
        self.faults.clear_all();
        self.counts = Counts::new();
        self.settings = self.initial.clone();
    }

    /// Ends what is due at `now`. Whoever looks at the state says first what time it is.
    pub(super) fn advance(&mut self, now: Instant) {
        for app in &mut self.apps {
            app.conferences.dissolve_due(now);
        }
    }

    /// The application of that name.
    pub(super) fn app_mut(&mut self, org: &str, app: &str) -> Option<&mut App> {
        self.apps.iter_mut().find(|known| known.org.as_str() == org && known.name.as_str() == app)
    }

    /// Takes a call on the vendor's paths: what the caller gets, and after which wait.
    pub(super) fn receive(
        &mut self,
        call: &Call,
        request: &vendor::Request,
        now: Instant,
    ) -> (Outcome, Duration) {
        self.advance(now);
        let (outcome, wait) = match self.faults.take(call) {
            None => (Outcome::Answer(vendor::answer(self, call, request, now)), Duration::ZERO),
            Some(order) => {
                tracing::info!(fault = %order.name(), call = call.kind().as_str(), "fault as ordered");
                let answer = order.lets_through().then(|| vendor::answer(self, call, request, now));
                (order.spoil(answer), order.delay())
            }
        };
        self.counts.add(call.kind(), outcome.status());
        (outcome, wait)
    }
}
