//! Asks the vendor. Takes [`Recorded`], gives a [`Reply`], refuses with the `vendor_…` codes of 502 and 504, with
//! `overloaded` where no connection becomes free, and with `vendor_token_unavailable` where the token ran out while the
//! call waited for one. The end of the way: nothing reaches the vendor but through here.

mod answer;
mod exchange;
mod failure;
mod told;

use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::Instant;
use tower::Service;

use self::exchange::Exchange;
use super::deciding::Waiting;
use super::intent::Recorded;
use super::reply::Reply;
use crate::domain::Refusal;
use crate::upstream::Pool;

/// How long the vendor may take, and how much of an answer is held.
#[derive(Clone, Copy, Debug)]
pub struct ProxyConfig {
    /// From sending to the head of the answer, for each attempt; as long at most it waits for a connection before.
    pub first_byte_timeout: Duration,
    /// From the first attempt to the end of the answer.
    pub total_timeout: Duration,
    /// Answers up to this many bytes are read whole before they are passed on, so that the trail can say what they
    /// mean; longer ones are passed on as they come.
    pub held_bytes: usize,
}

/// The stage; one for each worker, with connections of its own.
#[derive(Clone, Debug)]
pub struct Proxy(Rc<Inner>);

#[derive(Debug)]
struct Inner {
    config: ProxyConfig,
    /// By the app's index.
    pools: Vec<Pool>,
}

impl Proxy {
    /// `pools`: one for each app, by index.
    pub fn new(config: ProxyConfig, pools: Vec<Pool>) -> Self {
        Self(Rc::new(Inner { config, pools }))
    }

    /// Its connections to the app of that index.
    pub fn pool(&self, index: usize) -> Option<&Pool> {
        self.0.pools.get(index)
    }

    async fn run(self, recorded: Recorded) -> Result<Reply, Refusal> {
        let index = recorded.authorized().app().index;
        let Some(pool) = self.pool(index) else {
            return Err(Refusal::internal("no pool for the app"));
        };
        let now = Instant::now();
        Exchange::new(self.0.config, pool.clone(), recorded, now).run(now).await
    }
}

impl Service<Recorded> for Proxy {
    type Response = Reply;
    type Error = Refusal;
    type Future = Waiting;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Refusal>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, recorded: Recorded) -> Self::Future {
        Box::pin(self.clone().run(recorded))
    }
}
