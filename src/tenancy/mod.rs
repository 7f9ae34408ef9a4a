//! Who may call, and on whose account: the tenants and apps of the configuration, with the state that all workers
//! share about them. Everything a worker does to it is an atomic operation.

use std::collections::HashMap;
use std::sync::Arc;

use crate::domain::{AppKey, AppName, OrgName, Principal, TenantId};
use crate::limits::headers::Policies;
use crate::limits::{InFlight, Limiter, UserLimiters};
use crate::telemetry::{AppSlot, TenantSlot};
use crate::vendor::{AppCalls, Breaker, Pause, TokenHandle};

/// A vendor application.
#[derive(Debug)]
pub struct App {
    /// The operator's name for it.
    pub key: AppKey,
    /// Its place in [`Tenancy::apps`], by which a worker finds its own connections to it.
    pub index: usize,
    /// The vendor's name of the organisation.
    pub org: OrgName,
    /// The vendor's name of the application.
    pub app: AppName,
    /// How calls to it look.
    pub calls: AppCalls,
    /// Its token at the vendor.
    pub token: TokenHandle,
    /// Whether the vendor asked to be left alone for a moment.
    pub pause: Arc<Pause>,
    /// Whether the vendor is taken for dead.
    pub breaker: Arc<Breaker>,
    /// What the vendor grants to the app, whoever calls.
    pub budget: Arc<Limiter>,
    /// Where workers count for it.
    pub slot: AppSlot,
}

/// A company's application that may call.
#[derive(Debug)]
pub struct Tenant {
    /// Its name: the value of the tenant claim.
    pub id: TenantId,
    /// The one app that it reaches.
    pub app: Arc<App>,
    /// Calls over time.
    pub rate: Arc<Limiter>,
    /// Calls over time of one user, where the operator limits them.
    pub users: Option<Arc<UserLimiters>>,
    /// Calls at the same time.
    pub in_flight: InFlight,
    /// Its limits, as `RateLimit-Policy` tells them.
    pub policies: Policies,
    /// Whether no other tenant has the same app.
    pub alone: bool,
    /// Where workers count for it.
    pub slot: TenantSlot,
}

/// Who a verified token speaks for. Found once for each token, and kept with it.
#[derive(Debug)]
pub struct Caller {
    /// What the token says.
    pub principal: Principal,
    /// The tenant that it names.
    pub tenant: Arc<Tenant>,
    /// The user's own rate within the tenant's, where the operator limits it.
    pub user_rate: Option<Arc<Limiter>>,
}

/// All tenants and apps.
#[derive(Debug)]
pub struct Tenancy {
    tenants: HashMap<TenantId, Arc<Tenant>>,
    apps: Vec<Arc<App>>,
}

impl Tenancy {
    /// `apps` in the order of their indices.
    pub fn new(apps: Vec<Arc<App>>, tenants: impl IntoIterator<Item = Tenant>) -> Self {
        let tenants = tenants.into_iter().map(|tenant| (tenant.id.clone(), Arc::new(tenant))).collect();
        Self { tenants, apps }
    }

    /// The tenant of that name, where it is configured.
    pub fn tenant(&self, id: &TenantId) -> Option<&Arc<Tenant>> {
        self.tenants.get(id)
    }

    /// Every tenant, in no order.
    pub fn tenants(&self) -> impl Iterator<Item = &Arc<Tenant>> {
        self.tenants.values()
    }

    /// Every app, by index.
    pub fn apps(&self) -> &[Arc<App>] {
        &self.apps
    }
}
