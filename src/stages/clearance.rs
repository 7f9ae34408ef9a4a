//! Makes sure that the vendor can be asked at all. Takes [`Authorized`], hands on [`Cleared`], refuses with
//! `vendor_paused`, `vendor_token_unavailable` and `vendor_budget_exhausted`. Stands before the intent, so that no call
//! is announced in the trail that has no chance to be made, and after authorization, so that only calls that go out
//! use up the app's budget.

use std::future::{Ready, ready};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::future::Either;
use tower::layer::layer_fn;
use tower::{Layer, Service};

use super::authz::Authorized;
use super::reply::Reply;
use crate::domain::{Code, Refusal};
use crate::tenancy::App;
use crate::vendor::VendorToken;

/// A call that can go out now.
#[derive(Debug)]
pub struct Cleared {
    pub(super) authorized: Authorized,
    pub(super) token: Arc<VendorToken>,
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

fn within_budget(app: &App) -> Result<(), Refusal> {
    app.budget.check().map(drop).map_err(|denied| {
        let detail =
            "all callers together use what the conference service grants; wait as long as Retry-After says";
        Refusal::new(Code::VendorBudgetExhausted, detail).retry_after(denied.wait)
    })
}

/// Waits for the first token, or for one in place of a token that ran out.
async fn obtain(authorized: &Authorized) -> Result<Arc<VendorToken>, Refusal> {
    let app = &authorized.caller.tenant.app;
    let unavailable = |wait: Duration| {
        let detail =
            "the gateway has no token for the conference service yet; wait as long as Retry-After says";
        Refusal::new(Code::VendorTokenUnavailable, detail).retry_after(wait)
    };
    match tokio::time::timeout_at(authorized.entry.deadline(), app.token.obtain()).await {
        Ok(Ok(token)) => Ok(token),
        Ok(Err(error)) => Err(unavailable(error.retry_after).because(error.to_string())),
        Err(_) => Err(unavailable(Duration::from_secs(1)).because("the token endpoint is slow")),
    }
}

type Waiting = Pin<Box<dyn Future<Output = Result<Reply, Refusal>>>>;

impl<S> Service<Authorized> for Clearance<S>
where
    S: Service<Cleared, Response = Reply, Error = Refusal> + Clone + 'static,
{
    type Response = Reply;
    type Error = Refusal;
    type Future = Either<Ready<Result<Reply, Refusal>>, Either<S::Future, Waiting>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Refusal>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, authorized: Authorized) -> Self::Future {
        let app = &authorized.caller.tenant.app;
        if let Err(refusal) = not_paused(app) {
            return Either::Left(ready(Err(refusal)));
        }
        let Some(token) = app.token.current() else {
            let clone = self.inner.clone();
            let mut inner = std::mem::replace(&mut self.inner, clone);
            return Either::Right(Either::Right(Box::pin(async move {
                let token = obtain(&authorized).await?;
                within_budget(&authorized.caller.tenant.app)?;
                inner.call(Cleared { authorized, token }).await
            })));
        };
        match within_budget(app) {
            Ok(()) => Either::Right(Either::Left(self.inner.call(Cleared { authorized, token }))),
            Err(refusal) => Either::Left(ready(Err(refusal))),
        }
    }
}
