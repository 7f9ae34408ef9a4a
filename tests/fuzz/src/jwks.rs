//! Key sets. One key among good ones, whatever it is, takes none of them along, and no symmetric key ever serves.

use std::sync::LazyLock;

use confgate::jwt::{Algorithm, KeySet};
use serde_json::value::RawValue;

use crate::keys::Key;

static GOOD: LazyLock<[String; 2]> =
    LazyLock::new(|| ["good-1", "good-2"].map(|kid| Key::new(kid).jwk().to_string()));

/// The first byte says whether the others are a set, or a key in a set of good ones.
pub fn run(data: &[u8]) {
    let Some((kind, rest)) = data.split_first() else { return };
    if kind % 2 == 0 {
        if let Ok(set) = KeySet::from_jwks(rest, &Algorithm::ALL) {
            is_sound(&set);
        }
        return;
    }
    // Text that is no one value would end the set, or the list of keys.
    let Ok(key) = serde_json::from_slice::<&RawValue>(rest) else { return };
    let [first, second] = &*GOOD;
    let document = format!("{{\"keys\":[{first},{},{second}]}}", key.get());
    // What serde_json cannot read, numbers out of range for example, spoils a document as a whole.
    if serde_json::from_str::<serde_json::Value>(&document).is_err() {
        return;
    }
    let set = KeySet::from_jwks(document.as_bytes(), &Algorithm::ALL).expect("a set");
    is_sound(&set);
    for good in ["good-1", "good-2"] {
        let serves = set.usable().any(|usable| usable == (Some(good), Algorithm::ES256));
        assert!(serves || key.get().contains("good"), "{good} is gone because of {}", key.get());
    }
    assert!(set.usable().count() <= 3);
}

fn is_sound(set: &KeySet) {
    for (kid, algorithm) in set.usable() {
        assert!(!algorithm.is_symmetric(), "a secret that is published: {kid:?}");
        assert!(kid.is_none_or(|kid| kid.len() <= 256));
    }
}
