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
use super::{TokenConfig, TokenFault, TokenTerms, TokenUnavailable, VendorToken};

type Reply = oneshot::Sender<Result<Arc<VendorToken>, TokenUnavailable>>;

/// What an actor is asked.
pub(super) enum Ask {
    /// A caller's question for a token, after a 401 to the generation `refused` if there was one.
    Token { refused: Option<u64>, reply: Reply },
    /// The operator's: to go by other terms from now on.
    Change(Box<TokenTerms>),
}

/// Fetches, rests, fetches. The only one that changes the state.
pub(super) struct Actor<S> {
    source: S,
    inbox: mpsc::Receiver<Ask>,
    desk: Desk,
    /// To go by when the fetch that is under way has ended.
    next_terms: Option<Box<TokenTerms>>,
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
        Self { source, inbox, desk, next_terms: None }
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
                    match ask {
                        Some(Ask::Token { refused, reply }) => _ = self.desk.take(refused, reply),
                        Some(Ask::Change(terms)) => self.next_terms = Some(terms),
                        None => return false,
                    }
                }
            }
        }
    }

    /// Until the token is to be renewed, or somebody needs it to be. False at the end.
    async fn rest(&mut self) -> bool {
        loop {
            if let Some(terms) = self.next_terms.take() {
                self.adopt(*terms);
            }
            tokio::select! {
                () = sleep_until(self.desk.state.next_fetch) => return true,
                ask = self.inbox.recv() => match ask {
                    Some(Ask::Token { refused, reply }) => if self.desk.take(refused, reply) { return true },
                    Some(Ask::Change(terms)) => self.next_terms = Some(terms),
                    None => return false,
                },
            }
        }
    }

    /// Credentials that are new are tried soon, so that the operator learns at once whether they are good; the token
    /// that the old ones brought serves on.
    fn adopt(&mut self, terms: TokenTerms) {
        self.desk.config = terms.config.clone();
        if self.source.adopt(terms) {
            self.desk.state.credentials_changed(&self.desk.config);
            self.desk.publish();
        }
    }
}

impl Desk {
    /// Answers at once, or keeps the caller waiting for a fetch: then true.
    fn take(&mut self, refused: Option<u64>, reply: Reply) -> bool {
        match self.state.answer(refused, Instant::now()) {
            Answer::Token(token) => _ = reply.send(Ok(token)),
            Answer::Refused(unavailable) => _ = reply.send(Err(unavailable)),
            Answer::Wait => {
                self.rejected |= refused.is_some();
                self.waiting.push(reply);
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
