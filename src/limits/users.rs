use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::{Limiter, Quota};

/// Independent parts of the table, so that workers seldom meet.
const SHARDS: usize = 16;
/// How long a full shard is left alone after it was searched for limiters to forget.
const SWEEP_PAUSE: Duration = Duration::from_secs(1);
/// Buckets for the users that a full table has no room for.
const SHARED: usize = 256;

/// The users' limiters of one tenant: one for each user, at most `capacity` of them.
///
/// It is asked when a token is verified anew; the limiter is then kept with the verified token. So the lock is
/// not on the path of a request whose token is known.
///
/// A limiter is forgotten only when no token holds it and its bucket is full, so nobody has a fresh burst earlier
/// than by waiting. When none can be forgotten, a new user gets one of 256 limiters that such users share, by the
/// hash of the name: the quota is never exceeded and memory stays bounded, at the price of neighbours. A capacity
/// above the number of users with a cached token keeps that from happening.
#[derive(Debug)]
pub struct UserLimiters {
    quota: Quota,
    capacity: usize,
    hasher: RandomState,
    shards: [Mutex<Shard>; SHARDS],
    shared: OnceLock<Box<[Arc<Limiter>]>>,
}

#[derive(Debug)]
struct Shard {
    limiters: HashMap<Box<str>, Arc<Limiter>>,
    next_sweep: Instant,
}

impl UserLimiters {
    /// An empty table. `capacity` users are rounded up to a multiple of 16.
    pub fn new(quota: Quota, capacity: NonZeroUsize) -> Self {
        Self {
            quota,
            capacity: capacity.get().div_ceil(SHARDS),
            hasher: RandomState::new(),
            shards: std::array::from_fn(|_| Mutex::new(Shard::new())),
            shared: OnceLock::new(),
        }
    }

    /// A table for another quota or capacity with the users of this one, each with what is left to it. Where they are
    /// too many for it, some are forgotten only if nobody would miss them; the others stay. The same table where it is
    /// for these already.
    pub fn with(self: &Arc<Self>, quota: Quota, capacity: NonZeroUsize) -> Arc<Self> {
        let capacity = capacity.get().div_ceil(SHARDS);
        if (quota, capacity) == (self.quota, self.capacity) {
            return Arc::clone(self);
        }
        let carry = |limiter: &Arc<Limiter>| limiter.with(quota);
        let shard = |shard: &Mutex<Shard>| {
            let limiters =
                lock(shard).limiters.iter().map(|(user, known)| (user.clone(), carry(known))).collect();
            Mutex::new(Shard { limiters, next_sweep: Instant::now() })
        };
        let shared: Option<Box<[_]>> = self.shared.get().map(|shared| shared.iter().map(carry).collect());
        Arc::new(Self {
            quota,
            capacity,
            hasher: self.hasher.clone(),
            shards: self.shards.each_ref().map(shard),
            shared: shared.map_or_else(OnceLock::new, OnceLock::from),
        })
    }

    /// The limiter of `user`, the same for every token of that user.
    pub fn limiter(&self, user: &str) -> Arc<Limiter> {
        let hash = self.hasher.hash_one(user);
        self.shard(hash).find_or_add(user, self.capacity, self.quota).unwrap_or_else(|| self.shared(hash))
    }

    /// The quota of each user.
    pub fn quota(&self) -> &Quota {
        &self.quota
    }

    /// How many users have a limiter of their own.
    pub fn remembered(&self) -> usize {
        self.shards.iter().map(|shard| lock(shard).limiters.len()).sum()
    }

    fn shard(&self, hash: u64) -> MutexGuard<'_, Shard> {
        #[expect(clippy::indexing_slicing, reason = "the remainder is below the length")]
        lock(&self.shards[remainder(hash, SHARDS)])
    }

    fn shared(&self, hash: u64) -> Arc<Limiter> {
        let limiters =
            self.shared.get_or_init(|| (0..SHARED).map(|_| Arc::new(Limiter::new(self.quota))).collect());
        #[expect(clippy::indexing_slicing, reason = "the remainder is below the length")]
        Arc::clone(&limiters[remainder(hash, SHARED)])
    }
}

impl Shard {
    fn new() -> Self {
        Self { limiters: HashMap::new(), next_sweep: Instant::now() }
    }

    /// `None` when there is no room for a new user.
    fn find_or_add(&mut self, user: &str, capacity: usize, quota: Quota) -> Option<Arc<Limiter>> {
        if let Some(limiter) = self.limiters.get(user) {
            return Some(Arc::clone(limiter));
        }
        if self.limiters.len() >= capacity {
            self.sweep();
        }
        if self.limiters.len() >= capacity {
            return None;
        }
        let limiter = Arc::new(Limiter::new(quota));
        self.limiters.insert(user.into(), Arc::clone(&limiter));
        Some(limiter)
    }

