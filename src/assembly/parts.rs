//! What all workers share, built once from the configuration.

use std::sync::Arc;
use std::time::Duration;

use crate::config::Config;
use crate::jwt::{Keyring, keyring};
use crate::limits::headers::{Policy, policies};
use crate::limits::{AddressGuard, InFlight, Limiter, UserLimiters};
use crate::stages::audit::AuditConfig;
use crate::stages::authz::AuthzConfig;
use crate::stages::cors::CorsConfig;
use crate::stages::identify::IdentifyConfig;
use crate::stages::proxy::{Proxy, ProxyConfig};
use crate::stages::shed::ShedConfig;
use crate::telemetry::MetricsBuilder;
use crate::tenancy::{App, Tenancy, Tenant};
use crate::trail::Trail;
use crate::upstream::{Connector, Endpoint, Fetcher, Pool, PoolConfig};
use crate::vendor::{AppCalls, Breaker, Pause, token_actor};

/// The stages' configuration, and the state that they share over all workers.
#[derive(Clone, Debug)]
pub struct Parts {
    /// What the stages are told.
    pub config: StageConfig,
    /// The issuers' keys.
    pub keyring: Keyring,
    /// Tenants and apps.
    pub tenancy: Arc<Tenancy>,
    /// Bad tokens by address.
    pub addresses: Arc<AddressGuard>,
    /// The trail.
    pub trail: Trail,
    connector: Connector,
    endpoints: Vec<Endpoint>,
}

/// What the stages are told.
#[derive(Clone, Debug)]
pub struct StageConfig {
    /// Whose word about addresses is taken.
    pub identify: IdentifyConfig,
    /// Which pages may read the answers.
    pub cors: CorsConfig,
    /// From a request's head to its answer.
    pub request_timeout: Duration,
    /// Verified tokens that each worker remembers.
    pub cache_capacity: usize,
    /// Scopes, and bounds of bodies.
    pub authz: AuthzConfig,
    /// What goes on record, and how firmly.
    pub audit: AuditConfig,
    /// How much each worker takes on.
    pub shed: ShedConfig,
    proxy: ProxyConfig,
    pool: PoolConfig,
}

/// A task of the control plane.
pub type Actor = std::pin::Pin<Box<dyn Future<Output = ()> + Send>>;

impl Parts {
    /// The parts, and the actors that keep keys and tokens fresh.
    pub fn build(
        config: &Config,
        connector: &Connector,
        trail: Trail,
        metrics: &MetricsBuilder,
    ) -> (Self, Vec<Actor>) {
        let keys = Fetcher::new(connector.clone(), config.authn.fetch_timeout);
        let (keyring, issuers) = keyring(&config.authn.jwt, &keys);
        let mut actors: Vec<Actor> = issuers.into_iter().map(|actor| Box::pin(actor) as Actor).collect();
        let apps = apps(config, connector, metrics, &mut actors);
        let tenants: Vec<_> = tenants(config, &apps, metrics).collect();
        let parts = Self {
            config: StageConfig::new(config),
            keyring,
            tenancy: Arc::new(Tenancy::new(apps, tenants)),
            addresses: Arc::new(AddressGuard::new(config.authn.address_limit, config.authn.max_addresses)),
            trail,
            connector: connector.clone(),
            endpoints: config.apps.iter().map(|app| app.credentials.endpoint.clone()).collect(),
        };
        (parts, actors)
    }

    /// One worker's way to the vendor, with connections of its own.
    pub fn proxy(&self) -> Proxy {
        let pool =
            |endpoint: &Endpoint| Pool::new(endpoint.clone(), self.connector.clone(), self.config.pool);
        Proxy::new(self.config.proxy, self.endpoints.iter().map(pool).collect())
    }
}

impl StageConfig {
    fn new(config: &Config) -> Self {
        Self {
            identify: IdentifyConfig { trusted_proxies: config.listen.trusted_proxies.clone() },
            cors: config.listen.cors.clone(),
            request_timeout: config.listen.request_timeout,
            cache_capacity: config.authn.jwt.cache_capacity,
            authz: AuthzConfig {
                scopes: config.scopes.clone(),
                create: config.create,
                max_body_bytes: config.listen.max_body_bytes,
            },
            audit: config.audit,
            shed: config.listen.shed,
            proxy: ProxyConfig {
                first_byte_timeout: config.upstream.first_byte_timeout,
                total_timeout: config.upstream.total_timeout,
                held_bytes: config.upstream.response_buffer,
            },
            pool: config.upstream.pool,
        }
    }
}

/// In the order of the configuration, which is the order of their indices.
fn apps(
    config: &Config,
    connector: &Connector,
    metrics: &MetricsBuilder,
    actors: &mut Vec<Actor>,
) -> Vec<Arc<App>> {
    let fetcher = Fetcher::new(connector.clone(), config.vendor.fetch_timeout);
    let mut apps: Vec<Arc<App>> = Vec::new();
    for app in &config.apps {
        let Some(slot) = metrics.app(&app.key) else { continue };
        let credentials = app.credentials.clone();
        let (org, name) = (credentials.org.clone(), credentials.app.clone());
        let calls = AppCalls::new(&credentials.endpoint, &org, &name);
        let (token, actor) = token_actor(credentials, config.vendor.tokens.clone(), fetcher.clone());
        actors.push(Box::pin(actor));
        apps.push(Arc::new(App {
            key: app.key.clone(),
            index: apps.len(),
            org,
            app: name,
            calls,
            token,
            pause: Pause::new(config.vendor.pause),
            breaker: Arc::new(Breaker::new(app.key.clone(), config.vendor.breaker)),
            budget: Limiter::new(app.budget),
            slot,
        }));
    }
    apps
}

fn tenants<'a>(
    config: &'a Config,
    apps: &'a [Arc<App>],
    metrics: &'a MetricsBuilder,
) -> impl Iterator<Item = Tenant> + 'a {
    config.tenants.iter().filter_map(move |tenant| {
        let mut quotas = vec![(Policy::Tenant, tenant.rate_limit)];
        quotas.extend(tenant.user_rate_limit.map(|quota| (Policy::User, quota)));
        // The configuration was read whole: every tenant has an app, and the counters were made for both.
        Some(Tenant {
            id: tenant.id.clone(),
            app: Arc::clone(apps.iter().find(|app| app.key == tenant.app)?),
            rate: Limiter::new(tenant.rate_limit),
            users: tenant.user_rate_limit.map(|quota| UserLimiters::new(quota, tenant.max_users)),
            in_flight: InFlight::new(tenant.max_in_flight),
            policies: policies(&quotas),
            slot: metrics.tenant(&tenant.id)?,
        })
    })
}
