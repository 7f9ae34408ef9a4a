//! Keys that come and go, as issuers do it, and as they should not.

use super::{admitted, cases, issuers, rejected, until};
use crate::support::cases::Cases;
use crate::support::issuer::{Issuer, Token};
use crate::support::keys::{Alg, Key, published, strange};

const CHANGES: [(&str, &str); 2] = [("AUTHN__REFRESH_INTERVAL", "1s"), ("AUTHN__UNKNOWN_KEY_COOLDOWN", "1s")];

async fn publish(cases: &Cases, issuer: &Issuer, keys: &[&Key]) {
    cases.tally.fault();
    issuer.publish(keys.iter().copied());
    let named = |status: &serde_json::Value| {
        let kids = status["kids"].as_array().unwrap();
        kids.len() == keys.len() && keys.iter().all(|key| kids.contains(&key.kid.clone().into()))
    };
    until(cases, issuer, "what it publishes", named).await;
}

#[tokio::test]
async fn keys_are_rotated_with_and_without_an_overlap() {
    let all = issuers(3).await;
    let [overlapping, abrupt, half] = &all[..] else { panic!("three issuers") };
    let (old, new) = (published(Alg::Es256), strange(Alg::Es256));
    for issuer in &all {
        issuer.publish([old]);
    }
    let cases = cases(&all, &CHANGES).await;
    cases.world.until_ready().await;
    tokio::join!(
        rotate_with_overlap(&cases, overlapping, old, new),
        rotate_abruptly(&cases, abrupt, old, new),
        lose_half(&cases, half, old, new),
    );
    cases.finish().await;
}

async fn rotate_with_overlap(cases: &Cases, issuer: &Issuer, old: &Key, new: &Key) {
    let (early, late): (Token, Token) = (issuer.token().signed_by(old), issuer.token().signed_by(new));
    admitted(cases, early.clone(), "the old key").await;
    publish(cases, issuer, &[old, new]).await;
    admitted(cases, early.clone(), "the old key beside the new one").await;
    admitted(cases, late.clone(), "the new key beside the old one").await;
    publish(cases, issuer, &[new]).await;
    rejected(cases, early, "the old key, withdrawn").await;
    admitted(cases, late, "the new key alone").await;
}

/// The first who comes with the new key has it fetched, and is not turned away.
async fn rotate_abruptly(cases: &Cases, issuer: &Issuer, old: &Key, new: &Key) {
    let (early, late) = (issuer.token().signed_by(old), issuer.token().signed_by(new));
    admitted(cases, early.clone(), "the old key").await;
    cases.tally.fault();
    issuer.publish([new]);
    admitted(cases, late.clone(), "the new key, not known yet").await;
    rejected(cases, early.clone(), "the old key, cached").await;
    rejected(cases, issuer.token().signed_by(old), "the old key").await;
    // And back, with another key by the old one's name.
    let disguised = strange(Alg::EdDsa).named(&old.kid);
    publish(cases, issuer, &[&disguised]).await;
    rejected(cases, early, "the old key's token, by the name of another").await;
    admitted(cases, issuer.token().signed_by(&disguised), "the other by that name").await;
    rejected(cases, late, "the new key, withdrawn").await;
}

/// One of two keys is lost on the way: its tokens wait for nobody, the other's go on, and it heals by itself.
async fn lose_half(cases: &Cases, issuer: &Issuer, one: &Key, other: &Key) {
    let tokens = || (issuer.token().signed_by(one), issuer.token().signed_by(other));
    publish(cases, issuer, &[one, other]).await;
    for _ in 0..2 {
        publish(cases, issuer, &[one]).await;
        admitted(cases, tokens().0, "of the half that is there").await;
        rejected(cases, tokens().1, "of the half that is gone").await;
        publish(cases, issuer, &[one, other]).await;
        admitted(cases, tokens().0, "of one half").await;
        admitted(cases, tokens().1, "of the other half").await;
    }
}
