use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::actor::Ask;
use super::state::{Answer, State};
use super::{TokenFault, TokenTerms, TokenUnavailable, VendorToken};

/// An app's token as the workers see it. Cheap to clone.
#[derive(Clone, Debug)]
pub struct TokenHandle {
    published: Arc<ArcSwap<State>>,
    asks: mpsc::Sender<Ask>,
}

/// What `/status` and `/readyz` say about a token.
#[derive(Clone, Debug)]
pub struct TokenStatus {
    /// Whether there is a token that may be sent.
    pub has_token: bool,
    /// Since when, whether or not it may still be sent.
    pub age: Option<Duration>,
    /// For how long it may still be sent.
    pub expires_in: Option<Duration>,
    /// Until the next fetch that nobody has to ask for.
    pub next_fetch_in: Duration,
    /// Fetches begun since the start.
    pub fetches: u64,
    /// Fetches that failed since the last that did not.
    pub failures: u32,
    /// Fetches that failed since the start.
    pub failed_fetches: u64,
    /// Why the last fetch failed, if it did.
    pub last_error: Option<TokenFault>,
}

impl TokenHandle {
    pub(super) fn new(published: Arc<ArcSwap<State>>, asks: mpsc::Sender<Ask>) -> Self {
        Self { published, asks }
    }

    /// The token, unless there is none or it has expired. Takes no lock and asks nobody.
    pub fn current(&self) -> Option<Arc<VendorToken>> {
        self.current_at(Instant::now())
    }

    /// The same, for whoever knows the time.
    pub fn current_at(&self, now: Instant) -> Option<Arc<VendorToken>> {
        self.published.load().usable(now).cloned()
    }

    /// The token, waited for while it is being fetched. Fails at once where no fetch is due: between two
    /// attempts, with the reason of the last.
    pub async fn obtain(&self) -> Result<Arc<VendorToken>, TokenUnavailable> {
        self.ask(None).await
    }

    /// Another token than that of `generation`, which the vendor answered 401 to: at once if there is a newer
    /// one; otherwise the one that a single fetch brings to all who wait. Fails at once where the token is too
    /// new to be replaced. Dropping the future leaves the fetch running.
    pub async fn replace(&self, generation: u64) -> Result<Arc<VendorToken>, TokenUnavailable> {
        self.ask(Some(generation)).await
    }

    /// Has tokens fetched by other terms from now on. The token that is there stays; one for credentials that are new
    /// is fetched as soon as the vendor may be asked again.
    pub async fn change(&self, terms: TokenTerms) {
        // Fails where the actor is gone, which those who ask it for a token notice.
        let _ = self.asks.send(Ask::Change(Box::new(terms))).await;
    }

    /// The present state, without secrets.
    pub fn status(&self) -> TokenStatus {
        let state = self.published.load();
        let now = Instant::now();
        let token = state.token.as_deref();
        TokenStatus {
            has_token: state.usable(now).is_some(),
            age: token.map(|token| now.saturating_duration_since(token.fetched_at)),
            expires_in: token.map(|token| token.usable_until.saturating_duration_since(now)),
            next_fetch_in: state.next_fetch.saturating_duration_since(now),
            fetches: state.fetches,
            failures: state.failures,
            failed_fetches: state.failed_fetches,
            last_error: state.fault.clone(),
        }
    }

    async fn ask(&self, refused: Option<u64>) -> Result<Arc<VendorToken>, TokenUnavailable> {
        let answer = self.published.load().answer(refused, Instant::now());
        match answer {
            Answer::Token(token) => return Ok(token),
            Answer::Refused(unavailable) => return Err(unavailable),
            Answer::Wait => {}
        }
        let (reply, replied) = oneshot::channel();
        if self.asks.send(Ask::Token { refused, reply }).await.is_err() {
            return Err(stopped());
        }
        replied.await.unwrap_or_else(|_| Err(stopped()))
    }
}

fn stopped() -> TokenUnavailable {
    TokenUnavailable { fault: TokenFault::Stopped, retry_after: Duration::from_secs(1) }
}
