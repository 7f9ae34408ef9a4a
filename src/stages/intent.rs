//! Puts what is about to be done on record, and sees it through. Takes [`Cleared`], hands on [`Recorded`], refuses with
//! `audit_unavailable`, and with `internal` for a change that panicked. Stands right before the vendor: a create,
//! dissolve or kick is on disk before a byte of it leaves (or as firmly on record as is configured), and no check that
//! could still refuse it comes after.

use std::rc::Rc;
use std::task::{Context, Poll};

use tokio::task::AbortHandle;
use tower::layer::layer_fn;
use tower::{Layer, Service};

use super::audit::{DurabilityConfig, Entry, unavailable};
use super::authz::Authorized;
use super::clearance::Cleared;
use super::deciding::{Deciding, passed, refused, take_ready, waiting};
use super::reply::Reply;
use crate::domain::{Call, Refusal};
use crate::trail::{Durability, Trail};
use crate::vendor::Passage;

/// A call that is on record as far as it has to be. The only thing the proxy takes.
#[derive(Debug)]
pub struct Recorded {
    cleared: Cleared,
}

impl Recorded {
    pub(super) fn authorized(&self) -> &Authorized {
        self.cleared.authorized()
    }

    pub(super) fn into_parts(self) -> (Authorized, Passage) {
        self.cleared.into_parts()
    }
}

/// Puts the stage before the one behind it. It writes to `trail`.
pub fn layer<S>(trail: Trail, durability: DurabilityConfig) -> impl Layer<S, Service = Announce<S>> {
    layer_fn(move |inner| Announce { trail: trail.clone(), durability, inner })
}

/// The stage.
#[derive(Clone, Debug)]
pub struct Announce<S> {
    trail: Trail,
    durability: DurabilityConfig,
    inner: S,
}

const NOT_CHANGED: &str = "nothing was changed: what changes a conference must be on record first, and the trail \
                           cannot be written at the moment";
const NOT_READ: &str = "what is read must be on record first, and the trail cannot be written at the moment";

/// What the trail is told of either, where it can be told.
const NOT_WRITABLE: &str = "the trail is not writable";

/// The vendor is spared a get whose answer could not go out.
fn can_be_read(trail: &Trail, durability: DurabilityConfig) -> Result<(), Refusal> {
    let needs_the_trail = durability.reads.is_some_and(|reads| reads > Durability::Queue);
    if needs_the_trail && !trail.is_writable() {
        return Err(unavailable(NOT_READ).because(NOT_WRITABLE));
    }
    Ok(())
}

/// Returns when the intent is on record, as firmly as it has to be.
async fn announce(trail: &Trail, durability: Durability, cleared: &Cleared) -> Result<(), Refusal> {
    if !trail.is_writable() {
        return Err(unavailable(NOT_CHANGED).because(NOT_WRITABLE));
    }
    let entry = cleared.authorized().entry();
    let written = async {
        let body = match cleared.authorized().call() {
            Call::Create(create) => Some(create.to_json_without_password()),
            _ => None,
        };
        match entry.announce(body.as_deref(), durability) {
            Some(receipt) => receipt.await.map(Some),
            None => Ok(None),
        }
    };
    let sequence = tokio::time::timeout_at(entry.deadline(), written)
        .await
        .map_err(|_| unavailable(NOT_CHANGED).because("the disk did not confirm the intent in time"))?
        .map_err(|_| unavailable(NOT_CHANGED).because("the intent could not be written"))?;
    entry.announced(sequence);
    Ok(())
}

impl<S> Service<Cleared> for Announce<S>
where
    S: Service<Recorded, Response = Reply, Error = Refusal> + Clone + 'static,
{
    type Response = Reply;
    type Error = Refusal;
    type Future = Deciding<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Refusal>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, cleared: Cleared) -> Self::Future {
        if !cleared.authorized().call().action().is_mutation() {
            return match can_be_read(&self.trail, self.durability) {
                Ok(()) => passed(self.inner.call(Recorded { cleared })),
                Err(refusal) => refused(refusal),
            };
        }
        let inner = take_ready(&mut self.inner);
        waiting(see_through(self.trail.clone(), self.durability.mutations, cleared, inner))
    }
}

/// Announces a change and has it made, in a task that outlives the caller's connection: what is on record as about to
/// happen, and what may have happened, is seen through to its outcome even if nobody listens any more. The entry that
/// the task holds writes the outcome when it ends.
async fn see_through<S>(
    trail: Trail,
    durability: Durability,
    cleared: Cleared,
    inner: S,
) -> Result<Reply, Refusal>
where
    S: Service<Recorded, Response = Reply, Error = Refusal> + 'static,
{
    let entry = Rc::clone(cleared.authorized().entry());
    let settling = Rc::clone(&entry);
    let task = tokio::task::spawn_local(async move {
        let result = change(&trail, durability, cleared, inner).await;
        match &result {
            Ok(None) => {}
            Ok(Some(_)) => settling.settled(None),
            Err(refusal) => settling.settled(Some(refusal)),
        }
        result
    });
    let listening = Listening { entry, task: task.abort_handle() };
    let result = task.await;
    drop(listening);
    match result {
        Ok(Ok(Some(reply))) => Ok(reply),
        Ok(Err(refusal)) => Err(refusal),
        // It only gives up when nobody listens, so this is a panic.
        Ok(Ok(None)) | Err(_) => Err(Refusal::internal("the change panicked")),
    }
}

/// Announces a change and has it made; `None` when its caller has left in between.
async fn change<S>(
    trail: &Trail,
    durability: Durability,
    cleared: Cleared,
    mut inner: S,
) -> Result<Option<Reply>, Refusal>
where
    S: Service<Recorded, Response = Reply, Error = Refusal>,
{
    announce(trail, durability, &cleared).await?;
    let entry = cleared.authorized().entry();
    entry.allowed();
    if entry.is_left() {
        return Ok(None);
    }
    inner.call(Recorded { cleared }).await.map(Some)
}

/// A caller who waits for the outcome of a change. One who hangs up while the call still waits for its turn, or for a
/// new token after a 401, takes it back; so does one who hangs up before the intent is on disk, as soon as it is.
struct Listening {
    entry: Rc<Entry>,
    task: AbortHandle,
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.entry.left();
        if self.entry.is_announced() && !self.entry.may_have_happened() {
            self.task.abort();
        }
    }
}
