//! When those who are turned away are told so.
//!
//! Saying no costs a part of what serving does: a caller who asks again at once, and thousands do, could keep the
//! worker busy with nothing else. So answers of this kind leave one after the other. Whoever comes alone has his at
//! once.

use std::time::Duration;

use tokio::time::Instant;

/// Between two answers: a small part of the worker's time goes into them.
const GAP: Duration = Duration::from_micros(100);
/// The longest wait.
const LONGEST: Duration = Duration::from_secs(1);
/// Less than this is not worth a timer.
const AT_ONCE: Duration = Duration::from_millis(1);

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Pacing {
    /// When the next answer may leave.
    free: Option<Instant>,
}

impl Pacing {
    /// When the answer to a request that arrives `now` leaves; none where that is at once.
    pub(super) fn next(self, now: Instant) -> (Self, Option<Instant>) {
        let turn = self.free.map_or(now, |free| free.clamp(now, now + LONGEST));
        let is_at_once = turn.duration_since(now) < AT_ONCE;
        (Self { free: Some(turn + GAP) }, (!is_at_once).then_some(turn))
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
}
