//! Makes a panic the failure of one request. Takes what the connection accepted and hands it on untouched; answers
//! `internal` where a stage panicked that stands before the trail's. (That one catches those behind it by itself: it
//! knows what the request was.) Stands around everything, since any stage may fail.

use std::convert::Infallible;
use std::net::IpAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;
use tower::layer::layer_fn;
use tower::{Layer, Service};
use uuid::ContextV7;

use super::audit::Desk;
use super::identify::Accepted;
use super::problem;
use super::reply::Reply;
use crate::domain::{Refusal, RequestId};

/// Puts the stage before those behind it. What it answers is put on record at `desk`.
pub fn layer<S>(desk: Rc<Desk>) -> impl Layer<S, Service = CatchPanic<S>> {
    let clerk = Rc::new(Clerk { desk, ids: ContextV7::new() });
    layer_fn(move |inner| CatchPanic { clerk: Rc::clone(&clerk), inner })
}

/// The stage.
#[derive(Clone, Debug)]
pub struct CatchPanic<S> {
    clerk: Rc<Clerk>,
    inner: S,
}

#[derive(Debug)]
struct Clerk {
    desk: Rc<Desk>,
    ids: ContextV7,
}

impl Clerk {
    /// The answer for a request that has no name, or whose name is lost.
    async fn fail(self: Rc<Self>, client: IpAddr) -> Reply {
        let id = RequestId::generate(&self.ids);
        tracing::error!(request_id = %id, "a stage panicked");
        let internal = Refusal::internal("a stage panicked");
        let refusal = self.desk.unread(id, client, &internal).await.err().unwrap_or(internal);
        problem::reply_to_anybody(&refusal, id)
    }
}

impl<B, S> Service<Accepted<B>> for CatchPanic<S>
where
    S: Service<Accepted<B>, Response = Reply, Error = Infallible>,
{
    type Response = Reply;
    type Error = Infallible;
    type Future = Caught<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, accepted: Accepted<B>) -> Self::Future {
        let client = accepted.peer.ip().to_canonical();
        let clerk = Rc::clone(&self.clerk);
        let inner = catch_unwind(AssertUnwindSafe(|| self.inner.call(accepted))).ok();
        Caught { inner, failing: None, failed: Some((clerk, client)) }
    }
}

type Failing = Pin<Box<dyn Future<Output = Reply>>>;

pin_project! {
    /// A request, until it panics; then the answer that says so.
    pub struct Caught<F> {
        #[pin]
        inner: Option<F>,
        failing: Option<Failing>,
        failed: Option<(Rc<Clerk>, IpAddr)>,
    }
}

impl<F> Future for Caught<F>
where
    F: Future<Output = Result<Reply, Infallible>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        if let Some(inner) = this.inner.as_mut().as_pin_mut() {
            match catch_unwind(AssertUnwindSafe(|| inner.poll(cx))) {
                Ok(polled) => return polled,
                // What is left of it is given up, and may panic once more.
                Err(_) => _ = catch_unwind(AssertUnwindSafe(|| this.inner.set(None))),
            }
        }
        if let Some((clerk, client)) = this.failed.take() {
            *this.failing = Some(Box::pin(clerk.fail(client)));
        }
        match this.failing {
            Some(failing) => failing.as_mut().poll(cx).map(Ok),
            None => Poll::Pending,
        }
    }
}
