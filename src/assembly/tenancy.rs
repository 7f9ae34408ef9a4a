//! Tenants and apps as a configuration has them, with the state that those of the configuration before have: what a
//! limit has given out, a pause, a token stay what they are.

use std::sync::Arc;

use super::parts::{Actor, Parts};
use super::retired::Retired;
use crate::config::{AppConfig, Config, TenantConfig};
use crate::limits::headers::{Policies, Policy};
use crate::limits::{InFlight, Limiter, UserLimiters};
use crate::telemetry::MetricsBuilder;
use crate::tenancy::{App, Tenancy, Tenant};
use crate::upstream::{Connector, Fetcher};
use crate::vendor::{AppCalls, Breaker, Credentials, Pause, TokenHandle, TokenTerms, token_actor};

/// What tenants and apps are made of.
pub(super) struct Making<'a> {
    pub(super) config: &'a Config,
    pub(super) connector: &'a Connector,
    pub(super) metrics: &'a MetricsBuilder,
    /// What there was before.
    pub(super) before: Option<&'a Parts>,
}

impl Making<'_> {
    /// All of them, and what is to run on the control plane once they are in service.
    pub(super) fn tenancy(&self, known: &Retired) -> (Tenancy, Vec<Actor>) {
        let mut actors = Vec::new();
        let mut apps: Vec<Arc<App>> = Vec::new();
        for app in &self.config.apps {
            let before = known.app(&app.credentials);
            apps.extend(self.app(app, before.as_deref(), apps.len(), &mut actors).map(Arc::new));
        }
        // The configuration was read whole: every tenant has an app, and the counters were made for both.
        let tenant = |tenant: &TenantConfig| self.tenant(tenant, known.tenant(&tenant.id).as_deref(), &apps);
        let tenants: Vec<_> = self.config.tenants.iter().filter_map(tenant).collect();
        (Tenancy::new(apps, tenants), actors)
    }

    fn app(
        &self,
        app: &AppConfig,
        before: Option<&App>,
        index: usize,
        actors: &mut Vec<Actor>,
    ) -> Option<App> {
        let Credentials { endpoint, org, app: name, .. } = &app.credentials;
        let (pause, breaker) = (self.config.vendor.pause, self.config.vendor.breaker);
        Some(App {
            key: app.key.clone(),
            index,
            org: org.clone(),
            app: name.clone(),
            calls: AppCalls::new(endpoint, org, name),
            token: self.token(app, before, actors),
            pause: before.map_or_else(|| Arc::new(Pause::new(pause)), |before| before.pause.with(pause)),
            breaker: before.map_or_else(
                || Arc::new(Breaker::new(app.key.clone(), breaker)),
                |before| before.breaker.with(&app.key, breaker),
            ),
            budget: before
                .map_or_else(|| Arc::new(Limiter::new(app.budget)), |before| before.budget.with(app.budget)),
            slot: self.metrics.app(&app.key)?,
        })
    }

    /// An app that was there before goes on with its token and its actor: two would ask the vendor too often.
    fn token(&self, app: &AppConfig, before: Option<&App>, actors: &mut Vec<Actor>) -> TokenHandle {
        let terms = TokenTerms {
            credentials: app.credentials.clone(),
            config: self.config.vendor.tokens.clone(),
            fetcher: Fetcher::new(self.connector.clone(), self.config.vendor.fetch_timeout),
        };
        if let Some(before) = before {
            let token = before.token.clone();
            actors.push(Box::pin(async move { token.change(terms).await }));
            return before.token.clone();
        }
        let (token, actor) = token_actor(terms);
        actors.push(Box::pin(actor));
        token
    }

    fn tenant(&self, tenant: &TenantConfig, before: Option<&Tenant>, apps: &[Arc<App>]) -> Option<Tenant> {
        let rate = tenant.rate_limit;
        let mut quotas = vec![(Policy::Tenant, rate)];
        quotas.extend(tenant.user_rate_limit.map(|quota| (Policy::User, quota)));
        let max = tenant.max_in_flight;
        Some(Tenant {
            id: tenant.id.clone(),
            app: Arc::clone(apps.iter().find(|app| app.key == tenant.app)?),
            rate: before.map_or_else(|| Arc::new(Limiter::new(rate)), |before| before.rate.with(rate)),
            users: users(tenant, before.and_then(|before| before.users.as_ref())),
            in_flight: before.map_or_else(|| InFlight::new(max), |before| before.in_flight.with(max)),
            policies: Policies::new(&quotas),
            alone: self.config.tenants.iter().filter(|other| other.app == tenant.app).count() == 1,
            slot: self.metrics.tenant(&tenant.id)?,
        })
    }
}

fn users(tenant: &TenantConfig, before: Option<&Arc<UserLimiters>>) -> Option<Arc<UserLimiters>> {
    let (quota, capacity) = (tenant.user_rate_limit?, tenant.max_users);
    Some(
        before.map_or_else(
            || Arc::new(UserLimiters::new(quota, capacity)),
            |before| before.with(quota, capacity),
        ),
    )
}
