use std::rc::Rc;
use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;

use super::support::*;
use crate::jwt::{Algorithm, Keyring, Rejection, TokenCache};

const RS: [Algorithm; 1] = [Algorithm::RS256];

fn remember(cache: &TokenCache<u8>, keyring: &Keyring, token: &str) {
    cache.insert(token, verify(keyring, token).unwrap(), 7);
}

#[test]
fn what_was_verified_is_found_again() {
    let signer = Signer::rsa("k", "RS256");
    let keyring = keyring_of(&RS, &[&signer]);
    let (cache, token) = (TokenCache::new(keyring.clone(), 10), signer.good());
    assert!(cache.lookup(token.as_bytes(), Instant::now()).is_none() && cache.len() == 0);
    remember(&cache, &keyring, &token);
    let first = cache.lookup(token.as_bytes(), Instant::now()).unwrap();
    assert_eq!((&*first.0.principal.subject, first.1), ("huangcl", 7));
    assert!(Rc::ptr_eq(&first, &cache.lookup(token.as_bytes(), Instant::now()).unwrap()));
    assert!(cache.lookup(&token.as_bytes()[..token.len() - 1], Instant::now()).is_none());
    assert!(cache.lookup(format!("{token}A").as_bytes(), Instant::now()).is_none());
}

#[test]
fn a_hit_knows_when_the_token_lives() {
    let signer = Signer::rsa("k", "RS256");
    let keyring = keyring_of(&RS, &[&signer]);
    let (cache, token) = (TokenCache::new(keyring.clone(), 10), signer.with_claim("exp", json!(NOW + 100)));
    remember(&cache, &keyring, &token);
    let check = |second| cache.lookup(token.as_bytes(), Instant::now()).unwrap().0.check(at(second));
    assert_eq!(check(NOW + 129), Ok(()));
    assert_eq!(check(NOW + 130), Err(Rejection::Expired));
    assert_eq!(check(NOW + 129), Ok(()), "the clock was set back");
    assert_eq!(check(NOW - 91), Err(Rejection::NotYetValid), "before nbf");
}

#[test]
fn a_key_that_is_withdrawn_takes_its_tokens_along() {
    let (old, new) = (Signer::rsa("old", "RS256"), Signer::other_rsa("new", "RS256"));
    let keyring = keyring_of(&RS, &[&old]);
    let cache = TokenCache::new(keyring.clone(), 10);
    remember(&cache, &keyring, &old.good());
    publish(&keyring, jwks(&[&new, &old], &RS));
    assert!(
        cache.lookup(old.good().as_bytes(), Instant::now()).is_some(),
        "still published beside the new one"
    );
    publish(&keyring, jwks(&[&new], &RS));
    assert!(cache.lookup(old.good().as_bytes(), Instant::now()).is_none());
    publish(&keyring, jwks(&[&old], &RS));
    assert!(cache.lookup(old.good().as_bytes(), Instant::now()).is_none(), "forgotten, not hidden");
}

#[test]
fn another_key_of_the_same_name_is_another_key() {
    let (old, new) = (Signer::rsa("k", "RS256"), Signer::other_rsa("k", "RS256"));
    let keyring = keyring_of(&RS, &[&old]);
    let cache = TokenCache::new(keyring.clone(), 10);
    remember(&cache, &keyring, &old.good());
    publish(&keyring, jwks(&[&new], &RS));
    assert!(cache.lookup(old.good().as_bytes(), Instant::now()).is_none());
}

#[test]
fn a_verification_that_a_refresh_overtakes_is_not_trusted() {
    let (old, new) = (Signer::rsa("k", "RS256"), Signer::other_rsa("k", "RS256"));
    let keyring = keyring_of(&RS, &[&old]);
    let cache = TokenCache::new(keyring.clone(), 10);
    let verified = verify(&keyring, &old.good()).unwrap();
    publish(&keyring, jwks(&[&new], &RS));
    cache.insert(&old.good(), verified, 7);
    assert!(cache.lookup(old.good().as_bytes(), Instant::now()).is_none());
}

#[test]
fn keys_that_are_too_old_serve_nobody() {
    let signer = Signer::rsa("k", "RS256");
    let keyring = empty_keyring(&RS);
    let unavailable =
        |keyring: &Keyring| matches!(verify(keyring, &signer.good()), Err(Rejection::KeysUnavailable));
    assert!(unavailable(&keyring) && !keyring.ready(), "before the first fetch");
    publish(&keyring, jwks(&[&signer], &RS));
    let cache = TokenCache::new(keyring.clone(), 10);
    remember(&cache, &keyring, &signer.good());
    change(&keyring, |before| before.failed("the server is down"));
    assert!(cache.lookup(signer.good().as_bytes(), Instant::now()).is_some() && keyring.ready());
    let keys = jwks(&[&signer], &RS);
    change(&keyring, |before| before.refreshed(keys, Instant::now(), Some(Duration::ZERO)).failed("down"));
    assert!(unavailable(&keyring) && !keyring.ready());
    assert!(cache.lookup(signer.good().as_bytes(), Instant::now()).is_none());
}

#[test]
fn tokens_and_bytes_are_bounded() {
    let signer = Signer::ed25519("k");
    let keyring = keyring_of(&[Algorithm::EdDSA], &[&signer]);
    let fill = |pad: usize| {
        let cache = TokenCache::new(keyring.clone(), 20);
        for n in 0..200 {
            let token = signer.with_claim("pad", json!(format!("{n:0pad$}")));
            remember(&cache, &keyring, &token);
        }
        cache.len()
    };
    assert!((10..=20).contains(&fill(3)), "{}", fill(3));
    let large = fill(5000);
    assert!((1..=4).contains(&large), "{large}");
}
