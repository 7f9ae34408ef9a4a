//! The actor with a scripted source, on a paused clock.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::support::*;
use crate::jwt::issuer::Actor;
use crate::jwt::keyset::{InvalidKeySet, KeySet};
use crate::jwt::source::{Load, LoadError};
use crate::jwt::{Algorithm, IssuerIndex, Keyring, Rejection};

const RS: [Algorithm; 1] = [Algorithm::RS256];
const FIRST: IssuerIndex = IssuerIndex(0);
const MINUTE: Duration = Duration::from_mins(1);

/// A source that says what the test tells it to, and counts.
#[derive(Clone, Default)]
struct Script {
    document: Arc<Mutex<Option<Value>>>,
    loads: Arc<AtomicUsize>,
    panics: Arc<AtomicBool>,
}

impl Load for Script {
    async fn load(&mut self) -> Result<KeySet, LoadError> {
        self.loads.fetch_add(1, Ordering::SeqCst);
        assert!(!self.panics.load(Ordering::SeqCst), "on purpose, to see what becomes of the keys");
        let document = self.document.lock().unwrap().clone();
        let document = document.ok_or(LoadError::Content(InvalidKeySet::NotAJwkSet))?;
        Ok(KeySet::from_jwks(document.to_string().as_bytes(), &RS)?)
    }
}

impl Script {
    fn say(&self, signers: &[&Signer]) {
        *self.document.lock().unwrap() = Some(document(signers));
    }

    fn fail(&self) {
        *self.document.lock().unwrap() = None;
    }

    fn loads(&self) -> usize {
        self.loads.load(Ordering::SeqCst)
    }

    /// Starts an actor that refreshes every five minutes and keeps keys for an hour.
    fn start(&self) -> (Keyring, JoinHandle<()>) {
        let keyring = empty_keyring(&RS);
        let actor = Actor::new(&keyring.0.issuers[0].keys, self.clone());
        (keyring, tokio::spawn(actor.run()))
    }
}

#[tokio::test(start_paused = true)]
async fn a_withdrawn_key_stops_working_at_the_next_refresh() {
    let (old, new) = (Signer::rsa("old", "RS256"), Signer::other_rsa("new", "RS256"));
    let script = Script::default();
    script.say(&[&old]);
    let (keyring, _actor) = script.start();
    sleep(MINUTE / 60).await;
    assert!(keyring.ready() && verify(&keyring, &old.good()).is_ok());
    script.say(&[&new]);
    sleep(4 * MINUTE).await;
    assert!(verify(&keyring, &old.good()).is_ok());
    sleep(2 * MINUTE).await;
    assert_eq!(verify(&keyring, &old.good()).unwrap_err(), Rejection::KeyUnknown(FIRST));
    assert!(verify(&keyring, &new.good()).is_ok());
    assert_eq!((script.loads(), keyring.status()[0].generation), (2, 2));
}

#[tokio::test(start_paused = true)]
async fn last_good_keys_serve_for_an_hour_and_then_it_is_an_outage() {
    let signer = Signer::rsa("k", "RS256");
    let script = Script::default();
    script.say(&[&signer]);
    let (keyring, _actor) = script.start();
    sleep(MINUTE / 60).await;
    script.fail();
    sleep(59 * MINUTE).await;
    assert!(keyring.ready() && verify(&keyring, &signer.good()).is_ok());
    sleep(MINUTE).await;
    assert_eq!(verify(&keyring, &signer.good()).unwrap_err(), Rejection::KeysUnavailable);
    assert!(!keyring.ready());
    script.say(&[&signer]);
    sleep(7 * MINUTE).await;
    assert!(keyring.ready() && verify(&keyring, &signer.good()).is_ok());
}

