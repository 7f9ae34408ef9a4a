//! Leaves one outcome in the trail for each request, or counts it among many that were refused alike. Takes
//! [`Timed`], hands on [`Audited`], refuses with `audit_unavailable`, and with `internal` for a stage that panicked.
//! Stands around everything that decides, so that no decision escapes it; turns what they decide into the caller's
//! answer, after it is on record.

mod config;
mod desk;
mod entry;
mod facts;
mod floods;
mod unavailable;

use std::convert::Infallible;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use futures_util::FutureExt;
use http::Method;
use tokio::time::Instant;
use tower::layer::layer_fn;
use tower::{Layer, Service};

pub use self::config::{AuditConfig, DurabilityConfig, FloodConfig};
pub use self::desk::Desk;
pub use self::entry::Entry;
pub(super) use self::unavailable::unavailable;
use super::deadline::Timed;
use super::deciding::take_ready;
use super::head::Head;
use super::identify::Arrival;
use super::problem;
use super::reply::Reply;
use crate::domain::Refusal;
use crate::trail::Slot;

/// A request that will leave an outcome, whatever becomes of it.
#[derive(Debug)]
pub struct Audited<B> {
    entry: Rc<Entry>,
    head: Box<Head>,
    body: B,
}

impl<B> Audited<B> {
    pub(super) fn into_parts(self) -> (Rc<Entry>, Box<Head>, B) {
        (self.entry, self.head, self.body)
    }
}

/// Puts the stage before those behind it. It keeps its records at `desk`.
pub fn layer<S>(desk: Rc<Desk>) -> impl Layer<S, Service = Audit<S>> {
    layer_fn(move |inner| Audit { desk: Rc::clone(&desk), inner })
}

/// The stage.
#[derive(Clone, Debug)]
pub struct Audit<S> {
    desk: Rc<Desk>,
    inner: S,
}

impl<S> Audit<S> {
    fn open(&self, slot: Option<Slot>, (arrival, deadline): (Arrival, Instant)) -> Rc<Entry> {
        Rc::new(Entry::open(Rc::clone(&self.desk), slot, arrival, deadline))
    }
}

/// Has the stages begin; None where one of them panicked.
fn begin<B, S>(inner: &mut S, entry: &Rc<Entry>, head: Box<Head>, body: B) -> Option<S::Future>
where
    S: Service<Audited<B>, Response = Reply, Error = Refusal>,
{
    let audited = Audited { entry: Rc::clone(entry), head, body };
    catch_unwind(AssertUnwindSafe(|| inner.call(audited))).ok()
}

/// Lets the stages decide. A panic in one of them is that request's failure alone.
async fn decide(
    entry: &Entry,
    begun: Option<impl Future<Output = Result<Reply, Refusal>>>,
) -> Result<Reply, Refusal> {
    let decided = match begun {
        Some(deciding) => AssertUnwindSafe(deciding).catch_unwind().await.ok(),
        None => None,
    };
    decided.unwrap_or_else(|| {
        tracing::error!(request_id = %entry.id(), "a stage panicked");
        Err(Refusal::internal("a stage panicked"))
    })
}

/// Puts the decision on record, and makes the answer of it. A panic here is the request's failure as well, and its
/// entry has one outcome all the same.
async fn conclude(entry: &Entry, decision: Result<Reply, Refusal>) -> Reply {
    if let Ok(reply) = AssertUnwindSafe(answer(entry, decision)).catch_unwind().await {
        return reply;
    }
    let internal = Refusal::internal("a panic while the answer was made");
    let refusal = entry.close_refused(&internal).await.err().unwrap_or(internal);
    problem::reply(&refusal, entry.id())
}

async fn answer(entry: &Entry, decision: Result<Reply, Refusal>) -> Reply {
    let decision = match decision {
        Ok(reply) => entry.close_answered(reply.status).await.map(|()| reply),
        Err(refusal) => entry.close_refused(&refusal).await.and(Err(refusal)),
    };
    let mut reply = match decision {
        Ok(reply) => reply,
        Err(refusal) => problem::reply(&entry.with_whole_wait(refusal), entry.id()),
    };
    entry.put_standings(&mut reply.fields);
    reply
}

impl<B, S> Service<Timed<B>> for Audit<S>
where
    B: 'static,
    S: Service<Audited<B>, Response = Reply, Error = Refusal> + Clone + 'static,
{
    type Response = Reply;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Reply, Infallible>>>>;

    /// Always: the stages behind wait inside of their futures.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Timed<B>) -> Self::Future {
        let (identified, deadline) = request.into_parts();
        let (arrival, head, body) = identified.into_parts();
        if let Some(slot) = self.desk.slot_at_hand() {
            let entry = self.open(Some(slot), (arrival, deadline));
            let begun = begin(&mut self.inner, &entry, head, body);
            return Box::pin(async move {
                let decision = decide(&entry, begun).await;
                Ok(conclude(&entry, decision).await)
            });
        }
        let mut this = take_ready(self);
        Box::pin(async move {
            let may_leave_none = head.method == Method::GET && this.desk.config.durability.reads.is_none();
            let slot = if may_leave_none {
                None
            } else {
                match this.desk.slot(arrival.started, deadline).await {
                    Ok(slot) => Some(slot),
                    Err(refusal) => return Ok(problem::reply(&refusal, arrival.id)),
                }
            };
            let entry = this.open(slot, (arrival, deadline));
            let begun = begin(&mut this.inner, &entry, head, body);
            let decision = decide(&entry, begun).await;
            Ok(conclude(&entry, decision).await)
        })
    }
}
