//! What reloads have taken out of service, remembered for as long as it matters that it was there: an app that comes
//! back must not ask the vendor for a token sooner than it may, and a tenant that comes back has no fresh burst.

use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::time::sleep;

use super::parts::{Actor, Parts};
use crate::domain::TenantId;
use crate::tenancy::{App, Tenant};
use crate::upstream::Endpoint;
use crate::vendor::Credentials;

/// How long an app is remembered, which goes on to renew its token: longer than any back-off of the vendor's is by
/// default.
const APP: Duration = Duration::from_mins(10);
/// How long a tenant is remembered at most, if it takes so long until all of its limits are as new.
const TENANT: Duration = Duration::from_hours(1);

/// Whatever was in service by the configurations before, as far as it is still there.
#[derive(Clone, Debug, Default)]
pub(super) struct Retired {
    apps: Vec<(Endpoint, Weak<App>)>,
    tenants: HashMap<TenantId, Weak<Tenant>>,
}

/// Whether two endpoints lead to the same host of the vendor's: what `apps` may name only once.
fn is_same_host(one: &Endpoint, other: &Endpoint) -> bool {
    (one.host(), one.port()) == (other.host(), other.port())
}

impl Retired {
    /// What `parts` remember, and what they have.
    pub(super) fn with(parts: &Parts) -> Self {
        let Self { mut apps, mut tenants } = parts.retired().clone();
        apps.retain(|(_, app)| app.strong_count() > 0);
        tenants.retain(|_, tenant| tenant.strong_count() > 0);
        apps.extend(parts.places().map(|(app, endpoint)| (endpoint.clone(), Arc::downgrade(app))));
        tenants.extend(parts.tenancy.tenants().map(|tenant| (tenant.id.clone(), Arc::downgrade(tenant))));
        Self { apps, tenants }
    }

    /// The app at the same place of the vendor's, as it was last.
    pub(super) fn app(&self, place: &Credentials) -> Option<Arc<App>> {
        let known = self.apps.iter().rev().filter(|(endpoint, _)| is_same_host(endpoint, &place.endpoint));
        let mut apps = known.filter_map(|(_, app)| app.upgrade());
        apps.find(|app| (&app.org, &app.app) == (&place.org, &place.app))
    }

    /// The tenant of that name, as it was last.
    pub(super) fn tenant(&self, id: &TenantId) -> Option<Arc<Tenant>> {
        self.tenants.get(id)?.upgrade()
    }
}

impl Parts {
    /// What keeps alive for a while what these have and `newer` do not.
    pub(super) fn retire(&self, newer: &Self) -> Vec<Actor> {
        let is_gone = |(app, place): &(&Arc<App>, &Endpoint)| {
            newer.places().all(|(other, elsewhere)| {
                (&other.org, &other.app) != (&app.org, &app.app) || !is_same_host(elsewhere, place)
            })
        };
        let apps = self.places().filter(is_gone).map(|(app, _)| remembered(APP, Arc::clone(app)));
        let gone = self.tenancy.tenants().filter(|tenant| newer.tenancy.tenant(&tenant.id).is_none());
        let tenants = gone.map(|tenant| remembered(until_full(tenant).min(TENANT), Arc::clone(tenant)));
        apps.chain(tenants).collect()
    }
}

fn remembered(during: Duration, what: impl Send + 'static) -> Actor {
    Box::pin(async move {
        sleep(during).await;
        drop(what);
    })
}

/// How long it takes until a limit that was used up is as new.
fn until_full(tenant: &Tenant) -> Duration {
    let users = tenant.users.as_ref().map_or(Duration::ZERO, |users| users.quota().refill());
    tenant.rate.quota().refill().max(users)
}
