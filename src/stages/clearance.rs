//! Makes sure that the vendor can be asked at all. Takes [`Authorized`], hands on [`Cleared`], refuses with
//! `vendor_paused`, `vendor_token_unavailable`, `vendor_circuit_open` and `vendor_budget_exhausted`. Stands before the
//! intent, so that no call is announced in the trail that has no chance to be made, and after authorization, so that
//! only calls that go out use up the app's budget.

use std::task::{Context, Poll};
use std::time::Duration;

use tower::layer::layer_fn;
use tower::{Layer, Service};

use super::authz::Authorized;
use super::deciding::{Deciding, passed, refused, take_ready, waiting};
use super::reply::Reply;
use crate::domain::{Code, Refusal};
use crate::tenancy::App;
use crate::vendor::Passage;

/// A call that can go out now.
#[derive(Debug)]
pub struct Cleared {
    authorized: Authorized,
    passage: Passage,
}

impl Cleared {
    pub(super) fn authorized(&self) -> &Authorized {
        &self.authorized
    }

    pub(super) fn into_parts(self) -> (Authorized, Passage) {
        (self.authorized, self.passage)
    }
}

/// Puts the stage before those behind it.
pub fn layer<S>() -> impl Layer<S, Service = Clearance<S>> {
    layer_fn(|inner| Clearance { inner })
}

/// The stage.
#[derive(Clone, Debug)]
pub struct Clearance<S> {
    inner: S,
}

fn not_paused(app: &App) -> Result<(), Refusal> {
    app.pause.check().map_err(|rest| {
        let detail = "the conference service asked for a pause; wait as long as Retry-After says";
        Refusal::new(Code::VendorPaused, detail).retry_after(rest)
    })
}

fn through_circuit(app: &App) -> Result<Passage, Refusal> {
    app.breaker.enter().map_err(|rest| {
        let detail = "the conference service does not answer at the moment and was not asked; wait as long as \
                      Retry-After says";
        Refusal::new(Code::VendorCircuitOpen, detail).retry_after(rest)
    })
}

fn within_budget(app: &App) -> Result<(), Refusal> {
    app.budget.check().map(drop).map_err(|denied| {
        let detail =
            "all callers together use what the conference service grants; wait as long as Retry-After says";
        Refusal::new(Code::VendorBudgetExhausted, detail).retry_after(denied.wait)
    })
}

/// The budget comes last, as it is used up by the asking.
fn clear(authorized: Authorized) -> Result<Cleared, Refusal> {
    let app = authorized.app();
    not_paused(app)?;
    let passage = through_circuit(app)?;
    within_budget(app)?;
    Ok(Cleared { authorized, passage })
}

/// Waits for the first token, or for one in place of a token that ran out.
async fn obtain(authorized: &Authorized) -> Result<(), Refusal> {
    let app = authorized.app();
    let unavailable = |wait: Duration| {
        let detail =
            "the gateway has no token for the conference service yet; wait as long as Retry-After says";
        Refusal::new(Code::VendorTokenUnavailable, detail).retry_after(wait)
    };
    match tokio::time::timeout_at(authorized.entry().deadline(), app.token.obtain()).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(unavailable(error.retry_after).because(error.to_string())),
        Err(_) => Err(unavailable(Duration::from_secs(1)).because("the token endpoint is slow")),
    }
}

impl<S> Service<Authorized> for Clearance<S>
where
    S: Service<Cleared, Response = Reply, Error = Refusal> + Clone + 'static,
{
    type Response = Reply;
    type Error = Refusal;
    type Future = Deciding<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Refusal>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, authorized: Authorized) -> Self::Future {
        let app = authorized.app();
        if app.token.current().is_none() {
            if let Err(refusal) = not_paused(app) {
                return refused(refusal);
            }
            let mut inner = take_ready(&mut self.inner);
            return waiting(async move {
                obtain(&authorized).await?;
                // Those who waited together must not all go out after the first one's answer was a 429.
                inner.call(clear(authorized)?).await
            });
        }
        match clear(authorized) {
            Ok(cleared) => passed(self.inner.call(cleared)),
            Err(refusal) => refused(refusal),
        }
    }
}
