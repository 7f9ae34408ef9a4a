//! Who may do how much: rates by GCRA, requests in flight, and the header fields that tell the caller.
//!
//! A [`Limiter`] is one bucket: a tenant's, a user's or an app's. [`UserLimiters`] hands out the users' buckets of
//! one tenant, [`AddressGuard`] counts bad tokens by address, [`ConnectionsByAddress`] connections, [`InFlight`]
//! what has begun and not ended, and [`Load`] tells what a worker has to do.

mod addresses;
mod clock;
mod connections;
pub mod headers;
mod in_flight;
mod limiter;
mod load;
mod quota;
mod users;
mod vouched;

pub use addresses::{AddressGuard, Origin};
pub use connections::{ConnectionsByAddress, Place};
pub use in_flight::{InFlight, InFlightGuard};
pub use limiter::{Allowance, Denied, Limiter};
pub use load::{Load, Loads};
pub use quota::{InvalidQuota, Quota};
pub use users::UserLimiters;

use std::time::Duration;

/// `wait` in whole seconds, for `Retry-After` and the like: rounded up, so that waiting as told is long enough, and
/// at least 1, so that nobody is told to try again at once.
pub fn whole_seconds(wait: Duration) -> u64 {
    let part = u64::from(wait.subsec_nanos() > 0);
    wait.as_secs().saturating_add(part).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_rounded_up_and_never_none() {
        let cases = [(0, 1), (1, 1), (999, 1), (1000, 1), (1001, 2), (2000, 2)];
        for (millis, seconds) in cases {
            assert_eq!(whole_seconds(Duration::from_millis(millis)), seconds, "{millis} ms");
        }
        assert_eq!(whole_seconds(Duration::MAX), u64::MAX);
    }
}
