//! Sets the moment by which the answer is due. Takes [`Identified`], hands on [`Timed`], refuses nothing itself: each
//! wait further in ends at the deadline and says what it means there (a slow caller is 408, a slow vendor 504).

use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::Instant;
use tower::layer::layer_fn;
use tower::{Layer, Service};

use super::head::Head;
use super::identify::{Arrival, Identified};
use super::reply::Reply;

/// A request that is answered by `deadline`.
#[derive(Debug)]
pub struct Timed<B> {
    identified: Identified<B>,
    deadline: Instant,
}

impl<B> Timed<B> {
    pub(super) fn arrival(&self) -> &Arrival {
        self.identified.arrival()
    }

    pub(super) fn head(&self) -> &Head {
        self.identified.head()
    }

    pub(super) fn into_parts(self) -> (Identified<B>, Instant) {
        (self.identified, self.deadline)
    }
}

/// Puts the stage before those behind it. `limit`: from the request's head to the end of the answer.
pub fn layer<S>(limit: Duration) -> impl Layer<S, Service = Deadline<S>> {
    layer_fn(move |inner| Deadline { limit, inner })
}

/// The stage.
#[derive(Clone, Debug)]
pub struct Deadline<S> {
    limit: Duration,
    inner: S,
}

impl<B, S> Service<Identified<B>> for Deadline<S>
where
    S: Service<Timed<B>, Response = Reply>,
{
    type Response = Reply;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, identified: Identified<B>) -> Self::Future {
        let deadline = identified.arrival().started + self.limit;
        self.inner.call(Timed { identified, deadline })
    }
}