#[tokio::test(start_paused = true)]
async fn failures_are_retried_soon_and_then_less_often() {
    let script = Script::default();
    let (keyring, _actor) = script.start();
    sleep(MINUTE).await;
    // At 0, 1, 3, 7, 15, 31 s and then at 63 s, each give or take a quarter.
    assert!((6..=7).contains(&script.loads()), "{}", script.loads());
    sleep(60 * MINUTE).await;
    assert!((17..=25).contains(&script.loads()), "{}", script.loads());
    let status = &keyring.status()[0];
    assert!(!status.usable && status.age_seconds.is_none() && status.last_error.is_some());
}

#[tokio::test(start_paused = true)]
async fn an_unknown_key_is_asked_for_once_in_the_cooldown() {
    let (old, new) = (Signer::rsa("old", "RS256"), Signer::other_rsa("new", "RS256"));
    let script = Script::default();
    script.say(&[&old]);
    let (keyring, _actor) = script.start();
    sleep(MINUTE / 60).await;
    script.say(&[&old, &new]);
    assert!(verify_or_refetch(&keyring, &new.good()).await.is_ok());
    assert_eq!(script.loads(), 2);
    let stranger = new.with_parameter("kid", json!("invented"));
    for _ in 0..29 {
        let outcome = verify_or_refetch(&keyring, &stranger).await;
        assert!(matches!(outcome, Err(Rejection::Rejected(_))), "{outcome:?}");
        sleep(MINUTE / 60).await;
    }
    assert_eq!(script.loads(), 2);
    sleep(MINUTE / 60).await;
    let _rejected = verify_or_refetch(&keyring, &stranger).await;
    assert_eq!(script.loads(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_token_that_may_be_newer_than_the_last_fetch_is_to_come_again() {
    let (old, new) = (Signer::rsa("old", "RS256"), Signer::other_rsa("new", "RS256"));
    let script = Script::default();
    script.say(&[&old]);
    let (keyring, _actor) = script.start();
    sleep(MINUTE / 60).await;
    // A stranger's invented name uses the refetch up, just before the issuer begins to use a new key.
    let invented = new.with_parameter("kid", json!("invented"));
    assert!(matches!(verify_or_refetch(&keyring, &invented).await, Err(Rejection::Rejected(_))));
    script.say(&[&old, &new]);
    let fresh = json!(NOW);
    sleep(MINUTE / 6).await;
    for token in [new.with_claim("iat", fresh), new.with_claim("iat", json!(null))] {
        let outcome = verify_or_refetch(&keyring, &token).await;
        assert_eq!(outcome.unwrap_err(), Rejection::KeyPending(MINUTE / 3), "as long as the cooldown");
    }
    assert!(
        matches!(verify_or_refetch(&keyring, &invented).await, Err(Rejection::Rejected(_))),
        "it is older"
    );
    assert_eq!(script.loads(), 2);
    sleep(MINUTE / 3).await;
    assert!(
        verify_or_refetch(&keyring, &new.with_claim("iat", json!(NOW))).await.is_ok(),
        "waiting as told is enough"
    );
    assert_eq!(script.loads(), 3);
    // What was asked for after it came is the last word, however fresh it is.
    sleep(MINUTE / 2).await;
    let stranger = Signer::other_rsa("stranger", "RS256").with_claim("iat", json!(NOW));
    assert!(matches!(verify_or_refetch(&keyring, &stranger).await, Err(Rejection::Rejected(_))));
    assert_eq!(script.loads(), 4);
}

#[tokio::test(start_paused = true)]
async fn an_unknown_key_is_no_fault_of_the_callers_while_the_issuer_is_down() {
    let signer = Signer::rsa("k", "RS256");
    let script = Script::default();
    script.say(&[&signer]);
    let (keyring, _actor) = script.start();
    sleep(MINUTE / 60).await;
    script.fail();
    let newer = Signer::other_rsa("newer", "RS256").good();
    for _ in 0..3 {
        let outcome = verify_or_refetch(&keyring, &newer).await;
        assert_eq!(outcome.unwrap_err(), Rejection::KeysUnavailable);
    }
    assert!(verify_or_refetch(&keyring, &signer.good()).await.is_ok());
    assert_eq!(script.loads(), 2);
}

/// A source that is held up until the test lets it go.
struct Slow(Script, Arc<Notify>);

impl Load for Slow {
    async fn load(&mut self) -> Result<KeySet, LoadError> {
        let keys = self.0.load().await;
        self.1.notified().await;
        keys
    }
}

#[tokio::test(start_paused = true)]
async fn a_fetch_that_began_before_the_question_is_no_answer() {
    let (old, new) = (Signer::rsa("old", "RS256"), Signer::other_rsa("new", "RS256"));
    let (script, gate) = (Script::default(), Arc::new(Notify::new()));
    script.say(&[&old]);
    let keyring = empty_keyring(&RS);
    let loader = Slow(script.clone(), Arc::clone(&gate));
    let _actor = tokio::spawn(Actor::new(&keyring.0.issuers[0].keys, loader).run());
    gate.notify_one();
    sleep(6 * MINUTE).await;
    assert_eq!(script.loads(), 2, "the second is under way, with the old set in hand");
    script.say(&[&old, &new]);
    let asking = keyring.clone();
    let token = new.good();
    let asked = tokio::spawn(async move { verify_or_refetch(&asking, &token).await.is_ok() });
    sleep(MINUTE).await;
    gate.notify_one();
    sleep(MINUTE).await;
    assert!(!asked.is_finished() && script.loads() == 3);
    gate.notify_one();
    assert!(asked.await.unwrap());
}

#[tokio::test(start_paused = true)]
async fn the_actor_ends_with_the_last_keyring() {
    let script = Script::default();
    script.say(&[&Signer::rsa("k", "RS256")]);
    let (keyring, actor) = script.start();
    let clone = keyring.clone();
    sleep(MINUTE).await;
    drop(keyring);
    sleep(MINUTE).await;
    assert!(!actor.is_finished());
    drop(clone);
    actor.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_for_an_actor_that_is_gone() {
    let script = Script::default();
    script.say(&[&Signer::rsa("k", "RS256")]);
    let (keyring, actor) = script.start();
    sleep(MINUTE).await;
    actor.abort();
    let _aborted = actor.await;
    keyring.refetched(FIRST).await;
}

#[tokio::test(start_paused = true)]
async fn an_empty_set_withdraws_the_keys_without_blaming_callers() {
    let signer = Signer::rsa("k", "RS256");
    let script = Script::default();
    script.say(&[&signer]);
    let (keyring, _actor) = script.start();
    sleep(MINUTE).await;
    script.say(&[]);
    keyring.refetched(FIRST).await;
    assert_eq!(verify(&keyring, &signer.good()).unwrap_err(), Rejection::KeysUnavailable);
    script.say(&[&signer]);
    sleep(Duration::from_secs(2)).await;
    assert!(verify(&keyring, &signer.good()).is_ok(), "asked again soon, as after a failure");
}

#[tokio::test(start_paused = true)]
async fn a_panic_is_one_failed_fetch() {
    let signer = Signer::rsa("a", "RS256");
    let script = Script::default();
    script.say(&[&signer]);
    let (keyring, actor) = script.start();
    sleep(MINUTE / 60).await;
    script.panics.store(true, Ordering::SeqCst);
    let loads = script.loads();
    sleep(20 * MINUTE).await;
    assert!(script.loads() > loads + 1, "it goes on");
    assert!(verify(&keyring, &signer.good()).is_ok(), "the last good keys serve");
    let error = keyring.status()[0].last_error.clone();
    assert_eq!(error.as_deref(), Some("the gateway failed over it"));
    script.panics.store(false, Ordering::SeqCst);
    sleep(6 * MINUTE).await;
    assert_eq!(keyring.status()[0].last_error, None);
    assert!(!actor.is_finished());
}
