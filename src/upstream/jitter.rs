use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

/// Something from 0 up to 1. Spreads load, guards nothing: the seed of a hash table is random enough.
pub fn fraction() -> f64 {
    let bits = u32::try_from(RandomState::new().hash_one(()) >> 32).unwrap_or_default();
    f64::from(bits) / (f64::from(u32::MAX) + 1.0)
}

/// From half of `wait` up to `wait`.
pub fn upper_half(wait: Duration) -> Duration {
    wait.mul_f64(0.5 + 0.5 * fraction())
}

/// `wait`, give or take a tenth.
pub fn give_or_take(wait: Duration) -> Duration {
    wait.mul_f64(0.9 + 0.2 * fraction())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jitter_stays_within_its_bounds_and_varies() {
        let wait = Duration::from_secs(100);
        let halves: Vec<_> = (0..100).map(|_| upper_half(wait)).collect();
        let tenths: Vec<_> = (0..100).map(|_| give_or_take(wait)).collect();
        assert!(halves.iter().all(|w| (50..=100).contains(&w.as_secs())));
        assert!(tenths.iter().all(|w| (90..=110).contains(&w.as_secs())));
        assert!((0..1000).map(|_| fraction()).all(|part| (0.0..1.0).contains(&part)));
        assert!(halves.iter().any(|w| *w != halves[0]));
    }
}
