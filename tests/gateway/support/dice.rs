//! Chance that can be repeated.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::support::issuer::unix_now;

/// Numbers by chance (`SplitMix64`), the same for the same seed.
pub(crate) struct Dice(AtomicU64);

impl Dice {
    /// From `CONFGATE_TEST_SEED`, or another each second. The seed is printed, which a test that fails shows.
    pub(crate) fn new() -> Self {
        let given = std::env::var("CONFGATE_TEST_SEED").ok().map(|seed| seed.parse().expect("a number"));
        let seed = given.unwrap_or_else(|| unix_now().cast_unsigned());
        println!("CONFGATE_TEST_SEED={seed} repeats this");
        Self::seeded(seed)
    }

    pub(crate) fn seeded(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }

    pub(crate) fn number(&self) -> u64 {
        const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
        let mut z = self.0.fetch_add(STEP, Ordering::Relaxed).wrapping_add(STEP);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Less than `end`.
    pub(crate) fn below(&self, end: u64) -> u64 {
        self.number() % end
    }

    /// A time between these, in milliseconds.
    pub(crate) fn millis(&self, from: u64, to: u64) -> Duration {
        Duration::from_micros(from * 1000 + self.below((to - from) * 1000))
    }
}
