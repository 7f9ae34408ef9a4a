use std::time::Duration;

use serde_json::{Value, json};

use super::{Needs, Overview};
use crate::limits::{Quota, UserLimiters};
use crate::server::Phase;
use crate::server::tls::Certificates;
use crate::tenancy::{App, Tenant};
use crate::vendor::BreakerStatus;

impl Overview {
    /// The page for people: what the gateway has, how old it is, and what went wrong last.
    pub(super) fn status(&self) -> Value {
        let Needs { keyring, tenancy, .. } = &self.in_service.load().needs;
        let mut tenants: Vec<_> = tenancy.tenants().collect();
        tenants.sort_by(|a, b| a.id.cmp(&b.id));
        json!({
            "version": env!("CARGO_PKG_VERSION"),
            "started": self.started.to_string(),
            "configuration": self.reloads.describe(),
            "phase": self.phase_name(),
            "ready": self.readiness().render(),
            "connections_open": self.connections.open(),
            "requests_in_flight": self.loads.in_flight(),
            "worker_lag_seconds": seconds(self.loads.lag()),
            "tls": self.certificates.as_ref().map(describe_certificate),
            "issuers": keyring.status(),
            "apps": tenancy.apps().iter().map(|app| describe_app(app)).collect::<Vec<_>>(),
            "tenants": tenants.into_iter().map(|tenant| describe_tenant(tenant)).collect::<Vec<_>>(),
            "trail": self.trail.status(),
            "trail_directory": self.trail.kept(),
            "shipping": self.shipped.status(),
        })
    }

    fn phase_name(&self) -> &'static str {
        if self.phase.has_reached(Phase::Closing) {
            "closing"
        } else if self.phase.has_reached(Phase::Draining) {
            "draining"
        } else {
            "serving"
        }
    }
}

fn describe_certificate(certificates: &Certificates) -> Value {
    let config = certificates.current();
    json!({
        "certificate_sha256": config.fingerprint(),
        "expires": config.not_after().to_string(),
        "expires_in_seconds": config.expires_in(),
    })
}

fn describe_app(app: &App) -> Value {
    let token = app.token.status();
    json!({
        "app": app.key,
        "path": format!("/{}/{}", app.org, app.app),
        "budget": describe_quota(app.budget.quota()),
        "circuit": describe_circuit(&app.breaker.status()),
        "paused_for_seconds": app.pause.check().err().map(seconds),
        "token": {
            "present": token.has_token,
            "age_seconds": token.age.map(seconds),
            "expires_in_seconds": token.expires_in.map(seconds),
            "next_fetch_in_seconds": seconds(token.next_fetch_in),
            "fetches": token.fetches,
            "failures_in_a_row": token.failures,
            "last_error": token.last_error.map(|fault| fault.to_string()),
        },
    })
}

fn describe_circuit(circuit: &BreakerStatus) -> Value {
    json!({
        "state": circuit.state.as_str(),
        "failures_in_a_row": circuit.failures,
        "openings": circuit.openings,
        "probe_in_seconds": circuit.probe_in.map(seconds),
    })
}

fn describe_tenant(tenant: &Tenant) -> Value {
    json!({
        "tenant": tenant.id,
        "app": tenant.app.key,
        "rate_limit": describe_quota(tenant.rate.quota()),
        "user_rate_limit": tenant.users.as_ref().map(|users| describe_quota(users.quota())),
        "users_remembered": tenant.users.as_deref().map(UserLimiters::remembered),
        "in_flight": tenant.in_flight.current(),
        "max_in_flight": tenant.in_flight.max(),
    })
}

fn describe_quota(quota: &Quota) -> Value {
    json!({
        "rate": quota.rate(),
        "per_seconds": seconds(quota.per()),
        "burst": quota.burst(),
    })
}

fn seconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1000.0).round() / 1000.0
}
