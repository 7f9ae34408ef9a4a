use std::sync::Arc;

use serde_json::{Map, Value};

use super::{Overview, Reloads};
use crate::jwt::Keyring;
use crate::server::{Phase, PhaseView};
use crate::tenancy::Tenancy;
use crate::trail::Trail;
use crate::vendor::{TokenFault, TokenStatus};

/// What has to hold before callers are sent here, each with what to look at when it does not.
pub(super) struct Readiness(Vec<Check>);

struct Check {
    name: String,
    verdict: Result<(), String>,
    /// Whether nobody can be served while it fails.
    decisive: bool,
}

impl Readiness {
    pub(super) fn all_pass(&self) -> bool {
        self.0.iter().all(|check| !check.decisive || check.verdict.is_ok())
    }

    /// By check: `"ok"`, or what is wrong.
    pub(super) fn render(&self) -> Value {
        let verdict = |check: &Check| match &check.verdict {
            Ok(()) => Value::from("ok"),
            Err(problem) => Value::from(problem.as_str()),
        };
        let mut checks = Map::new();
        checks.insert("ready".into(), self.all_pass().into());
        checks.extend(self.0.iter().map(|check| (check.name.clone(), verdict(check))));
        checks.into()
    }
}

/// What callers cannot be served without.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// That the gateway is not about to end.
    Serving,
    /// The issuers' keys.
    Keys,
    /// A trail that can be written.
    Trail,
    /// The vendor's token for one app at least.
    VendorTokens,
}

impl Need {
    /// All of them: ready means that each is met.
    pub const ALL: [Self; 4] = [Self::Serving, Self::Keys, Self::Trail, Self::VendorTokens];

    /// The name of the check, in `/readyz` and as the metric's label.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Serving => "serving",
            Self::Keys => "keys",
            Self::Trail => "trail",
            Self::VendorTokens => "vendor_tokens",
        }
    }
}

/// Where it is seen whether the needs are met. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Needs {
    /// The issuers' keys.
    pub keyring: Keyring,
    /// The apps with their tokens.
    pub tenancy: Arc<Tenancy>,
    /// The trail.
    pub trail: Trail,
    /// Where the gateway stands.
    pub phase: PhaseView,
    /// Counts reloads: an app that one brings may start without a token.
    pub reloads: Arc<Reloads>,
}

impl Needs {
    /// Whether this one is met now.
    pub fn are_met(&self, need: Need) -> bool {
        match need {
            Need::Serving => !self.phase.has_reached(Phase::Draining),
            Need::Keys => self.keyring.ready(),
            Need::Trail => self.trail.is_writable(),
            Need::VendorTokens => self.has_vendor_tokens(),
        }
    }

    /// Every app's token was asked for, and one at least is there: the trouble of one app is no reason to turn the
    /// others' callers away. An app that a reload brings is none either.
    fn has_vendor_tokens(&self) -> bool {
        let tokens: Vec<_> = self.tenancy.apps().iter().map(|app| app.token.status()).collect();
        let is_new = self.reloads.generation() > 1;
        let asked = is_new || tokens.iter().all(|token| token.last_error != Some(TokenFault::Starting));
        asked && tokens.iter().any(|token| token.has_token)
    }
}

impl Overview {
    pub(super) fn readiness(&self) -> Readiness {
        let needs = &self.in_service.load().needs;
        let problem = |need| match need {
            Need::Serving => "the gateway is shutting down".into(),
            Need::Keys => missing_keys(&needs.keyring),
            Need::Trail => trail_fault(&needs.trail),
            Need::VendorTokens => "no app can be served".into(),
        };
        let decisive = |need: Need| {
            let verdict = holds(needs.are_met(need), || problem(need));
            Check { name: need.as_str().to_owned(), verdict, decisive: true }
        };
        let mut checks: Vec<_> = Need::ALL.into_iter().map(decisive).collect();
        checks.extend(needs.tenancy.apps().iter().map(|app| {
            let verdict = holds(app.token.current().is_some(), || missing_token(&app.token.status()));
            Check { name: format!("vendor_token/{}", app.key), verdict, decisive: false }
        }));
        Readiness(checks)
    }
}

fn trail_fault(trail: &Trail) -> String {
    match trail.status().last_error {
        Some(error) => format!("not writable since {}: {}", error.time, error.message),
        None => "not writable".into(),
    }
}

fn missing_keys(keyring: &Keyring) -> String {
    let missing = keyring.status().into_iter().filter(|issuer| !issuer.usable);
    let names: Vec<_> = missing
        .map(|issuer| match issuer.last_error {
            Some(error) => format!("{} ({error})", issuer.issuer),
            None => issuer.issuer.to_string(),
        })
        .collect();
    format!("no keys of {}", names.join(", "))
}

fn missing_token(status: &TokenStatus) -> String {
    match &status.last_error {
        Some(fault) => format!("no token of the vendor: {fault}"),
        None => "no token of the vendor yet".into(),
    }
}

fn holds(condition: bool, problem: impl FnOnce() -> String) -> Result<(), String> {
    if condition { Ok(()) } else { Err(problem()) }
}