    /// Forgets every limiter that nobody would miss. Seldom enough that a flood of new users does not spend its
    /// time here, and everybody else's waiting for the lock.
    fn sweep(&mut self) {
        let now = Instant::now();
        if now < self.next_sweep {
            return;
        }
        self.next_sweep = now + SWEEP_PAUSE;
        // The table's own reference is the only one, and others come from here alone: nobody can be using it.
        self.limiters.retain(|_, limiter| Arc::strong_count(limiter) > 1 || !limiter.drain_if_full());
    }
}

/// A panic elsewhere leaves nothing half done here.
fn lock(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

#[expect(clippy::cast_possible_truncation, reason = "the remainder of a usize fits one")]
fn remainder(hash: u64, length: usize) -> usize {
    (hash % length as u64) as usize
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    const BURST: u32 = 2;

    fn users(capacity: usize) -> UserLimiters {
        let quota = Quota::new(1.try_into().unwrap(), Duration::from_secs(5), BURST.try_into().unwrap());
        UserLimiters::new(quota.unwrap(), capacity.try_into().unwrap())
    }

    /// Fills the table with users that have spent one request each. The limiters are held by nobody.
    fn filled() -> UserLimiters {
        let users = users(64);
        for n in 0..2000 {
            users.limiter(&format!("user-{n}")).check().ok();
        }
        assert_eq!(users.remembered(), 64);
        users
    }

    #[test]
    fn a_changed_quota_keeps_what_each_user_has_spent() {
        let users = Arc::new(users(100));
        while users.limiter("huangcl").check().is_ok() {}
        let quota =
            Quota::new(1.try_into().unwrap(), Duration::from_hours(1), 9.try_into().unwrap()).unwrap();
        let changed = users.with(quota, 100.try_into().unwrap());
        assert!(changed.limiter("huangcl").check().is_err());
        assert_eq!(changed.limiter("yangss").check().unwrap().remaining, 8);

        let only_larger = users.with(*users.quota(), 1000.try_into().unwrap());
        assert!(Arc::ptr_eq(&users.limiter("huangcl"), &only_larger.limiter("huangcl")));
    }

    #[test]
    fn a_user_has_one_limiter() {
        let users = users(100);
        let first = users.limiter("huangcl");
        assert!(Arc::ptr_eq(&first, &users.limiter("huangcl")));
        assert!(!Arc::ptr_eq(&first, &users.limiter("yangss")));
    }

    #[tokio::test(start_paused = true)]
    async fn buckets_that_are_not_full_are_kept() {
        let users = filled();
        advance(Duration::from_millis(4999)).await;
        users.limiter("newcomer");
        for n in 2000..4000 {
            users.limiter(&format!("user-{n}"));
        }
        assert_eq!(users.remembered(), 64);
        let newcomers = |shard: &Mutex<Shard>| lock(shard).limiters.keys().any(|user| user.len() > 8);
        assert!(!users.shards.iter().any(newcomers));
    }

    #[tokio::test(start_paused = true)]
    async fn full_buckets_make_room() {
        let users = filled();
        advance(Duration::from_secs(5)).await;
        let newcomer = users.limiter("newcomer");
        assert_eq!(newcomer.check().unwrap().remaining, BURST - 1);
        assert!(users.remembered() < 64);
        assert!(Arc::ptr_eq(&newcomer, &users.limiter("newcomer")));
    }

    #[tokio::test(start_paused = true)]
    async fn a_limiter_that_a_token_holds_is_kept() {
        let users = users(16);
        let held: Vec<_> = (0..200).map(|n| users.limiter(&format!("user-{n}"))).collect();
        advance(Duration::from_mins(1)).await;
        for n in 200..400 {
            users.limiter(&format!("user-{n}"));
        }
        let same = |(n, limiter)| Arc::ptr_eq(limiter, &users.limiter(&format!("user-{n}")));
        assert!(held.iter().enumerate().all(same));
        let first = held.first().unwrap().check().unwrap();
        assert_eq!(first.remaining, BURST - 1, "the search took nothing from it");
    }

    #[test]
    fn users_without_room_share_by_name() {
        let users = users(16);
        let held: Vec<_> = (0..5000).map(|n| users.limiter(&format!("user-{n}"))).collect();
        let mut distinct: Vec<_> = held.iter().map(Arc::as_ptr).collect();
        distinct.sort_unstable();
        distinct.dedup();
        assert_eq!(distinct.len(), 16 + SHARED);
        assert_eq!(users.remembered(), 16);
    }
}
