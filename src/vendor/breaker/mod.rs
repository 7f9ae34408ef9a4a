//! The circuit breaker of one app: a vendor that is dead is not asked again and again, each caller waiting in vain.
//!
//! Closed, it counts failures in a row. So many of them open it, and nobody gets through for a time that doubles, up to
//! a bound, with each opening that follows on a failed probe. When the time is over, one call is let through to probe
//! (half-open): if the vendor answers it, the circuit is closed, otherwise opened anew.

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use super::circuit::{Circuit, Phase};
use crate::domain::AppKey;
use crate::upstream::upper_half;

/// When a vendor is taken for dead, and for how long it is left alone then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BreakerConfig {
    /// So many failures in a row open the circuit; 0: nothing does.
    pub failures: u32,
    /// For how long the first time, at least half of it.
    pub pause: Duration,
    /// For how long at most, however many probes have failed.
    pub longest: Duration,
}

/// What a caller of a closed or half-open circuit must wait for at least, as nobody knows how long a probe takes.
const WHILE_PROBED: Duration = Duration::from_secs(1);

/// Shared by all workers without a lock: all of its state is one number.
#[derive(Debug)]
pub struct Breaker {
    app: AppKey,
    config: BreakerConfig,
    created: Instant,
    circuit: AtomicU64,
    openings: AtomicU64,
}

/// The right to ask the vendor once. How that went is told with [`Breaker::succeeded`] or [`Breaker::failed`]; where it
/// is only dropped, it says nothing, and makes room for another probe if it was one.
#[derive(Debug)]
pub struct Passage {
    /// As it was when the call was let through.
    began: Circuit,
    /// What the probe was for, until it is told about. Calls through a closed circuit share nothing.
    probed: Option<Arc<Breaker>>,
}

/// Whether calls go through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BreakerState {
    /// They do.
    Closed,
    /// None does for a while.
    Open,
    /// One does, to see whether the vendor is there again.
    HalfOpen,
}

impl BreakerState {
    /// Every state.
    pub const ALL: [Self; 3] = [Self::Closed, Self::Open, Self::HalfOpen];

    /// Its name in `/status` and the metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half_open",
        }
    }
}

/// What `/status` and the metrics tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BreakerStatus {
    /// Whether calls go through.
    pub state: BreakerState,
    /// Of a closed circuit: failures since the last success.
    pub failures: u32,
    /// How often it was opened since the start.
    pub openings: u64,
    /// Of an open circuit: when the next call is let through.
    pub probe_in: Option<Duration>,
}

impl Breaker {
    /// A closed circuit; `app` is for the log.
    pub fn new(app: AppKey, config: BreakerConfig) -> Self {
        let circuit = AtomicU64::new(Circuit::CLOSED.into_word());
        Self { app, config, created: Instant::now(), circuit, openings: AtomicU64::new(0) }
    }

    /// The circuit as it stands, by another configuration from now on; calls that are under way then are not counted.
    /// The same one where this is its configuration already.
    pub fn with(self: &Arc<Self>, app: &AppKey, config: BreakerConfig) -> Arc<Self> {
        if (app, config) == (&self.app, self.config) {
            return Arc::clone(self);
        }
        let circuit = match self.circuit() {
            // Its probe will report to this one.
            probed if probed.phase() == Phase::HalfOpen => probed.opened_again(),
            circuit => circuit,
        };
        Arc::new(Self {
            app: app.clone(),
            config,
            created: self.created,
            circuit: AtomicU64::new(circuit.into_word()),
            openings: AtomicU64::new(self.openings.load(Ordering::Relaxed)),
        })
    }

    /// Lets a call through, as a probe where it is time for one; otherwise how long to wait.
    pub fn enter(self: &Arc<Self>) -> Result<Passage, Duration> {
        let mut circuit = self.circuit();
        loop {
            match circuit.phase() {
                Phase::Closed { .. } => return Ok(Passage { began: circuit, probed: None }),
                Phase::HalfOpen => return Err(WHILE_PROBED),
                Phase::Open { until } => {
                    let left = until.saturating_sub(self.created.elapsed());
                    if !left.is_zero() {
                        return Err(left);
                    }
                }
            }
            match self.advance(circuit, circuit.probed()) {
                Ok(began) => {
                    tracing::info!(app = %self.app, "the vendor is probed");
                    return Ok(Passage { began, probed: Some(Arc::clone(self)) });
                }
                Err(now) => circuit = now,
            }
        }
    }

    /// The vendor answered the call.
    pub fn succeeded(&self, mut passage: Passage) {
        passage.probed = None;
        let mut circuit = self.circuit();
        while circuit.is_of_the_time_of(passage.began) && circuit.phase() != (Phase::Closed { failures: 0 }) {
            match self.advance(circuit, circuit.healed()) {
                Ok(_) => {
                    if circuit.phase() == Phase::HalfOpen {
                        tracing::info!(app = %self.app, "the vendor answers again: its circuit is closed");
                    }
                    return;
                }
                Err(now) => circuit = now,
            }
        }
    }

    /// The vendor did not, though it had all the time that is configured.
    pub fn failed(&self, mut passage: Passage) {
        passage.probed = None;
        let mut circuit = self.circuit();
        while self.config.failures > 0 && circuit.is_of_the_time_of(passage.began) {
            let (next, pause) = self.after_failure(circuit);
            match self.advance(circuit, next) {
                Ok(_) => {
                    if let Some(pause) = pause {
                        self.openings.fetch_add(1, Ordering::Relaxed);
                        tracing::warn!(app = %self.app, ?pause, "the vendor does not answer: its circuit is open");
                    }
                    return;
                }
                Err(now) => circuit = now,
            }
        }
    }

    /// What follows, and for how long it is open where it is.
    fn after_failure(&self, circuit: Circuit) -> (Circuit, Option<Duration>) {
        match circuit.phase() {
            Phase::Closed { failures } if failures + 1 < self.config.failures => (circuit.failed(), None),
            _ => {
                let pause = upper_half(circuit.pause(self.config.pause, self.config.longest));
                (circuit.opened(self.created.elapsed() + pause), Some(pause))
            }
        }
    }

    /// As of now.
    pub fn status(&self) -> BreakerStatus {
        let (state, failures, probe_in) = match self.circuit().phase() {
            Phase::Closed { failures } => (BreakerState::Closed, failures, None),
            Phase::Open { until } => {
                (BreakerState::Open, 0, Some(until.saturating_sub(self.created.elapsed())))
            }
            Phase::HalfOpen => (BreakerState::HalfOpen, 0, None),
        };
        BreakerStatus { state, failures, openings: self.openings.load(Ordering::Relaxed), probe_in }
    }

    fn circuit(&self) -> Circuit {
        // Nothing else is published with it, so it needs no ordering.
        Circuit::from_word(self.circuit.load(Ordering::Relaxed))
    }

    /// Moves on from `current`, or says what has taken its place.
    fn advance(&self, current: Circuit, next: Circuit) -> Result<Circuit, Circuit> {
        let (from, to) = (current.into_word(), next.into_word());
        self.circuit
            .compare_exchange(from, to, Ordering::Relaxed, Ordering::Relaxed)
            .map(|_| next)
            .map_err(Circuit::from_word)
    }
}

impl Drop for Passage {
    /// A probe that came to no end: the next call is one.
    fn drop(&mut self) {
        if let Some(breaker) = &self.probed {
            // Nobody but the probe can have moved it on.
            let _ = breaker.advance(self.began, self.began.opened_again());
        }
    }
}
