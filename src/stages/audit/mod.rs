//! Leaves one outcome in the trail for each request. Takes [`Timed`], hands on [`Audited`], refuses with
//! `audit_unavailable`, and with `internal` for a stage that panicked. Stands around everything that decides, so that
//! no decision escapes it; turns what they decide into the caller's answer, after it is on record.

mod entry;
mod facts;

use std::convert::Infallible;
use std::net::IpAddr;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::FutureExt;
use http::request::Parts;
use http::{Request, Response};
use tokio::time::{Instant, timeout_at};
use tower::layer::layer_fn;
use tower::{Layer, Service};

pub use self::entry::Entry;
use super::deadline::Timed;
use super::deciding::take_ready;
use super::identify::Arrival;
use super::problem;
use super::reply::{GateBody, Reply};
use crate::domain::{Code, Refusal, RequestId, TraceContext};
use crate::telemetry::{Answered, WorkerMetrics};
use crate::trail::{Slot, Trail};

/// How long a request waits for room in a trail that cannot be written, and how long what was refused unread waits at
/// all.
const SHORT_WAIT: Duration = Duration::from_secs(1);

/// A request that will leave an outcome, whatever becomes of it.
#[derive(Debug)]
pub struct Audited<B> {
    entry: Rc<Entry>,
    head: Parts,
    body: B,
}

impl<B> Audited<B> {
    pub(super) fn into_parts(self) -> (Rc<Entry>, Parts, B) {
        (self.entry, self.head, self.body)
    }
}

/// Where a worker's requests are put on record and counted.
#[derive(Debug)]
pub struct Desk {
    trail: Trail,
    metrics: WorkerMetrics,
}

impl Desk {
    /// Records go to `trail`, counts to `metrics`.
    pub fn new(trail: Trail, metrics: WorkerMetrics) -> Self {
        Self { trail, metrics }
    }

    /// Puts on record what was refused before it was a request. Where the trail has no room for a moment, it is only
    /// counted: a stranger's connection must not stay for as long as the trail is in trouble.
    pub async fn unread(self: &Rc<Self>, id: RequestId, client: IpAddr, refusal: &Refusal) {
        let trace = TraceContext::continued(None, id.entropy());
        let arrival = Arrival { id, trace, client, started: Instant::now() };
        let deadline = arrival.started + SHORT_WAIT;
        let Ok(slot) = self.slot(arrival.started, deadline).await else { return };
        let entry = Entry::open(Rc::clone(self), slot, arrival, deadline);
        // Without an intent there is nothing to wait for.
        let _ = entry.close_refused(refusal).await;
    }

    /// Room for an outcome. What finds none by `deadline` cannot be put on record, and is counted. A trail that is slow
    /// slows its callers; one that takes nothing would only keep them until they give up.
    async fn slot(&self, started: Instant, deadline: Instant) -> Result<Slot, Refusal> {
        let soon = started + SHORT_WAIT;
        let deadline = if self.trail.is_writable() { deadline } else { deadline.min(soon) };
        match timeout_at(deadline, self.trail.reserve()).await {
            Ok(slot) if !self.trail.is_closed() => Ok(slot),
            _ => {
                let refusal = unavailable("the trail takes no records at the moment; try again");
                self.metrics.request(None, Answered::Gateway(refusal.code), started.elapsed());
                Err(refusal)
            }
        }
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

fn unavailable(detail: &'static str) -> Refusal {
    Refusal::new(Code::AuditUnavailable, detail).retry_after(Duration::from_secs(1))
}

/// After the vendor was asked. Without `Retry-After`: a client that goes by it would do the same thing twice.
fn unrecorded(detail: &'static str) -> Refusal {
    Refusal::new(Code::AuditUnavailable, detail)
}

/// Lets the stages decide. A panic in one of them is that request's failure alone.
async fn decide<B, S>(inner: &mut S, audited: Audited<B>) -> Result<Reply, Refusal>
where
    S: Service<Audited<B>, Response = Reply, Error = Refusal>,
{
    let entry = Rc::clone(&audited.entry);
    AssertUnwindSafe(async { inner.call(audited).await }).catch_unwind().await.unwrap_or_else(|_| {
        tracing::error!(request_id = %entry.id(), "a stage panicked");
        Err(Refusal::internal("a stage panicked"))
    })
}

/// Puts the decision on record, and makes the answer of it.
async fn conclude(entry: &Entry, decision: Result<Reply, Refusal>) -> Response<GateBody> {
    let decision = match decision {
        Ok(reply) => entry.close_answered(reply.status()).await.map(|()| reply).map_err(|_| {
            unrecorded(
                "the call was made, but its outcome could not be put on record; look before you try again",
            )
        }),
        Err(refusal) => match entry.close_refused(&refusal).await {
            Ok(()) => Err(refusal),
            Err(_) => Err(unrecorded("the outcome could not be put on record; look before you try again")),
        },
    };
    let mut response = match decision {
        Ok(reply) => reply,
        Err(refusal) => problem::response(&entry.with_whole_wait(refusal), entry.id()),
    };
    entry.write_standings(response.headers_mut());
    response
}

impl<B, S> Service<Request<Timed<B>>> for Audit<S>
where
    B: 'static,
    S: Service<Audited<B>, Response = Reply, Error = Refusal> + Clone + 'static,
{
    type Response = Response<GateBody>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<GateBody>, Infallible>>>>;

    /// Always: the stages behind wait inside of their futures.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Timed<B>>) -> Self::Future {
        let mut inner = take_ready(&mut self.inner);
        let desk = Rc::clone(&self.desk);
        Box::pin(async move {
            let (head, timed) = request.into_parts();
            let (identified, deadline) = timed.into_parts();
            let (arrival, body) = identified.into_parts();
            let slot = match desk.slot(arrival.started, deadline).await {
                Ok(slot) => slot,
                Err(refusal) => return Ok(problem::response(&refusal, arrival.id)),
            };
            let entry = Rc::new(Entry::open(desk, slot, arrival, deadline));
            let audited = Audited { entry: Rc::clone(&entry), head, body };
            let decision = decide(&mut inner, audited).await;
            Ok(conclude(&entry, decision).await)
        })
    }
}

#[cfg(test)]
mod tests {
    use uuid::ContextV7;

    use super::*;
    use crate::telemetry::MetricsBuilder;
    use crate::trail::TrailConfig;

    #[tokio::test(start_paused = true)]
    async fn what_was_refused_unread_does_not_wait_for_a_trail_without_room() {
        let directory = tempfile::tempdir().unwrap();
        let config = TrailConfig { queue: 1, ..TrailConfig::new(directory.path().to_owned()) };
        let (trail, thread) = Trail::open(&config).unwrap();
        let mut metrics = MetricsBuilder::new(vec![], vec![]);
        let desk = Rc::new(Desk::new(trail.clone(), metrics.worker()));
        let taken = trail.reserve().await;
        let refusal = Refusal::new(Code::RequestMalformed, "no HTTP");
        let unread = desk.unread(RequestId::generate(&ContextV7::new()), [127, 0, 0, 1].into(), &refusal);
        tokio::time::timeout(Duration::from_mins(1), unread).await.expect("an end");
        let counted = "confgate_requests_total{action=\"none\",code=\"audit_unavailable\"} 1";
        let metrics = metrics.build().render();
        assert!(metrics.contains(counted), "{metrics}");
        drop(taken);
        thread.close().unwrap();
    }
}
