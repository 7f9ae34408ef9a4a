//! What all workers share, built from the configuration, and anew from each that takes its place.

use std::sync::Arc;
use std::time::Duration;

use super::retired::Retired;
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
    retired: Retired,
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
    /// The first parts, and the actors that keep keys and tokens fresh.
    pub fn build(
        config: &Config,
        connector: &Connector,
        trail: Trail,
        metrics: &MetricsBuilder,
    ) -> (Self, Vec<Actor>) {
        let making = Making { config, connector, metrics, before: None };
        let (keyring, mut actors) = making.keyring();
        let (parts, tokens) = making.parts(trail, keyring);
        actors.extend(tokens);
        (parts, actors)
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

    /// The app at exactly this place of the vendor's, by whatever name.
    fn app_at(&self, endpoint: &Endpoint, org: &OrgName, name: &AppName) -> Option<&Arc<App>> {
        let found = self.places().find(|(app, known)| (&app.org, &app.app, *known) == (org, name, endpoint));
        found.map(|(app, _)| app)
    }

    /// The apps, and where each is.
    pub(super) fn places(&self) -> impl Iterator<Item = (&Arc<App>, &Endpoint)> {
        self.tenancy.apps().iter().zip(&self.endpoints)
    }

    /// What was in service before.
    pub(super) fn retired(&self) -> &Retired {
        &self.retired
    }
}

impl Making<'_> {
    /// The keys of the issuers, and what loads those that are new.
    pub(super) fn keyring(&self) -> (Keyring, Vec<Actor>) {
        let keys = Fetcher::new(self.connector.clone(), self.config.authn.fetch_timeout);
        let known = self.before.map(|before| &before.keyring);
        let (keyring, issuers) = keyring(&self.config.authn.jwt, &keys, known);
        (keyring, issuers.into_iter().map(|actor| Box::pin(actor) as Actor).collect())
    }

    /// Parts with these keys and with the state of those before as it is now, and what is to run on the control plane
    /// once they are in service: the vendor is not asked for what is given up again.
    pub(super) fn parts(&self, trail: Trail, keyring: Keyring) -> (Parts, Vec<Actor>) {
        let Self { config, connector, before, .. } = self;
        let retired = before.map(Retired::with).unwrap_or_default();
        let (tenancy, tokens) = self.tenancy(&retired);
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
            retired,
        };
        (parts, tokens)
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
