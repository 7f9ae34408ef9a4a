use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use crate::trail::record::whole_micros;

/// Whether records reach the disk, as atomics that the thread writes and every request reads.
#[derive(Debug)]
pub(super) struct Health {
    writable: AtomicBool,
    /// When the thread began to wait for the disk, in microseconds since `epoch` and at least 1; 0 while it does not.
    /// A disk that hangs reports no failure: this is all that tells.
    busy_since: AtomicU64,
    epoch: Instant,
    /// How long the disk may take.
    stall_timeout: Duration,
}

impl Health {
    pub(super) fn new(stall_timeout: Duration) -> Self {
        Self {
            writable: AtomicBool::new(false),
            busy_since: AtomicU64::new(0),
            epoch: Instant::now(),
            stall_timeout,
        }
    }

    pub(super) fn set_writable(&self, writable: bool) {
        self.writable.store(writable, Ordering::Release);
    }

    pub(super) fn is_writable(&self) -> bool {
        self.writable.load(Ordering::Acquire) && self.stalled_for().is_none()
    }

    /// How long the disk has not answered, if that is too long.
    pub(super) fn stalled_for(&self) -> Option<Duration> {
        match self.busy_since.load(Ordering::Relaxed) {
            0 => None,
            since => Some(self.since(since)).filter(|waited| *waited >= self.stall_timeout),
        }
    }

    /// The thread begins to wait for the disk.
    pub(super) fn begin(&self) {
        self.busy_since.store(whole_micros(self.epoch.elapsed()).max(1), Ordering::Relaxed);
    }

    /// How long it has waited.
    pub(super) fn took(&self) -> Duration {
        self.since(self.busy_since.load(Ordering::Relaxed))
    }

    /// It waits no more. Returns how long it did, if that was too long.
    pub(super) fn end(&self) -> Option<Duration> {
        let stalled = self.stalled_for();
        self.busy_since.store(0, Ordering::Relaxed);
        stalled
    }

    fn since(&self, micros: u64) -> Duration {
        self.epoch.elapsed().saturating_sub(Duration::from_micros(micros))
    }
}
