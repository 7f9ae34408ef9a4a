//! The circuit breaker of one app: a vendor that is dead is not asked again and again, each caller waiting in vain.
//!
//! Closed, it counts failures in a row. So many of them open it, and nobody gets through for a time that doubles, up to
//! a bound, with each opening that follows on a failed probe. When the time is over, one call is let through to probe
//! (half-open): if the vendor answers it, the circuit is closed, otherwise opened anew.

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

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    const CONFIG: BreakerConfig =
        BreakerConfig { failures: 3, pause: Duration::from_secs(1), longest: Duration::from_secs(3) };

    fn breaker() -> Arc<Breaker> {
        Arc::new(Breaker::new(AppKey::parse("meet").unwrap(), CONFIG))
    }

    fn fail(breaker: &Arc<Breaker>) {
        breaker.failed(breaker.enter().unwrap());
    }

    fn open(breaker: &Arc<Breaker>) -> Duration {
        (0..CONFIG.failures).for_each(|_| fail(breaker));
        breaker.enter().unwrap_err()
    }

    #[tokio::test(start_paused = true)]
    async fn failures_in_a_row_open_it_and_a_success_between_them_does_not() {
        let breaker = breaker();
        for _ in 0..10 {
            fail(&breaker);
            fail(&breaker);
            breaker.succeeded(breaker.enter().unwrap());
        }
        assert_eq!((breaker.status().state, breaker.status().openings), (BreakerState::Closed, 0));
        let wait = open(&breaker);
        assert!((500..=1000).contains(&wait.as_millis()), "{wait:?}");
        assert_eq!((breaker.status().state, breaker.status().openings), (BreakerState::Open, 1));
        assert_eq!(breaker.status().probe_in, Some(wait));
    }

    #[tokio::test(start_paused = true)]
    async fn one_probe_at_a_time_decides() {
        let breaker = breaker();
        advance(open(&breaker)).await;
        let probe = breaker.enter().unwrap();
        assert_eq!(breaker.enter().unwrap_err(), WHILE_PROBED);
        assert_eq!(breaker.status().state, BreakerState::HalfOpen);
        breaker.failed(probe);
        assert_eq!((breaker.status().state, breaker.status().openings), (BreakerState::Open, 2));
        advance(breaker.enter().unwrap_err()).await;
        breaker.succeeded(breaker.enter().unwrap());
        assert_eq!(
            breaker.status(),
            BreakerStatus { state: BreakerState::Closed, failures: 0, openings: 2, probe_in: None }
        );
    }

    #[tokio::test(start_paused = true)]
    async fn each_failed_probe_doubles_the_wait_up_to_a_bound() {
        let breaker = breaker();
        let mut wait = open(&breaker);
        for longest in [2000, 3000, 3000, 3000] {
            advance(wait).await;
            fail(&breaker);
            wait = breaker.enter().unwrap_err();
            assert!((longest / 2..=longest).contains(&wait.as_millis()), "{wait:?} of {longest}");
        }
        advance(wait).await;
        breaker.succeeded(breaker.enter().unwrap());
        assert!(open(&breaker) <= CONFIG.pause, "it begins anew");
    }

    #[tokio::test(start_paused = true)]
    async fn a_probe_that_comes_to_no_end_makes_room_for_another() {
        let breaker = breaker();
        advance(open(&breaker)).await;
        for _ in 0..3 {
            drop(breaker.enter().unwrap());
            assert_eq!(breaker.status().openings, 1);
        }
        breaker.succeeded(breaker.enter().unwrap());
        assert_eq!(breaker.status().state, BreakerState::Closed);
    }

    #[tokio::test(start_paused = true)]
    async fn what_began_before_a_change_says_nothing_after_it() {
        let breaker = breaker();
        let [good, bad, late] = [(); 3].map(|()| breaker.enter().unwrap());
        advance(open(&breaker)).await;
        breaker.succeeded(good);
        breaker.failed(bad);
        assert_eq!((breaker.status().state, breaker.status().openings), (BreakerState::Open, 1));
        let probe = breaker.enter().unwrap();
        breaker.succeeded(late);
        assert_eq!(breaker.status().state, BreakerState::HalfOpen);
        breaker.succeeded(probe);
        assert_eq!(breaker.status().state, BreakerState::Closed);
    }

    #[tokio::test(start_paused = true)]
    async fn none_opens_one_that_is_off() {
        let off = BreakerConfig { failures: 0, ..CONFIG };
        let breaker = Arc::new(Breaker::new(AppKey::parse("meet").unwrap(), off));
        (0..100).for_each(|_| fail(&breaker));
        assert_eq!(breaker.status().state, BreakerState::Closed);
    }

    #[tokio::test(start_paused = true)]
    async fn a_reload_leaves_it_as_it_is() {
        let breaker = breaker();
        let wait = open(&breaker);
        let key = AppKey::parse("meet").unwrap();
        assert!(Arc::ptr_eq(&breaker, &breaker.with(&key, CONFIG)));
        let patient = BreakerConfig { failures: 10, ..CONFIG };
        let changed = breaker.with(&key, patient);
        assert_eq!((changed.enter().unwrap_err(), changed.status().openings), (wait, 1));
        advance(wait).await;
        let probe = changed.enter().unwrap();
        let changed = changed.with(&key, CONFIG);
        drop(probe);
        changed.succeeded(changed.enter().unwrap());
        assert_eq!(changed.status().state, BreakerState::Closed);
    }

    #[test]
    fn threads_let_one_probe_through() {
        let config = BreakerConfig { pause: Duration::ZERO, ..CONFIG };
        let breaker = Arc::new(Breaker::new(AppKey::parse("meet").unwrap(), config));
        (0..CONFIG.failures).for_each(|_| fail(&breaker));
        let inside = AtomicU64::new(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for turn in 0..10_000 {
                        let Ok(probe) = breaker.enter() else { continue };
                        assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0, "a second probe");
                        inside.fetch_sub(1, Ordering::SeqCst);
                        if turn % 2 == 0 { breaker.failed(probe) } else { drop(probe) }
                    }
                });
            }
        });
        assert_eq!(breaker.status().state, BreakerState::Open);
    }
}
