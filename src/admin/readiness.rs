use serde_json::{Map, Value};

use super::{InService, Overview};
use crate::jwt::Keyring;
use crate::server::Phase;
use crate::tenancy::Tenancy;
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

impl Overview {
    pub(super) fn readiness(&self) -> Readiness {
        let decisive = |name: &str, verdict| Check { name: name.to_owned(), verdict, decisive: true };
        let InService { keyring, tenancy, .. } = &**self.in_service.load();
        let serving = !self.phase.has_reached(Phase::Draining);
        let mut checks = vec![
            decisive("serving", holds(serving, || "the gateway is shutting down".into())),
            decisive("keys", holds(keyring.ready(), || missing_keys(keyring))),
            decisive("trail", holds(self.trail.is_writable(), || self.trail_fault())),
            decisive("vendor_tokens", self.vendor_tokens(tenancy)),
        ];
        checks.extend(tenancy.apps().iter().map(|app| {
            let verdict = holds(app.token.current().is_some(), || missing_token(&app.token.status()));
            Check { name: format!("vendor_token/{}", app.key), verdict, decisive: false }
        }));
        Readiness(checks)
    }

    /// Every app's token was asked for, and one at least is there: the trouble of one app is no reason to turn the
    /// others' callers away. An app that a reload brings is none either.
    fn vendor_tokens(&self, tenancy: &Tenancy) -> Result<(), String> {
        let tokens: Vec<_> = tenancy.apps().iter().map(|app| app.token.status()).collect();
        let is_new = self.reloads.generation() > 1;
        let asked = is_new || tokens.iter().all(|token| token.last_error != Some(TokenFault::Starting));
        holds(asked && tokens.iter().any(|token| token.has_token), || "no app can be served".into())
    }

    fn trail_fault(&self) -> String {
        match self.trail.status().last_error {
            Some(error) => format!("not writable since {}: {}", error.time, error.message),
            None => "not writable".into(),
        }
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
