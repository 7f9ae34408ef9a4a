//! Puts what is about to be done on record. Takes [`Cleared`], hands on [`Recorded`], refuses with
//! `audit_unavailable`. Stands right before the vendor: a create, dissolve or kick is on disk before a byte of it
//! leaves, and nothing that could still refuse it comes after.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::future::Either;
use tower::layer::layer_fn;
use tower::{Layer, Service};

use super::clearance::Cleared;
use super::reply::Reply;
use crate::domain::{Call, Code, Refusal};
use crate::trail::{Intent, Record, Trail};

/// A call that is on record as far as it has to be. The only thing the proxy takes.
#[derive(Debug)]
pub struct Recorded {
    pub(super) cleared: Cleared,
}

/// Puts the stage before the one behind it. It writes to `trail`.
pub fn layer<S>(trail: Trail) -> impl Layer<S, Service = Announce<S>> {
    layer_fn(move |inner| Announce { trail: trail.clone(), inner })
}

/// The stage.
#[derive(Clone, Debug)]
pub struct Announce<S> {
    trail: Trail,
    inner: S,
}

fn unavailable(reason: &'static str) -> Refusal {
    let detail = "nothing was changed: what changes a conference must be on record first, and the trail cannot be \
                  written at the moment";
    Refusal::new(Code::AuditUnavailable, detail).retry_after(Duration::from_secs(1)).because(reason)
}

/// Returns when the intent is on disk.
async fn announce(trail: &Trail, cleared: &Cleared) -> Result<(), Refusal> {
    if !trail.is_writable() {
        return Err(unavailable("the trail is not writable"));
    }
    let entry = &cleared.authorized.entry;
    let written = async { trail.reserve_intent().await.synced(&Record::Intent(intent(cleared))).await };
    let sequence = tokio::time::timeout_at(entry.deadline(), written)
        .await
        .map_err(|_| unavailable("the disk did not confirm the intent in time"))?
        .map_err(|_| unavailable("the intent could not be written"))?;
    entry.announced(sequence);
    Ok(())
}

fn intent(cleared: &Cleared) -> Intent {
    let mut intent = cleared.authorized.entry.intent();
    if let Call::Create(create) = &cleared.authorized.call {
        intent.body = Some(create.to_json_without_password());
    }
    intent
}

type Announcing = Pin<Box<dyn Future<Output = Result<Reply, Refusal>>>>;

impl<S> Service<Cleared> for Announce<S>
where
    S: Service<Recorded, Response = Reply, Error = Refusal> + Clone + 'static,
{
    type Response = Reply;
    type Error = Refusal;
    type Future = Either<S::Future, Announcing>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Refusal>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, cleared: Cleared) -> Self::Future {
        if !cleared.authorized.call.action().is_mutation() {
            return Either::Left(self.inner.call(Recorded { cleared }));
        }
        let clone = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, clone);
        let trail = self.trail.clone();
        Either::Right(Box::pin(async move {
            announce(&trail, &cleared).await?;
            inner.call(Recorded { cleared }).await
        }))
    }
}
