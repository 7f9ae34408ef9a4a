use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::source::{Failure, Grant};
use super::{TokenConfig, TokenFault, TokenUnavailable, VendorToken};
use crate::upstream::{give_or_take, upper_half};

/// All that is known about an app's token: what the actor decides by, and what it publishes.
#[derive(Clone, Debug)]
pub(super) struct State {
    pub(super) token: Option<Arc<VendorToken>>,
    pub(super) fetching: bool,
    /// When the actor fetches by itself; never before `not_before`.
    pub(super) next_fetch: Instant,
    /// When the last fetch ended.
    ended: Instant,
    /// Until then nothing makes the actor fetch.
    pub(super) not_before: Instant,
    /// Until then a 401 on the current token does not make it fetch.
    pub(super) replaceable_from: Instant,
    /// What went wrong with the last fetch, if anything did.
    pub(super) fault: Option<TokenFault>,
    /// Fetches begun.
    pub(super) fetches: u64,
    /// Fetches that failed since the last that did not.
    pub(super) failures: u32,
    /// Fetches that failed since the start.
    pub(super) failed_fetches: u64,
    /// Tokens in a row that were refused while they were young.
    rejections: u32,
}

/// What a caller who wants a token gets.
#[derive(Debug)]
pub(super) enum Answer {
    Token(Arc<VendorToken>),
    /// A fetch is running, or is due as soon as somebody asks.
    Wait,
    Refused(TokenUnavailable),
}

impl State {
    /// Before the first fetch, which the actor begins with.
    pub(super) fn starting(now: Instant) -> Self {
        Self {
            token: None,
            fetching: true,
            next_fetch: now,
            ended: now,
            not_before: now,
            replaceable_from: now,
            fault: Some(TokenFault::Starting),
            fetches: 0,
            failures: 0,
            failed_fetches: 0,
            rejections: 0,
        }
    }

    /// The token, unless it has expired.
    pub(super) fn usable(&self, now: Instant) -> Option<&Arc<VendorToken>> {
        self.token.as_ref().filter(|token| token.is_usable(now))
    }

    /// `refused` is the generation that the vendor answered 401 to, if that is why the caller asks. It is
    /// compared, so that a late 401 to an old token leaves the present one alone.
    pub(super) fn answer(&self, refused: Option<u64>, now: Instant) -> Answer {
        let usable = self.usable(now);
        if let Some(token) = usable.filter(|token| refused.is_none_or(|refused| token.generation > refused)) {
            return Answer::Token(Arc::clone(token));
        }
        if self.fetching {
            return Answer::Wait;
        }
        let from = match usable {
            Some(_) => self.not_before.max(self.replaceable_from),
            None => self.not_before,
        };
        if from <= now {
            return Answer::Wait;
        }
        Answer::Refused(TokenUnavailable { fault: self.fault_of(usable.is_some()), retry_after: from - now })
    }

    /// What those get who waited for a fetch that has ended.
    pub(super) fn outcome(&self, now: Instant) -> Result<Arc<VendorToken>, TokenUnavailable> {
        match (self.usable(now), &self.fault) {
            (Some(token), None) => Ok(Arc::clone(token)),
            (token, _) => Err(TokenUnavailable {
                fault: self.fault_of(token.is_some()),
                retry_after: self.not_before.saturating_duration_since(now),
            }),
        }
    }

    fn fault_of(&self, usable: bool) -> TokenFault {
        let by_itself = if usable { TokenFault::JustRenewed } else { TokenFault::Expired };
        self.fault.clone().unwrap_or(by_itself)
    }

    /// A fetch begins.
    pub(super) fn begin(&mut self) {
        self.fetching = true;
        self.fetches += 1;
    }

    /// A fetch that began at `begun` brought a token. Its life counts from then: by the vendor's clock it began
    /// later, so that here it ends too early, and never too late.
    pub(super) fn granted(&mut self, grant: Grant, begun: Instant, rejected: bool, config: &TokenConfig) {
        let now = Instant::now();
        self.rejections = self.rejections_after(rejected, now, config);
        let margin = config.expiry_margin.min(grant.life / 10);
        self.token = Some(Arc::new(VendorToken {
            generation: self.token.as_ref().map_or(0, |token| token.generation) + 1,
            authorization: grant.authorization,
            fetched_at: now,
            usable_until: begun + grant.life.saturating_sub(margin),
        }));
        self.fetching = false;
        self.ended = now;
        self.fault = None;
        self.failures = 0;
        self.not_before = now + config.min_interval;
        self.replaceable_from = now + backoff(self.rejections, config);
        let refresh = give_or_take(grant.life.mul_f64(config.refresh_at.clamp(0.01, 0.9)));
        self.next_fetch = self.not_before.max(begun + refresh);
    }

    /// A fetch failed. The token there is stays in service until it expires.
    pub(super) fn failed(&mut self, failure: Failure, config: &TokenConfig) {
        self.fetching = false;
        self.ended = Instant::now();
        self.failures = self.failures.saturating_add(1);
        self.failed_fetches += 1;
        let steps = if failure.fault.is_permanent() { u32::MAX } else { self.failures };
        let asked = failure.retry_after.unwrap_or_default().min(config.max_backoff);
        self.not_before = self.ended + backoff(steps, config).max(asked);
        self.next_fetch = self.not_before;
        self.fault = Some(failure.fault);
    }

    /// The credentials are others than the last fetch was made with: the next is due, and how the old ones were refused
    /// says nothing about it. The vendor is not asked sooner for that than it may be asked at all.
    pub(super) fn credentials_changed(&mut self, config: &TokenConfig) {
        if self.fault.as_ref().is_some_and(TokenFault::is_permanent) {
            self.not_before = self.ended + config.min_interval;
        }
        self.next_fetch = self.not_before.max(Instant::now());
    }

    /// A token that served for longer than any back-off was good; one that was refused sooner may be refused
    /// for a reason that no new token cures.
    fn rejections_after(&self, rejected: bool, now: Instant, config: &TokenConfig) -> u32 {
        let age = |token: &Arc<VendorToken>| now.saturating_duration_since(token.fetched_at);
        let was_young = |token| age(token) < 2 * config.max_backoff;
        if self.token.as_ref().is_some_and(was_young) {
            self.rejections.saturating_add(u32::from(rejected))
        } else {
            0
        }
    }
}

/// `min_interval` after 0 steps. Each step doubles the bound, up to `max_backoff`; the wait is random within
/// its upper half, and never under `min_interval`.
fn backoff(steps: u32, config: &TokenConfig) -> Duration {
    if steps == 0 {
        return config.min_interval;
    }
    let factor = 1_u32.checked_shl(steps).filter(|factor| *factor != 0);
    let bound = factor.and_then(|factor| config.min_interval.checked_mul(factor));
    let bound = bound.unwrap_or(config.max_backoff).min(config.max_backoff);
    upper_half(bound).max(config.min_interval)
}
