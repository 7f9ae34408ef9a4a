//! Bad keys among good ones: each is set aside and told of, and the good ones serve.

use serde_json::{Value, json};

use super::{admitted, cases, issuers, rejected, until};
use crate::support::keys::{Alg, base64, published, strange};
use crate::support::server::Reply;

/// The good key of this algorithm with a member changed, under a name of its own.
fn spoilt(alg: Alg, name: &str, value: Value) -> Value {
    let mut jwk = strange(alg).jwk();
    jwk["kid"] = json!(format!("bad {name} {value}").chars().take(60).collect::<String>());
    match value {
        Value::Null => _ = jwk.as_object_mut().unwrap().remove(name),
        value => jwk[name] = value,
    }
    jwk
}

fn bad_keys() -> Vec<Value> {
    let (ec, rsa, ed) = (Alg::Es256, Alg::Rs256, Alg::EdDsa);
    let off_curve = base64([7; 32]);
    vec![
        json!(null),
        json!(7),
        json!("key"),
        json!([]),
        json!({}),
        json!({"kty": "oct", "kid": "bad oct", "alg": "HS256", "k": base64([1; 64])}),
        spoilt(ec, "use", json!("enc")),
        spoilt(ec, "use", json!(7)),
        spoilt(ec, "key_ops", json!(["encrypt", "wrapKey"])),
        spoilt(ec, "d", json!(base64([1; 32]))),
        spoilt(ec, "alg", json!("ECDH-ES")),
        spoilt(ec, "alg", json!("RS256")),
        spoilt(ec, "alg", json!("HS256")),
        spoilt(ec, "alg", json!("none")),
        spoilt(ec, "kty", json!("RSA")),
        spoilt(ec, "kty", json!(null)),
        spoilt(ec, "crv", json!("P-384")),
        spoilt(ec, "crv", json!("secp256k1")),
        spoilt(ec, "x", json!(off_curve)),
        spoilt(ec, "x", json!("AA")),
        spoilt(ec, "x", json!("not base64url!")),
        spoilt(ec, "y", json!(null)),
        spoilt(rsa, "n", json!("AQAB")),
        spoilt(rsa, "n", json!("")),
        spoilt(rsa, "n", json!(base64(vec![0xff; 2048]))),
        spoilt(rsa, "e", json!("AQ")),
        spoilt(rsa, "e", json!("AAAA")),
        spoilt(rsa, "e", json!(null)),
        spoilt(rsa, "alg", json!("PS512")),
        spoilt(ed, "crv", json!("X25519")),
        spoilt(ed, "x", json!("AAAA")),
        {
            let mut jwk = strange(ec).jwk();
            jwk["kid"] = json!("k".repeat(10_000));
            jwk
        },
        {
            let mut jwk = strange(ec).jwk();
            jwk["kid"] = json!(["bad"]);
            jwk
        },
    ]
}

#[tokio::test]
async fn a_bad_key_spoils_nothing_but_itself() {
    let issuers = issuers(1).await;
    let issuer = &issuers[0];
    let good = [Alg::Es256, Alg::Rs256, Alg::EdDsa].map(published);
    let bad = bad_keys();
    let mut keys = bad.clone();
    // Between the bad ones, in front of them and behind them.
    keys.insert(0, good[0].jwk());
    keys.insert(keys.len() / 2, good[1].jwk());
    keys.push(good[2].jwk());
    issuer.answer_with(Reply::json(200, &json!({ "keys": keys })));
    let cases = cases(&issuers, &[("AUTHN__UNKNOWN_KEY_COOLDOWN", "1h")]).await;
    cases.world.until_ready().await;
    let told = |status: &Value| {
        status["keys"] == 3 && status["ignored"].as_array().is_some_and(|ignored| ignored.len() == bad.len())
    };
    until(&cases, issuer, "each of them set aside", told).await;
    for alg in [Alg::Es256, Alg::Rs256, Alg::EdDsa] {
        admitted(&cases, issuer.token().alg(alg), "a good key").await;
    }
    let status = cases.world.status().await.to_string();
    cases.tally.expect(status.len() < 64 << 10, || format!("a status of {} bytes", status.len()));
    for (number, jwk) in bad.iter().enumerate() {
        cases.tally.input();
        let kid = jwk["kid"].as_str().filter(|kid| kid.len() < 256).unwrap_or("unnamed");
        let (alg, what) =
            ([Alg::Es256, Alg::Rs256, Alg::EdDsa][number % 3], format!("bad key {number}: {jwk}"));
        rejected(&cases, issuer.token().signed_by(&strange(alg).named(kid)), &what).await;
    }
    cases.tally.expect(issuer.fetches() <= 2, || format!("{} fetches", issuer.fetches()));
    cases.finish().await;
}

#[tokio::test]
async fn a_name_that_two_keys_have_is_nobodys() {
    let issuers = issuers(1).await;
    let issuer = &issuers[0];
    let twins = [published(Alg::Es256).named("twin"), strange(Alg::Es256).named("twin")];
    let namesake = published(Alg::EdDsa).named("twin");
    issuer.publish([&twins[0], &namesake, &twins[1], published(Alg::Rs256)]);
    let cases = cases(&issuers, &[("AUTHN__UNKNOWN_KEY_COOLDOWN", "1h")]).await;
    cases.world.until_ready().await;
    cases.tally.fault();
    for twin in &twins {
        rejected(&cases, issuer.token().signed_by(twin), "which of the two is a guess").await;
    }
    admitted(&cases, issuer.token().signed_by(&namesake), "the name for another algorithm").await;
    admitted(&cases, issuer.token().alg(Alg::Rs256), "a name of its own").await;
    let ignored = |status: &Value| status["ignored"].as_array().is_some_and(|ignored| ignored.len() == 2);
    until(&cases, issuer, "the twins", ignored).await;
    cases.finish().await;
}
