//! Names of keys that nobody has heard of, by the hundred: the issuer is asked once in the cooldown, whatever it says,
//! and nobody with a known key waits.

use std::time::{Duration, Instant};

use futures_util::future::join_all;

use super::{call, cases, issuers, until};
use crate::support::cases::Cases;
use crate::support::client::Answer;
use crate::support::issuer::Issuer;
use crate::support::keys::{Alg, published, strange};
use crate::support::server::{Gate, Reply};

const CALLERS: usize = 64;

/// So many callers with as many invented names; gives the distinct codes.
async fn invented(cases: &Cases, issuer: &Issuer, round: usize) -> Vec<String> {
    let answers = join_all((0..CALLERS).map(|number| {
        let key = strange(Alg::Es256).named(&format!("invented-{round}-{number}"));
        call(cases, issuer.token().signed_by(&key))
    }));
    let mut codes: Vec<String> = answers.await.iter().map(Answer::problem).collect();
    codes.sort();
    codes.dedup();
    codes
}

#[tokio::test]
async fn a_flood_of_unknown_keys_asks_once_in_the_cooldown() {
    let all = issuers(2).await;
    let [well, failing] = &all[..] else { panic!("two issuers") };
    let changes = [("AUTHN__UNKNOWN_KEY_COOLDOWN", "1s"), ("AUTHN__REFRESH_INTERVAL", "1h")];
    let cases = cases(&all, &[changes[0], changes[1], ("AUTHN__KEYS_MAX_AGE", "1h")]).await;
    cases.world.until_ready().await;
    failing.answer_with(Reply::status(500));
    let begun = Instant::now();
    for round in 0..6 {
        cases.tally.fault();
        let (of_well, of_failing) =
            tokio::join!(invented(&cases, well, round), invented(&cases, failing, round));
        cases.tally.expect(of_well == ["token_rejected"], || format!("{of_well:?}"));
        cases.tally.expect(of_failing == ["keys_unavailable"], || format!("{of_failing:?}"));
        tokio::time::sleep(Duration::from_millis(400)).await;
    }
    // One for each cooldown that has begun. After a failure one more by itself, at least 750 ms after the one before.
    let elapsed = usize::try_from(begun.elapsed().as_millis()).unwrap();
    let cooldowns = elapsed / 1000 + 1;
    let (asked, retried) = (well.fetches() - 1, failing.fetches() - 1);
    cases.tally.expect((2..=cooldowns).contains(&asked), || format!("{asked} in {cooldowns} s"));
    let most = cooldowns + elapsed / 750 + 1;
    cases.tally.expect((2..=most).contains(&retried), || format!("{retried} in {cooldowns} s"));
    cases.finish().await;
}

#[tokio::test]
async fn nobody_with_a_known_key_waits_for_an_issuer_that_hangs() {
    let all = issuers(1).await;
    let issuer = &all[0];
    let cases = cases(&all, &[("AUTHN__UNKNOWN_KEY_COOLDOWN", "1h")]).await;
    cases.world.until_ready().await;
    let gate = Gate::closed();
    let keys = serde_json::json!({"keys": [published(Alg::Es256).jwk(), strange(Alg::Es256).jwk()]});
    issuer.answer_with(Reply::json(200, &keys).behind(&gate));
    cases.tally.fault();
    let waiting = join_all((0..CALLERS).map(|_| call(&cases, issuer.token().signed_by(strange(Alg::Es256)))));
    let known = async {
        issuer.wait_for_fetches(2).await;
        cases.world.until_connections(CALLERS).await;
        // All of these have their answers before any of those.
        for token in (0..20).map(|_| issuer.token()).chain([cases.world.issuer.token()]) {
            let answer = call(&cases, token).await;
            cases.tally.expect(answer.status == 200, || answer.text());
        }
        gate.open();
    };
    let (waited, ()) = tokio::join!(waiting, known);
    cases.tally.expect(waited.iter().all(|answer| answer.status == 200), || format!("{waited:?}"));
    until(&cases, issuer, "both keys", |status| status["keys"] == 2).await;
    cases.tally.expect(issuer.fetches() == 2, || format!("{} fetches", issuer.fetches()));
    cases.finish().await;
}
