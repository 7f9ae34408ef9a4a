//! How much of what arrives is turned away because the worker lags behind.
//!
//! A timer that comes late has waited behind everything else that was ready, and so does every request. One late timer
//! is a hiccup, of the machine or of one long piece of work. When they stay late, work arrives faster than it is done
//! (a standing queue, as RFC 8289 has it). Then a share of the requests is turned away that grows with the lag and the
//! time for which it stands, and shrinks as soon as it is gone.

use std::time::Duration;

/// Between two measurements.
pub(super) const INTERVAL: Duration = Duration::from_millis(10);
/// For so long the lag stands before it is more than a hiccup; two measurements at least.
const STANDING: Duration = Duration::from_millis(100);
/// What is added to the share in a second in which the worker is late by twice the bound.
const GAIN: f32 = 2.0;
/// How far beyond the bound it makes a difference.
const FARTHEST: f32 = 4.0;
/// How long the share takes to fall by half.
const HALF_LIFE: f32 = 0.3;
/// Somebody is let in always, or nobody would notice that all is well again.
const MOST: f32 = 0.95;

#[derive(Debug, Default)]
pub(super) struct Pressure {
    /// How long it has been late; none where the last measurement was not.
    standing: Option<Duration>,
    share: f32,
    /// What is left of the share of those before.
    owed: f32,
}

impl Pressure {
    /// Takes a measurement. Returns whether the lag stands.
    pub(super) fn measured(&mut self, lag: Duration, bound: Duration) -> bool {
        // Measurements are as far apart as they are late.
        let passed = INTERVAL + lag;
        if lag <= bound {
            self.standing = None;
            self.share *= (-passed.as_secs_f32() / HALF_LIFE).exp2();
            return false;
        }
        let Some(before) = self.standing else {
            self.standing = Some(Duration::ZERO);
            return false;
        };
        let standing = before + passed;
        self.standing = Some(standing);
        if standing >= STANDING {
            let excess = lag.div_duration_f32(bound).min(FARTHEST) - 1.0;
            self.share = (self.share + GAIN * excess * passed.as_secs_f32()).min(MOST);
        }
        standing >= STANDING
    }

    /// Whether the next request is one of the share. They are spread evenly.
    pub(super) fn sheds(&mut self) -> bool {
        // What has fallen to this is nothing.
        if self.share < 0.01 {
            self.owed = 0.0;
            return false;
        }
        self.owed += self.share;
        let sheds = self.owed >= 1.0;
        if sheds {
            self.owed -= 1.0;
        }
        sheds
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUND: Duration = Duration::from_millis(50);

    /// How many of a thousand requests are turned away.
    fn shed(pressure: &mut Pressure) -> usize {
        (0..1000).filter(|_| pressure.sheds()).count()
    }

    #[test]
    fn a_hiccup_turns_nobody_away() {
        let mut pressure = Pressure::default();
        for _ in 0..100 {
            pressure.measured(Duration::from_secs(2), BOUND);
            pressure.measured(BOUND, BOUND);
            pressure.measured(BOUND * 2, BOUND);
            pressure.measured(BOUND + INTERVAL, BOUND);
            pressure.measured(Duration::ZERO, BOUND);
            assert_eq!(shed(&mut pressure), 0);
        }
    }

    #[test]
    fn what_stands_turns_away_more_and_more_but_never_all() {
        let mut pressure = Pressure::default();
        let mut before = 0;
        for turn in 0..50 {
            pressure.measured(BOUND * 2, BOUND);
            let now = shed(&mut pressure);
            // What is owed from the turn before makes one more or less.
            assert!(now + 1 >= before && (turn < 1) == (now == 0), "{now} after {before}");
            before = now;
        }
        assert!((945..=951).contains(&before), "{before}");
    }

    #[test]
    fn a_long_queue_is_seen_at_once() {
        let mut pressure = Pressure::default();
        pressure.measured(Duration::from_secs(1), BOUND);
        pressure.measured(Duration::from_secs(1), BOUND);
        assert!(shed(&mut pressure) >= 945);
    }

    #[test]
    fn when_the_lag_is_gone_so_is_the_shedding() {
        let mut pressure = Pressure::default();
        (0..50).for_each(|_| _ = pressure.measured(BOUND * 2, BOUND));
        let before = shed(&mut pressure);
        pressure.measured(BOUND, BOUND);
        assert!(shed(&mut pressure) < before);
        // Two seconds of it.
        (0..200).for_each(|_| _ = pressure.measured(Duration::ZERO, BOUND));
        assert_eq!(shed(&mut pressure), 0);
    }
}
