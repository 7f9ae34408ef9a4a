use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;

use super::{Denied, Quota};

/// Independent parts of the table, so that workers seldom meet.
const SHARDS: usize = 16;
/// How many are compared to find one to forget.
const SAMPLE: usize = 16;

/// Counts bad tokens by address, and turns an address away that sent too many, before its next signature is checked.
///
/// Only failures count, so a good token costs nothing. A burst of failures is free; after it the address waits for
/// the quota's interval, and each further failure costs one more. A blocked address is blocked for all behind it,
/// whose tokens are not yet known.
///
/// IPv4 counts by address, IPv6 by /64, which is what one subscriber has (RFC 6177, section 2). At most `capacity`
/// addresses are remembered; beyond that, the one with the fewest failures out of a few is forgotten, so that somebody
/// with many addresses can neither have the blocked ones forgotten first nor have strangers turned away.
#[derive(Debug)]
pub struct AddressGuard {
    quota: Quota,
    capacity: usize,
    hasher: RandomState,
    shards: [Mutex<Failures>; SHARDS],
}

/// When each address will have all of its burst again: GCRA's theoretical arrival time. Kept here by hand, as
/// governor's buckets cannot be looked at without taking from them.
type Failures = HashMap<Origin, Instant>;

/// Whom an address belongs to, as far as it tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Origin {
    /// The address.
    V4(u32),
    /// The /64, which is what one subscriber has.
    V6(u64),
}

impl AddressGuard {
    /// An empty table. `capacity` addresses are rounded up to a multiple of 16.
    pub fn new(quota: Quota, capacity: NonZeroUsize) -> Self {
        Self {
            quota,
            capacity: capacity.get().div_ceil(SHARDS),
            hasher: RandomState::new(),
            shards: std::array::from_fn(|_| Mutex::default()),
        }
    }

    /// A table for another quota or capacity that remembers the same addresses. Those that are blocked stay so for as
    /// long as they were to be, or for as long as the new quota blocks anybody. The same table where it is for these
    /// already.
    pub fn with(self: &Arc<Self>, quota: Quota, capacity: NonZeroUsize) -> Arc<Self> {
        let capacity = capacity.get().div_ceil(SHARDS);
        if (quota, capacity) == (self.quota, self.capacity) {
            return Arc::clone(self);
        }
        let latest = Instant::now() + quota.refill();
        let shard = |shard: &Mutex<Failures>| {
            let known = lock(shard);
            let kept = known.iter().map(|(origin, full_at)| (*origin, (*full_at).min(latest)));
            Mutex::new(kept.take(capacity).collect())
        };
        let shards = self.shards.each_ref().map(shard);
        Arc::new(Self { quota, capacity, hasher: self.hasher.clone(), shards })
    }

    /// Whether a token from `address` may be looked at: ask before its signature is checked. Counts nothing.
    pub fn check(&self, address: IpAddr) -> Result<(), Denied> {
        let origin = Origin::from(address);
        let Some(full_at) = self.shard(origin).get(&origin).copied() else {
            return Ok(());
        };
        let wait = full_at
            .saturating_duration_since(Instant::now())
            .saturating_sub(self.quota.refill().saturating_sub(self.quota.interval()));
        if wait.is_zero() { Ok(()) } else { Err(Denied { wait }) }
    }

    /// Counts a token from `address` that was not good.
    pub fn failed(&self, address: IpAddr) {
        let origin = Origin::from(address);
        let now = Instant::now();
        let mut failures = self.shard(origin);
        if failures.len() >= self.capacity && !failures.contains_key(&origin) {
            forget_one(&mut failures);
        }
        let full_at = failures.entry(origin).or_insert(now);
        // Those already under way when the burst ends do not add to the wait.
        *full_at = ((*full_at).max(now) + self.quota.interval()).min(now + self.quota.refill());
    }

    fn shard(&self, origin: Origin) -> MutexGuard<'_, Failures> {
        let hash = self.hasher.hash_one(origin);
        #[expect(clippy::cast_possible_truncation, reason = "any bits will do")]
        #[expect(clippy::indexing_slicing, reason = "the remainder is below the length")]
        let shard = &self.shards[hash as usize % SHARDS];
        lock(shard)
    }
}

