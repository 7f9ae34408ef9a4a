use std::fmt;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use governor::RateLimiter;
use governor::clock::Clock;
use governor::middleware::StateInformationMiddleware;
use governor::state::{InMemoryState, NotKeyed};

use super::Quota;
use super::clock::TokioClock;

/// One bucket that keeps a [`Quota`] by GCRA: a single atomic number, shared by every CPU and locked by none.
pub struct Limiter {
    quota: Quota,
    bucket: RateLimiter<NotKeyed, InMemoryState, TokioClock, StateInformationMiddleware>,
}

/// A request within its quota, already counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// Requests that would be allowed right after this one.
    pub remaining: u32,
    /// Within this time, one request more than `remaining` is allowed.
    pub reset: Duration,
}

/// A request over its quota, which did not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Denied {
    /// Until the next request is allowed, if nobody else takes it. Waiting exactly so long is enough.
    pub wait: Duration,
}

impl Limiter {
    /// A full bucket.
    pub fn new(quota: Quota) -> Self {
        let bucket = RateLimiter::new(quota.bucket(), InMemoryState::default(), TokioClock::new());
        Self { quota, bucket }
    }

    /// A bucket for another quota that holds what this one does, as far as it has room: a limit that changes gives
    /// nobody a fresh burst, and takes back no more than the new burst cannot hold. What callers take from this one
    /// from now on does not count. The same bucket where it is for this quota already.
    pub fn with(self: &Arc<Self>, quota: Quota) -> Arc<Self> {
        if quota == self.quota {
            return Arc::clone(self);
        }
        let changed = Self::new(quota);
        let missing = quota.burst().get().saturating_sub(self.remaining());
        if let Some(missing) = NonZeroU32::new(missing) {
            // A full bucket has as much as its burst, so this is within it.
            let _ = changed.bucket.check_n(missing);
        }
        Arc::new(changed)
    }

    /// Requests that would be allowed now. Governor can be asked only by taking, so it is one less after.
    fn remaining(&self) -> u32 {
        self.bucket.check().map_or(0, |state| state.remaining_burst_capacity() + 1)
    }

    /// Takes one request out of the bucket, or says when there will be one.
    pub fn check(&self) -> Result<Allowance, Denied> {
        match self.bucket.check() {
            Ok(state) => {
                Ok(Allowance { remaining: state.remaining_burst_capacity(), reset: self.quota.interval() })
            }
            Err(until) => Err(Denied { wait: until.wait_time_from(self.bucket.clock().now()) }),
        }
    }

    /// The quota that the bucket was made for.
    pub fn quota(&self) -> &Quota {
        &self.quota
    }

    /// Empties the bucket if it was full to the brim. To forget a full bucket costs nothing: a new one would be
    /// full too. Governor can be asked only by taking, so a bucket that was full is no longer.
    pub(super) fn drain_if_full(&self) -> bool {
        matches!(self.bucket.check_n(self.quota.burst()), Ok(Ok(_)))
    }
}

impl fmt::Debug for Limiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Limiter").field("quota", &self.quota).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tokio::time::advance;

    use super::*;

    fn limiter(rate: u32, per: Duration, burst: u32) -> Limiter {
        Limiter::new(Quota::new(rate.try_into().unwrap(), per, burst.try_into().unwrap()).unwrap())
    }

    #[tokio::test(start_paused = true)]
    async fn a_burst_is_allowed_and_counted_down() {
        let limiter = limiter(20, Duration::from_secs(1), 3);
        let remaining: Vec<u32> = (0..3).map(|_| limiter.check().unwrap().remaining).collect();
        assert_eq!(remaining, [2, 1, 0]);
        let wait = Duration::from_millis(50);
        assert_eq!(limiter.check(), Err(Denied { wait }));
        assert_eq!(limiter.check(), Err(Denied { wait }), "a refused request does not count");
    }

    #[tokio::test(start_paused = true)]
    async fn waiting_as_told_is_enough_and_less_is_not() {
        let limiter = limiter(3, Duration::from_secs(1), 2);
        while limiter.check().is_ok() {}
        for _ in 0..10 {
            advance(Duration::from_millis(7)).await;
            let Denied { wait } = limiter.check().unwrap_err();
            advance(wait.checked_sub(Duration::from_nanos(1)).unwrap()).await;
            assert_eq!(limiter.check().unwrap_err().wait, Duration::from_nanos(1));
            advance(Duration::from_nanos(1)).await;
            assert_eq!(limiter.check().unwrap().remaining, 0);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn within_reset_there_is_one_more() {
        let limiter = limiter(7, Duration::from_secs(1), 5);
        advance(Duration::from_millis(3)).await;
        limiter.check().unwrap();
        let Allowance { remaining, reset } = limiter.check().unwrap();
        advance(reset).await;
        assert_eq!(limiter.check().unwrap().remaining, remaining);
    }

    #[tokio::test(start_paused = true)]
    async fn only_a_full_bucket_is_drained() {
        let limiter = limiter(10, Duration::from_secs(1), 4);
        limiter.check().unwrap();
        assert!(!limiter.drain_if_full());
        assert_eq!(limiter.check().unwrap().remaining, 2, "asking took nothing");
        advance(Duration::from_millis(200)).await;
        assert!(limiter.drain_if_full());
        assert!(limiter.check().is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn a_changed_quota_gives_no_fresh_burst() {
        let second = Duration::from_secs(1);
        let spent = Arc::new(limiter(1, second, 4));
        while spent.check().is_ok() {}
        let wider = spent.with(*limiter(2, second, 100).quota());
        assert_eq!(wider.check(), Err(Denied { wait: second / 2 }), "it fills by the new rate");
        advance(second).await;
        assert_eq!(wider.check().unwrap().remaining, 1);

        let half = Arc::new(limiter(1, second, 4));
        half.check().unwrap();
        half.check().unwrap();
        assert_eq!(half.with(*limiter(1, second, 100).quota()).check().unwrap().remaining, 1);
        let narrower = Arc::new(limiter(1, second, 4)).with(*limiter(1, second, 2).quota());
        assert_eq!(narrower.check().unwrap().remaining, 1, "as much as it has room for");
    }

    #[test]
    fn every_cpu_draws_on_the_same_bucket() {
        let limiter = limiter(1, Duration::from_hours(1), 100);
        let allowed: usize = std::thread::scope(|scope| {
            let draw = || (0..100).filter(|_| limiter.check().is_ok()).count();
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(draw)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert_eq!(allowed, 100);
    }

    proptest! {
        #[test]
        fn no_more_than_burst_and_rate_are_ever_allowed(
            rate in 1_u32..1000,
            burst in 1_u32..50,
            pauses in prop::collection::vec(0_u64..20, 1..200),
        ) {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build()?;
            runtime.block_on(async {
                let limiter = limiter(rate, Duration::from_secs(1), burst);
                let (mut allowed, mut elapsed) = (0_u64, Duration::ZERO);
                for pause in pauses {
                    let pause = Duration::from_millis(pause);
                    advance(pause).await;
                    elapsed += pause;
                    allowed += u64::from(limiter.check().is_ok());
                    let interval = limiter.quota().interval();
                    let refilled = elapsed.as_nanos() / interval.as_nanos();
                    assert!(u128::from(allowed) <= u128::from(burst) + refilled);
                }
            });
        }
    }
}
