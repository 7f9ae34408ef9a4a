//! Keys that come and go, as issuers do it, and as they should not.

use super::{admitted, bench, issuers, rejected, until};
use crate::support::bench::Bench;
use crate::support::issuer::{Issuer, Token};
use crate::support::keys::{Alg, Key, published, strange};

const CHANGES: [(&str, &str); 2] = [("AUTHN__REFRESH_INTERVAL", "1s"), ("AUTHN__UNKNOWN_KEY_COOLDOWN", "1s")];

async fn publish(bench: &Bench, issuer: &Issuer, keys: &[&Key]) {
    bench.tally.fault();
    issuer.publish(keys.iter().copied());
    let named = |status: &serde_json::Value| {
        let kids = status["kids"].as_array().unwrap();
        kids.len() == keys.len() && keys.iter().all(|key| kids.contains(&key.kid.clone().into()))
    };
    until(bench, issuer, "what it publishes", named).await;
}

#[tokio::test]
async fn keys_are_rotated_with_and_without_an_overlap() {
    let all = issuers(3).await;
    let [overlapping, abrupt, half] = &all[..] else { panic!("three issuers") };
    let (old, new) = (published(Alg::Es256), strange(Alg::Es256));
    for issuer in &all {
        issuer.publish([old]);
    }
    let bench = bench(&all, &CHANGES).await;
    bench.world.until_ready().await;
    tokio::join!(
        rotate_with_overlap(&bench, overlapping, old, new),
        rotate_abruptly(&bench, abrupt, old, new),
        lose_half(&bench, half, old, new),
    );
    bench.finish().await;
}

async fn rotate_with_overlap(bench: &Bench, issuer: &Issuer, old: &Key, new: &Key) {
    let (early, late): (Token, Token) = (issuer.token().signed_by(old), issuer.token().signed_by(new));
    admitted(bench, early.clone(), "the old key").await;
    publish(bench, issuer, &[old, new]).await;
    admitted(bench, early.clone(), "the old key beside the new one").await;
    admitted(bench, late.clone(), "the new key beside the old one").await;
    publish(bench, issuer, &[new]).await;
    rejected(bench, early, "the old key, withdrawn").await;
    admitted(bench, late, "the new key alone").await;
}

/// The first who comes with the new key has it fetched, and is not turned away.
async fn rotate_abruptly(bench: &Bench, issuer: &Issuer, old: &Key, new: &Key) {
    let (early, late) = (issuer.token().signed_by(old), issuer.token().signed_by(new));
    admitted(bench, early.clone(), "the old key").await;
    bench.tally.fault();
    issuer.publish([new]);
    admitted(bench, late.clone(), "the new key, not known yet").await;
    rejected(bench, early.clone(), "the old key, cached").await;
    rejected(bench, issuer.token().signed_by(old), "the old key").await;
    // And back, with another key by the old one's name.
    let disguised = strange(Alg::EdDsa).named(&old.kid);
    publish(bench, issuer, &[&disguised]).await;
    rejected(bench, early, "the old key's token, by the name of another").await;
    admitted(bench, issuer.token().signed_by(&disguised), "the other by that name").await;
    rejected(bench, late, "the new key, withdrawn").await;
}

/// One of two keys is lost on the way: its tokens wait for nobody, the other's go on, and it heals by itself.
async fn lose_half(bench: &Bench, issuer: &Issuer, one: &Key, other: &Key) {
    let tokens = || (issuer.token().signed_by(one), issuer.token().signed_by(other));
    publish(bench, issuer, &[one, other]).await;
    for _ in 0..2 {
        publish(bench, issuer, &[one]).await;
        admitted(bench, tokens().0, "of the half that is there").await;
        rejected(bench, tokens().1, "of the half that is gone").await;
        publish(bench, issuer, &[one, other]).await;
        admitted(bench, tokens().0, "of one half").await;
        admitted(bench, tokens().1, "of the other half").await;
    }
}