/// A panic elsewhere leaves nothing half done here.
fn lock(shard: &Mutex<Failures>) -> MutexGuard<'_, Failures> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Out of a few, forgets the one that will be full again first.
fn forget_one(failures: &mut Failures) {
    let few = failures.iter().take(SAMPLE);
    if let Some(origin) = few.min_by_key(|(_, full_at)| **full_at).map(|(origin, _)| *origin) {
        failures.remove(&origin);
    }
}

impl From<IpAddr> for Origin {
    fn from(address: IpAddr) -> Self {
        // An IPv4 address is the same behind an IPv6 socket (RFC 4291, section 2.5.5.2).
        match address.to_canonical() {
            IpAddr::V4(v4) => Self::V4(v4.to_bits()),
            IpAddr::V6(v6) => Self::V6((v6.to_bits() >> 64) as u64),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;
    use std::time::Duration;

    use tokio::time::advance;

    use super::*;

    const BURST: u32 = 3;

    fn guard(capacity: usize) -> AddressGuard {
        let quota = Quota::new(1.try_into().unwrap(), Duration::from_secs(2), BURST.try_into().unwrap());
        AddressGuard::new(quota.unwrap(), capacity.try_into().unwrap())
    }

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn an_address_is_blocked_after_the_burst_until_it_has_waited() {
        let guard = guard(100);
        let stranger = address("192.0.2.1");
        for _ in 0..BURST {
            guard.check(stranger).unwrap();
            guard.failed(stranger);
        }
        let Denied { wait } = guard.check(stranger).unwrap_err();
        assert_eq!(wait, Duration::from_secs(2));
        assert!(guard.check(address("192.0.2.2")).is_ok());

        advance(wait.checked_sub(Duration::from_nanos(1)).unwrap()).await;
        assert!(guard.check(stranger).is_err());
        advance(Duration::from_nanos(1)).await;
        guard.check(stranger).unwrap();
        guard.check(stranger).expect("looking costs nothing");
        guard.failed(stranger);
        assert_eq!(guard.check(stranger).unwrap_err().wait, wait);
    }

    #[tokio::test(start_paused = true)]
    async fn failures_at_the_same_time_do_not_pile_up() {
        let guard = guard(100);
        let stranger = address("192.0.2.1");
        (0..1000).for_each(|_| guard.failed(stranger));
        assert_eq!(guard.check(stranger).unwrap_err().wait, Duration::from_secs(2));
        advance(Duration::from_secs(6)).await;
        for _ in 0..BURST {
            guard.check(stranger).unwrap();
            guard.failed(stranger);
        }
        assert!(guard.check(stranger).is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn a_changed_quota_frees_nobody() {
        let guard = Arc::new(guard(100));
        let stranger = address("192.0.2.1");
        (0..BURST).for_each(|_| guard.failed(stranger));
        let quota = Quota::new(1.try_into().unwrap(), Duration::from_secs(2), 9.try_into().unwrap());
        let wider = guard.with(quota.unwrap(), 1000.try_into().unwrap());
        (BURST..9).for_each(|_| wider.failed(stranger));
        assert_eq!(wider.check(stranger).unwrap_err().wait, Duration::from_secs(2));
        let larger = guard.with(guard.quota, 1000.try_into().unwrap());
        assert_eq!(larger.check(stranger), guard.check(stranger));
    }

    #[test]
    fn one_subscriber_is_one_origin() {
        let same = [("192.0.2.1", "::ffff:192.0.2.1"), ("2001:db8::1", "2001:db8::ffff:0:0:2")];
        for (one, other) in same {
            assert_eq!(Origin::from(address(one)), Origin::from(address(other)));
        }
        let different = [("192.0.2.1", "192.0.2.2"), ("2001:db8::1", "2001:db8:0:1::1"), ("0.0.0.1", "::1")];
        for (one, other) in different {
            assert_ne!(Origin::from(address(one)), Origin::from(address(other)));
        }
    }

    #[test]
    fn many_addresses_neither_grow_the_table_nor_free_the_blocked() {
        let guard = guard(1024);
        let blocked: Vec<IpAddr> = (0..100).map(|n| Ipv4Addr::from_bits(n).into()).collect();
        for stranger in &blocked {
            (0..BURST).for_each(|_| guard.failed(*stranger));
        }
        (1000..20_000).for_each(|n| guard.failed(Ipv4Addr::from_bits(n).into()));
        let remembered: usize = guard.shards.iter().map(|shard| shard.lock().unwrap().len()).sum();
        assert_eq!(remembered, 1024);
        assert!(blocked.iter().all(|stranger| guard.check(*stranger).is_err()));
    }
}
