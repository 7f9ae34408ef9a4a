//! Sets the moment by which the answer is due. Takes [`Identified`], hands on [`Timed`], refuses nothing itself: each
//! wait further in ends at the deadline and says what it means there (a slow caller is 408, a slow vendor 504).

use std::task::{Context, Poll};
use std::time::Duration;

use http::{Request, Response};
use tokio::time::Instant;
use tower::{Layer, Service};

use super::identify::Identified;

/// A request that is answered by `deadline`.
#[derive(Debug)]
pub struct Timed<B> {
    pub(super) identified: Identified<B>,
    pub(super) deadline: Instant,
}

/// Puts [`Deadline`] before the stages behind it.
#[derive(Clone, Copy, Debug)]
pub struct DeadlineLayer {
    limit: Duration,
}

impl DeadlineLayer {
    /// `limit`: from the request's head to the head of the answer.
    pub fn new(limit: Duration) -> Self {
        Self { limit }
    }
}

impl<S> Layer<S> for DeadlineLayer {
    type Service = Deadline<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Deadline { limit: self.limit, inner }
    }
}

/// The service of a [`DeadlineLayer`].
#[derive(Clone, Debug)]
pub struct Deadline<S> {
    limit: Duration,
    inner: S,
}

impl<B, ResBody, S> Service<Request<Identified<B>>> for Deadline<S>
where
    S: Service<Request<Timed<B>>, Response = Response<ResBody>>,
{
    type Response = Response<ResBody>;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Identified<B>>) -> Self::Future {
        let limit = self.limit;
        self.inner.call(request.map(|identified| {
            let deadline = identified.started + limit;
            Timed { identified, deadline }
        }))
    }
}
