//! Asks the vendor. Takes [`Recorded`], gives a [`Reply`], refuses with the `vendor_…` codes of 502 and 504, and with
//! `overloaded` where no connection becomes free. The end of the way: nothing reaches the vendor but through here.

mod answer;
mod exchange;

use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::task::AbortHandle;
use tower::Service;

use self::exchange::Exchange;
use super::audit::Entry;
use super::intent::Recorded;
use super::reply::Reply;
use crate::domain::{Code, Refusal};
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

    async fn run(self, recorded: Recorded) -> Result<Reply, Refusal> {
        let index = recorded.cleared.authorized.caller.tenant.app.index;
        let Some(pool) = self.0.pools.get(index) else {
            return Err(internal("no pool for the app"));
        };
        Exchange::new(self.0.config, pool.clone(), recorded).run().await
    }
}

fn internal(reason: &'static str) -> Refusal {
    Refusal::new(Code::Internal, "the gateway failed; report the request id").because(reason)
}

impl Service<Recorded> for Proxy {
    type Response = Reply;
    type Error = Refusal;
    type Future = Pin<Box<dyn Future<Output = Result<Reply, Refusal>>>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Refusal>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, recorded: Recorded) -> Self::Future {
        let proxy = self.clone();
        if !recorded.cleared.authorized.call.action().is_mutation() {
            return Box::pin(proxy.run(recorded));
        }
        // What changes something is seen through to its outcome, even if the caller hangs up: the task outlives the
        // connection, and the entry that it holds writes the outcome when it ends.
        let entry = Rc::clone(&recorded.cleared.authorized.entry);
        let settling = Rc::clone(&entry);
        let task = tokio::task::spawn_local(async move {
            let result = proxy.run(recorded).await;
            settling.settled(result.as_ref().err());
            result
        });
        let caller = Listening { entry, task: task.abort_handle() };
        Box::pin(async move {
            let result = task.await.unwrap_or_else(|_| Err(internal("the vendor's call panicked")));
            drop(caller);
            result
        })
    }
}

/// A caller who waits for the outcome of a change. One who hangs up while the call still waits for its turn, or for a
/// new token after a 401, takes it back.
struct Listening {
    entry: Rc<Entry>,
    task: AbortHandle,
}

impl Drop for Listening {
    fn drop(&mut self) {
        if !self.entry.may_have_happened() {
            self.task.abort();
        }
    }
}
