use std::time::Duration;

use crate::upstream::upper_half;

/// The wait after the first failed attempt, and the least one.
const FIRST: Duration = Duration::from_millis(250);

/// The longest wait that a receiver can ask for.
const LONGEST_ASKED: Duration = Duration::from_hours(1);

/// How long to wait after failed attempts: twice as long each time, with jitter, up to a limit.
#[derive(Debug)]
pub(super) struct Backoff {
    next: Duration,
    max: Duration,
}

impl Backoff {
    /// No failure so far.
    pub(super) fn new(max: Duration) -> Self {
        Self { next: FIRST.min(max), max }
    }

    /// The wait after one more failure. What the receiver asks for counts instead, within reason.
    pub(super) fn wait(&mut self, asked: Option<Duration>) -> Duration {
        let wait = upper_half(self.next);
        self.next = self.next.saturating_mul(2).min(self.max);
        asked.map_or(wait, |asked| asked.clamp(FIRST, LONGEST_ASKED))
    }

    /// An attempt went well.
    pub(super) fn reset(&mut self) {
        *self = Self::new(self.max);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_waits_twice_as_long_each_time_up_to_the_limit() {
        let mut backoff = Backoff::new(Duration::from_secs(3));
        for millis in [250, 500, 1000, 2000, 3000, 3000] {
            let (wait, most) = (backoff.wait(None), Duration::from_millis(millis));
            assert!((most / 2..=most).contains(&wait), "{wait:?} of {most:?}");
        }
        backoff.reset();
        assert!(backoff.wait(None) <= FIRST);
    }

    #[test]
    fn what_the_receiver_asks_for_counts_within_reason() {
        let mut backoff = Backoff::new(Duration::from_secs(3));
        for (asked, wait) in [(0, 0.25), (7, 7.0), (86_400, 3600.0)] {
            let waited = backoff.wait(Some(Duration::from_secs(asked)));
            assert_eq!(waited, Duration::from_secs_f64(wait));
        }
    }
}
