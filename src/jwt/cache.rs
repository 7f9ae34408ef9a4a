use std::borrow::Borrow;
use std::cell::{Cell, RefCell};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::rc::Rc;

use quick_cache::Weighter;
use quick_cache::unsync::Cache;
use tokio::time::Instant;
use zeroize::Zeroize;

use super::{Keyring, Verified};

/// What one token may weigh on average, in bytes; with the capacity, this bounds the cache's memory.
const BYTES_PER_TOKEN: u64 = 2048;

/// Tokens that were verified before, with what the caller attached to them. One worker's own.
///
/// A hit saves the signature and the parsing, never a question: whether the token's key is published is asked each
/// time.
pub struct TokenCache<T> {
    keyring: Keyring,
    entries: RefCell<Cache<RawToken, Entry<T>, ByBytes>>,
}

impl<T> fmt::Debug for TokenCache<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenCache").finish_non_exhaustive()
    }
}

/// The token itself is the key: two tokens that differ in one byte have nothing to do with each other. The
/// hash is seeded at random, and only tokens that an issuer signed get in. Without `Debug` and `Display`, and
/// wiped when dropped.
struct RawToken(Box<[u8]>);

struct Entry<T> {
    value: Rc<(Verified, T)>,
    /// The last generation of keys that was seen to hold the token's key.
    generation: Cell<u64>,
}

#[derive(Clone)]
struct ByBytes;

impl<T> TokenCache<T> {
    /// At most `capacity` tokens, and fewer when they are large.
    pub fn new(keyring: Keyring, capacity: usize) -> Self {
        let capacity = capacity.max(1);
        let weight = (capacity as u64).saturating_mul(BYTES_PER_TOKEN);
        Self { keyring, entries: RefCell::new(Cache::with_weighter(capacity, weight, ByBytes)) }
    }

    /// The token's verification, if it still holds: signed by a key that the issuer publishes, and that key not older
    /// than keys may be. What no longer holds is forgotten; a new verification then says why. Whether the token lives
    /// is left to [`Verified::check`]: one that has expired is remembered, so that sending it again costs nothing.
    /// By its bytes: what is known need not be found to be text once more.
    pub fn lookup(&self, token: &[u8], now: Instant) -> Option<Rc<(Verified, T)>> {
        {
            let entries = self.entries.borrow();
            let entry = entries.get(token)?;
            if self.is_published(entry, &entry.value.0, now) {
                return Some(Rc::clone(&entry.value));
            }
        }
        self.entries.borrow_mut().remove(token);
        None
    }

    /// Remembers a verification with what belongs to it.
    pub fn insert(&self, token: &str, verified: Verified, attached: T) -> Rc<(Verified, T)> {
        let generation = Cell::new(verified.generation);
        let value = Rc::new((verified, attached));
        let entry = Entry { value: Rc::clone(&value), generation };
        self.entries.borrow_mut().insert(RawToken(token.as_bytes().into()), entry);
        value
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.entries.borrow().len()
    }

    fn is_published(&self, entry: &Entry<T>, verified: &Verified, now: Instant) -> bool {
        let Some(issuer) = self.keyring.issuer(verified.issuer) else {
            return false;
        };
        let snapshot = issuer.keys.snapshot.load();
        let Some(keys) = snapshot.usable(now) else {
            return false;
        };
        if entry.generation.get() == snapshot.generation() {
            return true;
        }
        let published = keys.contains(verified.key);
        if published {
            entry.generation.set(snapshot.generation());
        }
        published
    }
}

impl Hash for RawToken {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl PartialEq for RawToken {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl Eq for RawToken {}

impl Borrow<[u8]> for RawToken {
    fn borrow(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for RawToken {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl<T> Weighter<RawToken, Entry<T>> for ByBytes {
    /// The claims that are kept are a part of the token, so twice its length covers both.
    fn weight(&self, token: &RawToken, _entry: &Entry<T>) -> u64 {
        (2 * token.0.len() as u64 + 512).max(BYTES_PER_TOKEN)
    }
}
