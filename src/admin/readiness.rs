use serde_json::{Map, Value};

use super::Overview;
use crate::server::Phase;

/// What has to hold before callers are sent here, each with what to look at when it does not.
pub(super) struct Readiness(Vec<(String, Result<(), String>)>);

impl Readiness {
    pub(super) fn all_pass(&self) -> bool {
        self.0.iter().all(|(_, check)| check.is_ok())
    }

    /// By check: `"ok"`, or what is wrong.
    pub(super) fn render(&self) -> Value {
        let verdict = |check: &Result<(), String>| match check {
            Ok(()) => Value::from("ok"),
            Err(problem) => Value::from(problem.as_str()),
        };
        let mut checks = Map::new();
        checks.insert("ready".into(), self.all_pass().into());
        checks.extend(self.0.iter().map(|(name, check)| (name.clone(), verdict(check))));
        checks.into()
    }
}

impl Overview {
    pub(super) fn readiness(&self) -> Readiness {
        let serving = !self.phase.has_reached(Phase::Draining);
        let mut checks = vec![
            ("serving".to_owned(), holds(serving, || "the gateway is shutting down".into())),
            ("keys".to_owned(), holds(self.keyring.ready(), || self.missing_keys())),
            ("trail".to_owned(), holds(self.trail.is_writable(), || self.trail_fault())),
        ];
        checks.extend(self.tenancy.apps().iter().map(|app| {
            let has_token = app.token.current().is_some();
            let fault = || match app.token.status().last_error {
                Some(fault) => format!("no token of the vendor: {fault}"),
                None => "no token of the vendor yet".into(),
            };
            (format!("vendor_token/{}", app.key), holds(has_token, fault))
        }));
        Readiness(checks)
    }

    fn missing_keys(&self) -> String {
        let missing = self.keyring.status().into_iter().filter(|issuer| !issuer.usable);
        let names: Vec<_> = missing
            .map(|issuer| match issuer.last_error {
                Some(error) => format!("{} ({error})", issuer.issuer),
                None => issuer.issuer.to_string(),
            })
            .collect();
        format!("no keys of {}", names.join(", "))
    }

    fn trail_fault(&self) -> String {
        match self.trail.status().last_error {
            Some(error) => format!("not writable since {}: {}", error.time, error.message),
            None => "not writable".into(),
        }
    }
}

fn holds(condition: bool, problem: impl FnOnce() -> String) -> Result<(), String> {
    if condition { Ok(()) } else { Err(problem()) }
}
