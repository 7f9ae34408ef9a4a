use std::num::NonZeroU32;
use std::time::Duration;

/// How much is allowed: `rate` requests in each `per` in the long run, and up to `burst` at once.
///
/// Requests come back one by one, each after `per / rate` (GCRA, the leaky bucket as a meter), not all at the end
/// of a window. The `per / rate` is cut to whole nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    rate: NonZeroU32,
    per: Duration,
    burst: NonZeroU32,
    bucket: governor::Quota,
}

/// A quota that cannot be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidQuota {
    /// `per` is not in its range.
    #[error("`per` must be 1 ms to 24 h")]
    Per,
    /// More requests in `per` than it has nanoseconds.
    #[error("`rate` must be at most one request per nanosecond")]
    Rate,
    /// An empty bucket would take too long to fill.
    #[error("`burst` must come back within 31 days at this rate")]
    Burst,
}

const PER_MIN: Duration = Duration::from_millis(1);
const PER_MAX: Duration = Duration::from_hours(24);
const REFILL_MAX: Duration = Duration::from_hours(31 * 24);

impl Quota {
    /// A quota of `rate` requests in each `per` (1 ms to 24 h), with up to `burst` at once.
    pub fn new(rate: NonZeroU32, per: Duration, burst: NonZeroU32) -> Result<Self, InvalidQuota> {
        if !(PER_MIN..=PER_MAX).contains(&per) {
            return Err(InvalidQuota::Per);
        }
        let bucket = governor::Quota::with_period(per / rate.get()).ok_or(InvalidQuota::Rate)?;
        let refill = bucket.replenish_interval().checked_mul(burst.get());
        if refill.is_none_or(|refill| refill > REFILL_MAX) {
            return Err(InvalidQuota::Burst);
        }
        Ok(Self { rate, per, burst, bucket: bucket.allow_burst(burst) })
    }

    /// Requests in each [`per`](Self::per), in the long run.
    pub fn rate(&self) -> NonZeroU32 {
        self.rate
    }

    /// The time that [`rate`](Self::rate) counts in.
    pub fn per(&self) -> Duration {
        self.per
    }

    /// The same in each second.
    pub fn per_second(&self) -> f64 {
        f64::from(self.rate.get()) / self.per.as_secs_f64()
    }

    /// Requests at once, after a pause of at least [`refill`](Self::refill).
    pub fn burst(&self) -> NonZeroU32 {
        self.burst
    }

    /// The time until one request more is allowed.
    pub fn interval(&self) -> Duration {
        self.bucket.replenish_interval()
    }

    /// The time until the whole burst is allowed again after it was used up.
    pub fn refill(&self) -> Duration {
        self.bucket.burst_size_replenished_in()
    }

    pub(super) fn bucket(&self) -> governor::Quota {
        self.bucket
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quota(rate: u32, per: Duration, burst: u32) -> Result<Quota, InvalidQuota> {
        Quota::new(rate.try_into().unwrap(), per, burst.try_into().unwrap())
    }

    #[test]
    fn a_quota_knows_its_times() {
        let quota = quota(20, Duration::from_secs(1), 40).unwrap();
        assert_eq!(quota.interval(), Duration::from_millis(50));
        assert_eq!(quota.refill(), Duration::from_secs(2));
    }

    #[test]
    fn what_cannot_be_kept_is_refused() {
        let second = Duration::from_secs(1);
        assert_eq!(quota(1, Duration::ZERO, 1), Err(InvalidQuota::Per));
        assert_eq!(quota(1, second * 86_401, 1), Err(InvalidQuota::Per));
        assert_eq!(quota(2_000_000_000, second, 1), Err(InvalidQuota::Rate));
        assert_eq!(quota(1, PER_MAX, 32), Err(InvalidQuota::Burst));
        assert_eq!(quota(1, PER_MAX, u32::MAX), Err(InvalidQuota::Burst));
        assert!(quota(1, PER_MAX, 31).is_ok());
        assert!(quota(1_000_000, PER_MIN, u32::MAX).is_ok());
    }
}
