use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

/// What one worker has to do at the moment. The worker alone changes it, so that it takes no atomic addition; anybody
/// may read it.
#[derive(Debug, Default)]
pub struct Load {
    in_flight: AtomicUsize,
    lag_us: AtomicU64,
}

impl Load {
    /// Requests that have begun and not ended.
    pub fn in_flight(&self) -> usize {
        self.in_flight.load(Ordering::Relaxed)
    }

    /// How late the worker came lately to what was waiting for it; zero while it has nothing to do.
    pub fn lag(&self) -> Duration {
        Duration::from_micros(self.lag_us.load(Ordering::Relaxed))
    }

    /// A request begins. For the worker's own thread.
    pub fn begin(&self) {
        self.in_flight.store(self.in_flight() + 1, Ordering::Relaxed);
    }

    /// One has ended. For the worker's own thread.
    pub fn end(&self) {
        self.in_flight.store(self.in_flight().saturating_sub(1), Ordering::Relaxed);
    }

    /// As measured.
    pub fn lags(&self, lag: Duration) {
        self.lag_us.store(u64::try_from(lag.as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }
}

/// The load of all workers together.
#[derive(Clone, Debug)]
pub struct Loads(Arc<[Arc<Load>]>);

impl Loads {
    /// Of these workers.
    pub fn of(workers: Vec<Arc<Load>>) -> Self {
        Self(workers.into())
    }

    /// How many workers there are.
    pub fn workers(&self) -> usize {
        self.0.len()
    }

    /// Requests that have begun and not ended.
    pub fn in_flight(&self) -> usize {
        self.0.iter().map(|load| load.in_flight()).sum()
    }

    /// Of the worker that lags most.
    pub fn lag(&self) -> Duration {
        self.0.iter().map(|load| load.lag()).max().unwrap_or_default()
    }
}
