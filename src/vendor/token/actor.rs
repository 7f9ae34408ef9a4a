use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;

use arc_swap::ArcSwap;
use futures_util::FutureExt;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until};
use tracing::{debug, error, info, warn};

use super::source::{Failure, Grant, Source};
use super::state::{Answer, State};
use super::{TokenConfig, TokenFault, TokenUnavailable, VendorToken};

type Reply = oneshot::Sender<Result<Arc<VendorToken>, TokenUnavailable>>;

/// A caller's question for a token, after a 401 to the generation `refused` if there was one.
pub(super) struct Ask {
    pub(super) refused: Option<u64>,
    pub(super) reply: Reply,
}

/// Fetches, rests, fetches. The only one that changes the state.
pub(super) struct Actor<S> {
    source: S,
    inbox: mpsc::Receiver<Ask>,
    desk: Desk,
}

/// Where questions are answered, while a fetch runs and while none does.
struct Desk {
    app: Box<str>,
    config: TokenConfig,
    state: State,
    published: Arc<ArcSwap<State>>,
    waiting: Vec<Reply>,
    /// Whether the vendor refused the present token, and the fetch is to replace it.
    rejected: bool,
}

impl<S: Source> Actor<S> {
    pub(super) fn new(
        app: &str,
        source: S,
        config: TokenConfig,
        published: Arc<ArcSwap<State>>,
        inbox: mpsc::Receiver<Ask>,
    ) -> Self {
        let desk = Desk {
            app: app.into(),
            config,
            state: State::clone(&published.load()),
            published,
            waiting: Vec::new(),
            rejected: false,
        };
        Self { source, inbox, desk }
    }

    /// Runs until the last handle is dropped.
    pub(super) async fn run(mut self) {
        while self.fetch().await && self.rest().await {}
    }

    /// One fetch; those who ask meanwhile wait for it. False at the end.
    async fn fetch(&mut self) -> bool {
        let begun = self.desk.begin();
        // An answer that makes it panic is one that cannot be used.
        let mut fetching = pin!(AssertUnwindSafe(self.source.fetch()).catch_unwind());
        loop {
            tokio::select! {
                fetched = &mut fetching => {
                    let panicked = |_| Err(TokenFault::Malformed("the gateway failed over it").into());
                    self.desk.finish(fetched.unwrap_or_else(panicked), begun);
                    return true;
                }
                ask = self.inbox.recv() => {
                    let Some(ask) = ask else { return false };
                    self.desk.take(ask);
                }
            }
        }
    }

    /// Until the token is to be renewed, or somebody needs it to be. False at the end.
    async fn rest(&mut self) -> bool {
        let mut renewal = pin!(sleep_until(self.desk.state.next_fetch));
        loop {
            tokio::select! {
                () = &mut renewal => return true,
                ask = self.inbox.recv() => {
                    let Some(ask) = ask else { return false };
                    if self.desk.take(ask) {
                        return true;
                    }
                }
            }
        }
    }
}

impl Desk {
    /// Answers at once, or keeps the caller waiting for a fetch: then true.
    fn take(&mut self, ask: Ask) -> bool {
        match self.state.answer(ask.refused, Instant::now()) {
            Answer::Token(token) => _ = ask.reply.send(Ok(token)),
            Answer::Refused(unavailable) => _ = ask.reply.send(Err(unavailable)),
            Answer::Wait => {
                self.rejected |= ask.refused.is_some();
                self.waiting.push(ask.reply);
                return true;
            }
        }
        false
    }

    fn begin(&mut self) -> Instant {
        self.state.begin();
        self.publish();
        Instant::now()
    }

    /// Publishes before it wakes anybody, so that whoever asks next finds the same.
    fn finish(&mut self, fetched: Result<Grant, Failure>, begun: Instant) {
        let rejected = std::mem::take(&mut self.rejected);
        match fetched {
            Ok(grant) => {
                self.state.granted(grant, begun, rejected, &self.config);
                self.log_success();
            }
            Err(failure) => {
                let known = self.state.fault.as_ref() == Some(&failure.fault);
                self.state.failed(failure, &self.config);
                self.log_failure(known);
            }
        }
        self.publish();
        let outcome = self.state.outcome(Instant::now());
        for reply in self.waiting.drain(..) {
            // Whoever has gone needs no answer.
            let _ = reply.send(outcome.clone());
        }
    }

    fn publish(&self) {
        self.published.store(Arc::new(self.state.clone()));
    }

    fn log_success(&self) {
        let next_fetch_s = self.state.next_fetch.saturating_duration_since(Instant::now()).as_secs();
        info!(app = %self.app, next_fetch_s, "fetched a vendor token");
    }

    /// What only a person can cure is said loudly, and once: said at each attempt, it would drown the rest.
    fn log_failure(&self, known: bool) {
        let Some(fault) = &self.state.fault else { return };
        let retry_s = self.state.not_before.saturating_duration_since(Instant::now()).as_secs();
        let app = &*self.app;
        if !fault.is_permanent() {
            warn!(app, %fault, retry_s, "no vendor token");
        } else if known {
            debug!(app, %fault, retry_s, "no vendor token, still");
        } else {
            error!(
                app, %fault, retry_s,
                "the vendor refuses the app's credentials: check base_url, org, app, client_id and the secret's file"
            );
        }
    }
}
