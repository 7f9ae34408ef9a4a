use std::time::Duration;

/// The wait before the second attempt.
const FIRST_WAIT: Duration = Duration::from_secs(1);

/// When to fetch again.
#[derive(Clone, Copy, Debug)]
pub(super) struct Schedule {
    interval: Duration,
    failures: u32,
}

impl Schedule {
    /// `interval` is the time between two fetches while all is well, and the longest wait when not.
    pub(super) fn new(interval: Duration) -> Self {
        Self { interval, failures: 0 }
    }

    /// After a success: the interval, give or take 10 %, so that replicas do not ask all at once. `chance` is
    /// random, in 0..1.
    pub(super) fn succeeded(&mut self, chance: f64) -> Duration {
        self.failures = 0;
        self.interval.mul_f64(0.9 + 0.2 * chance)
    }

    /// After a failure: one second, then twice as long each time, up to the interval; give or take 25 %.
    pub(super) fn failed(&mut self, chance: f64) -> Duration {
        let wait = FIRST_WAIT.saturating_mul(2_u32.saturating_pow(self.failures));
        self.failures = self.failures.saturating_add(1);
        wait.min(self.interval).mul_f64(0.75 + 0.5 * chance)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIDDLE: f64 = 0.5;

    #[test]
    fn failures_double_the_wait_up_to_the_interval() {
        let mut schedule = Schedule::new(Duration::from_mins(5));
        let waits: Vec<u64> = (0..40).map(|_| schedule.failed(MIDDLE).as_secs()).collect();
        assert_eq!(waits[..10], [1, 2, 4, 8, 16, 32, 64, 128, 256, 300]);
        assert!(waits[10..].iter().all(|&wait| wait == 300));
        assert_eq!(schedule.succeeded(MIDDLE).as_secs(), 300);
        assert_eq!(schedule.failed(MIDDLE).as_secs(), 1);
    }

    #[test]
    fn jitter_stays_within_its_bounds() {
        let mut schedule = Schedule::new(Duration::from_secs(100));
        assert_eq!(schedule.succeeded(0.0).as_secs(), 90);
        assert_eq!(schedule.succeeded(1.0).as_secs(), 110);
    }
}
