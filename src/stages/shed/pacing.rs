//! When those who are turned away are told so.
//!
//! Saying no costs a part of what serving does: a caller who asks again at once, and thousands do, could keep the
//! worker busy with nothing else. So answers of this kind leave one after the other. Whoever comes alone has his at
//! once.

use std::time::Duration;

use tokio::time::Instant;

/// Between two answers, at least: a small part of the worker's time goes into them.
const GAP: Duration = Duration::from_micros(100);
/// At most, while the worker lags all the same.
const WIDEST: Duration = Duration::from_millis(10);
/// The longest wait.
const LONGEST: Duration = Duration::from_secs(1);
/// Less than this is not worth a timer.
const AT_ONCE: Duration = Duration::from_millis(1);

#[derive(Clone, Copy, Debug)]
pub(super) struct Pacing {
    /// When the next answer may leave.
    free: Option<Instant>,
    gap: Duration,
}

impl Default for Pacing {
    fn default() -> Self {
        Self { free: None, gap: GAP }
    }
}

impl Pacing {
    /// Whether the worker lags although requests are turned away: then it is that which takes too much of its time.
    pub(super) fn measured(self, lags: bool) -> Self {
        let gap = if lags { self.gap * 2 } else { self.gap / 2 };
        Self { gap: gap.clamp(GAP, WIDEST), ..self }
    }

    /// When the answer to a request that arrives `now` leaves; none where that is at once.
    pub(super) fn next(self, now: Instant) -> (Self, Option<Instant>) {
        let turn = self.free.map_or(now, |free| free.clamp(now, now + LONGEST));
        let is_at_once = turn.duration_since(now) < AT_ONCE;
        (Self { free: Some(turn + self.gap), ..self }, (!is_at_once).then_some(turn))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crowd_queues_up_and_who_comes_alone_does_not() {
        let now = Instant::now();
        let mut pacing = Pacing::default();
        let mut turns = Vec::new();
        for _ in 0..20_000 {
            let (after, turn) = pacing.next(now);
            pacing = after;
            turns.push(turn.map_or(Duration::ZERO, |turn| turn.duration_since(now)));
        }
        assert_eq!(turns[0], Duration::ZERO);
        assert_eq!(turns[1000], GAP * 1000);
        assert_eq!(turns[19_999], LONGEST, "nobody waits for longer");
        let later = now + LONGEST * 2;
        assert_eq!(pacing.next(later).1, None);
    }

    #[test]
    fn while_the_worker_lags_all_the_same_they_wait_for_longer() {
        let now = Instant::now();
        let second = |pacing: Pacing| pacing.next(now).0.next(now).1.map(|turn| turn.duration_since(now));
        let lagging = (0..10).fold(Pacing::default(), |pacing, _| pacing.measured(true));
        assert_eq!(second(lagging), Some(WIDEST));
        let recovered = (0..10).fold(lagging, |pacing, _| pacing.measured(false));
        assert_eq!(second(recovered), None);
    }
}
