//! Keeps a tenant and its users within their rates. Takes [`Authenticated`], hands on [`Limited`], refuses with
//! `tenant_concurrency_limited`, `user_rate_limited` and `tenant_rate_limited`. Stands before authorization: a caller
//! who asks for what it may not have costs something, too.

use std::time::Duration;

use super::audit::Entry;
use super::authn::Authenticated;
use super::check::Check;
use crate::domain::{Code, Refusal};
use crate::limits::InFlightGuard;
use crate::limits::headers::{Policy, Standing, Standings};
use crate::telemetry::Limit as Crossed;
use crate::tenancy::Caller;

/// A request within its tenant's limits, which holds a place among the tenant's requests in flight.
#[derive(Debug)]
pub struct Limited<B> {
    authenticated: Authenticated<B>,
    in_flight: InFlightGuard,
}

impl<B> Limited<B> {
    pub(super) fn into_parts(self) -> (Authenticated<B>, InFlightGuard) {
        (self.authenticated, self.in_flight)
    }
}

/// The stage's decision.
#[derive(Clone, Copy, Debug)]
pub struct Limit;

impl<B> Check<Authenticated<B>> for Limit {
    type Pass = Limited<B>;

    fn check(&self, input: Authenticated<B>) -> Result<Limited<B>, Refusal> {
        let in_flight = admit(input.entry(), input.caller())?;
        Ok(Limited { authenticated: input, in_flight })
    }
}

/// The cheapest and the narrowest first: what is refused for a user takes nothing from its tenant.
fn admit(entry: &Entry, caller: &Caller) -> Result<InFlightGuard, Refusal> {
    let tenant = &caller.tenant;
    let in_flight = tenant.in_flight.enter().ok_or_else(|| {
        entry.limited(Crossed::InFlight);
        let detail = "too many requests of this tenant are being answered; wait for some to finish";
        Refusal::new(Code::TenantConcurrencyLimited, detail).retry_after(Duration::from_secs(1))
    })?;
    let user = caller.user_rate.as_ref().map(|rate| rate.check());
    let of_user = user.map(|decision| Standing::new(Policy::User, decision));
    if let (Some(Err(denied)), Some(standing)) = (user, of_user) {
        entry.stands(Standings::new(standing, None));
        entry.limited(Crossed::User);
        let detail = "this user calls too often; wait as long as Retry-After says";
        return Err(Refusal::new(Code::UserRateLimited, detail).retry_after(denied.wait));
    }
    let decision = tenant.rate.check();
    let of_tenant = Standing::new(Policy::Tenant, decision);
    entry.stands(Standings::new(of_tenant, of_user));
    match decision {
        Ok(_) => {
            entry.admitted(tenant);
            Ok(in_flight)
        }
        Err(denied) => {
            entry.limited(Crossed::Tenant);
            let detail = "this tenant calls too often; wait as long as Retry-After says";
            Err(Refusal::new(Code::TenantRateLimited, detail).retry_after(denied.wait))
        }
    }
}
