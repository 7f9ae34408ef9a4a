//! Values that the vendor makes up: they look like its own, and no two are alike. None of them guards anything
//! real, so the standard library's randomly keyed hash is random enough, and cannot fail.

use std::hash::{BuildHasher, Hasher, RandomState};

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use uuid::{Builder, Uuid};

/// Every new `RandomState` has another key, so the hash of nothing is another number each time.
fn number() -> u64 {
    RandomState::new().build_hasher().finish()
}

fn letters(count: usize) -> String {
    let letter = |_| char::from_digit(u32::try_from(number() % 36).ok()?, 36);
    (0..count).filter_map(letter).map(|c| c.to_ascii_uppercase()).collect()
}

/// A `confrId`: 25 characters of `A-Z 0-9`.
pub(super) fn conference_id() -> String {
    letters(25)
}

/// A `memberId`: unlike a conference's id, no example of one is known.
pub(super) fn member_id() -> String {
    letters(18)
}

/// A password as the vendor makes it: a number between 0 and 1, for example `0.37898245722568236`.
pub(super) fn password() -> String {
    #[expect(clippy::cast_precision_loss, reason = "53 bits are what the fraction of an f64 holds")]
    let fraction = (number() >> 11) as f64 / (1_u64 << 53) as f64;
    fraction.to_string()
}

/// An app token: `YWMt` and 128 further characters of base64url.
pub(super) fn token() -> String {
    let bytes: Vec<u8> = (0..12).flat_map(|_| number().to_be_bytes()).collect();
    format!("YWMt{}", BASE64_URL_SAFE_NO_PAD.encode(bytes))
}

/// An application's uuid, of version 4.
pub(super) fn application() -> String {
    let random = Uuid::from_u64_pair(number(), number());
    Builder::from_random_bytes(random.into_bytes()).into_uuid().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_look_like_the_vendors() {
        let id = conference_id();
        assert!(id.len() == 25 && id.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit()), "{id}");
        let password = password();
        assert!(password.starts_with("0.") && password.parse::<f64>().unwrap() < 1.0, "{password}");
        let token = token();
        assert!(token.starts_with("YWMt") && token.len() == 132, "{token}");
    }

    #[test]
    fn no_two_are_alike() {
        let ids: std::collections::HashSet<_> = (0..10_000).map(|_| conference_id()).collect();
        assert_eq!(ids.len(), 10_000);
    }
}
