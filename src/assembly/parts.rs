//! What all workers share, built from the configuration, and anew from each that takes its place.

use std::sync::Arc;
use std::time::Duration;

use super::tenancy::Making;
use crate::config::Config;
use crate::domain::{AppName, OrgName};
use crate::jwt::{Keyring, keyring};
use crate::limits::AddressGuard;
use crate::stages::audit::AuditConfig;
use crate::stages::authz::AuthzConfig;
use crate::stages::cors::CorsConfig;
use crate::stages::identify::IdentifyConfig;
use crate::stages::proxy::{Proxy, ProxyConfig};
use crate::stages::shed::ShedConfig;
use crate::telemetry::MetricsBuilder;
use crate::tenancy::{App, Tenancy};
use crate::trail::Trail;
use crate::upstream::{Connector, Endpoint, Fetcher, Pool, PoolConfig};

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

/// Parts that are not in service yet, with the tasks that keep them fresh.
pub struct Built {
    /// The parts.
    pub parts: Parts,
    /// What loads the issuers' keys.
    pub issuers: Vec<Actor>,
    /// What fetches the vendor's tokens: to be run once the parts are in service, since the vendor is not asked for
    /// what is given up again.
    pub tokens: Vec<Actor>,
}

impl std::fmt::Debug for Built {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Built").finish_non_exhaustive()
    }
}

impl Parts {
    /// The first parts, and the actors that keep keys and tokens fresh.
    pub fn build(
        config: &Config,
        connector: &Connector,
        trail: Trail,
        metrics: &MetricsBuilder,
    ) -> (Self, Vec<Actor>) {
        let Built { parts, mut issuers, tokens } =
            Making { config, connector, metrics, before: None }.parts(trail);
        issuers.extend(tokens);
        (parts, issuers)
    }

    /// Parts for another configuration, with all of the state of these that it does not do away with.
    pub fn rebuild(&self, config: &Config, connector: &Connector, metrics: &MetricsBuilder) -> Built {
        Making { config, connector, metrics, before: Some(self) }.parts(self.trail.clone())
    }

    /// One worker's way to the vendor, with connections of its own.
    pub fn proxy(&self) -> Proxy {
        self.proxy_after(None)
    }

    /// The same, with the connections that it had by other parts, where they lead to the same app in the same way.
    pub(super) fn proxy_after(&self, before: Option<&(Self, Proxy)>) -> Proxy {
        let pools = self.tenancy.apps().iter().zip(&self.endpoints).map(|(app, endpoint)| {
            let known = before.and_then(|(parts, proxy)| {
                let same_way = parts.connector == self.connector && parts.config.pool == self.config.pool;
                let known = parts.app_at(endpoint, &app.org, &app.app).filter(|_| same_way)?;
                proxy.pool(known.index).cloned()
            });
            known.unwrap_or_else(|| Pool::new(endpoint.clone(), self.connector.clone(), self.config.pool))
        });
        Proxy::new(self.config.proxy, pools.collect())
    }

    /// How it connects to elsewhere.
    pub(super) fn connector(&self) -> &Connector {
        &self.connector
    }

    /// The app at the same place of the vendor's, by whatever name.
    pub(super) fn app_at(&self, endpoint: &Endpoint, org: &OrgName, name: &AppName) -> Option<&Arc<App>> {
        let mut places = self.tenancy.apps().iter().zip(&self.endpoints);
        let found = places.find(|(app, known)| (&app.org, &app.app, *known) == (org, name, endpoint));
        found.map(|(app, _)| app)
    }
}

impl Making<'_> {
    fn parts(&self, trail: Trail) -> Built {
        let Self { config, connector, before, .. } = self;
        let keys = Fetcher::new((*connector).clone(), config.authn.fetch_timeout);
        let (keyring, issuers) = keyring(&config.authn.jwt, &keys, before.map(|before| &before.keyring));
        let (tenancy, tokens) = self.tenancy();
        let (limit, capacity) = (config.authn.address_limit, config.authn.max_addresses);
        let parts = Parts {
            config: StageConfig::new(config),
            keyring,
            tenancy: Arc::new(tenancy),
            addresses: before.map_or_else(
                || Arc::new(AddressGuard::new(limit, capacity)),
                |before| before.addresses.with(limit, capacity),
            ),
            trail,
            connector: (*connector).clone(),
            endpoints: config.apps.iter().map(|app| app.credentials.endpoint.clone()).collect(),
        };
        let issuers = issuers.into_iter().map(|actor| Box::pin(actor) as Actor).collect();
        Built { parts, issuers, tokens }
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
