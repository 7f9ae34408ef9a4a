use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU32, Ordering};

/// How many tokens are remembered at most, in 4 bytes each.
const PLACES: usize = 1 << 16;

/// Tokens that proved good on some worker, so that the others need not take them for a stranger's.
///
/// One place for each hash, which has another part of it inside, and which a later token takes over: bounded, and read
/// and written without a lock. What is forgotten early, or never was there for a hash that collides (one in 2^31 among
/// those of a place), costs one token its privilege or gives one more a check of its signature, and nothing else. The
/// hash is seeded at random, and only what an issuer signed gets in.
#[derive(Debug)]
pub(super) struct Vouched {
    hasher: RandomState,
    places: Box<[AtomicU32]>,
}

impl Vouched {
    /// Nothing is known yet.
    pub(super) fn new() -> Self {
        Self { hasher: RandomState::new(), places: (0..PLACES).map(|_| AtomicU32::new(0)).collect() }
    }

    /// The token has proved good.
    pub(super) fn add(&self, token: &str) {
        let hash = self.hasher.hash_one(token);
        if let Some(place) = self.place(hash) {
            place.store(tag(hash), Ordering::Relaxed);
        }
    }

    /// Whether it has, as far as is remembered.
    pub(super) fn contains(&self, token: &str) -> bool {
        let hash = self.hasher.hash_one(token);
        self.place(hash).is_some_and(|place| place.load(Ordering::Relaxed) == tag(hash))
    }

    #[expect(clippy::cast_possible_truncation, reason = "any bits will do")]
    fn place(&self, hash: u64) -> Option<&AtomicU32> {
        self.places.get(hash as usize % PLACES)
    }
}

/// What stands in a place: of the half of the hash that does not say which place it is, and never zero, as an empty one
/// is.
fn tag(hash: u64) -> u32 {
    u32::try_from(hash >> 32).unwrap_or_default() | 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_added_last_is_known_and_no_more_than_there_is_room_for() {
        let vouched = Vouched::new();
        assert!(!vouched.contains("a.b.c"));
        vouched.add("a.b.c");
        assert!(vouched.contains("a.b.c") && !vouched.contains("a.b.d"));
        let token = |number: usize| format!("a.b.{number}");
        for number in 0..3 * PLACES {
            vouched.add(&token(number));
            assert!(vouched.contains(&token(number)));
        }
        let known = (0..3 * PLACES).filter(|number| vouched.contains(&token(*number))).count();
        assert!((PLACES / 2..=PLACES).contains(&known), "{known}");
    }
}
