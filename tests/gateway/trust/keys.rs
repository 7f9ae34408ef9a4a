//! Keys that come and go.

use futures_util::future::join_all;
use serde_json::json;

use super::PATH;
use crate::support::issuer::{Issuer, unix_now};
use crate::support::keys::{Alg, Key, published, strange};
use crate::support::server::{Gate, Reply};
use crate::support::world::World;

/// Calls often enough to reach each worker; gives the distinct answers.
async fn everywhere(world: &World, bearer: &str) -> Vec<(u16, Option<String>)> {
    let mut answers = Vec::new();
    for _ in 0..4 {
        let answer = world.call_as(bearer, "GET", PATH, "").await;
        let code = (answer.status != 200).then(|| answer.problem());
        answers.push((answer.status, code));
    }
    answers.dedup();
    answers
}

#[tokio::test]
async fn a_withdrawn_key_ends_with_the_next_refresh_though_its_tokens_are_known() {
    let world = World::with(&[("AUTHN__REFRESH_INTERVAL", "1s")]).await;
    let old = || world.issuer.token().claim("iat", unix_now() - 120);
    let withdrawn = old().alg(Alg::Rs256).bearer();
    let replaced = old().bearer();
    let stays = world.issuer.token().alg(Alg::EdDsa).bearer();
    for known in [&withdrawn, &replaced, &stays] {
        assert_eq!(everywhere(&world, known).await, [(200, None)]);
    }
    // One name is gone, and behind another there is a new key.
    let successor = strange(Alg::Es256).named(&published(Alg::Es256).kid);
    world.issuer.publish([published(Alg::EdDsa), &successor]);
    world.until_status("the new set", |status| status["issuers"][0]["generation"] == 2).await;
    let calls = world.vendor.calls().len();
    for gone in [&withdrawn, &replaced] {
        assert_eq!(everywhere(&world, gone).await, [(401, Some("token_rejected".into()))]);
    }
    assert_eq!(world.vendor.calls().len(), calls);
    let of_the_successor = world.issuer.token().signed_by(&successor).bearer();
    assert_eq!(everywhere(&world, &of_the_successor).await, [(200, None)]);
    assert_eq!(everywhere(&world, &stays).await, [(200, None)]);

    // A set without keys is a fault of the issuer's: nobody is logged out for it.
    world.issuer.publish([]);
    world.until_status("the empty set", |status| status["issuers"][0]["generation"] == 3).await;
    let (calls, answer) = (world.vendor.calls().len(), world.call_as(&stays, "GET", PATH, "").await);
    assert_eq!((answer.status, answer.problem().as_str()), (503, "keys_unavailable"));
    world.until_readyz(503).await;
    let outcome = world.trail.outcome_of(answer.request_id()).await;
    assert_eq!((&outcome["reason"], &outcome["decision"]), (&"keys_unavailable".into(), &"refused".into()));
    assert_eq!(world.vendor.calls().len(), calls);
}

#[tokio::test]
async fn a_new_key_is_fetched_once_for_a_hundred_callers() {
    let world = World::start().await;
    let gate = Gate::closed();
    let keys = [published(Alg::Es256), strange(Alg::Es256)].map(Key::jwk);
    world.issuer.answer_with(Reply::json(200, &json!({ "keys": keys })).behind(&gate));
    let callers = join_all((0..100).map(|_| async {
        let bearer = world.issuer.token().signed_by(strange(Alg::Es256)).bearer();
        world.call_as(&bearer, "GET", PATH, "").await
    }));
    let opening = async {
        world.issuer.wait_for_fetches(2).await;
        world.until_connections(100).await;
        // With a known key nobody waits.
        assert_eq!(world.call("GET", PATH, "").await.status, 200);
        gate.open();
    };
    let (answers, ()) = tokio::join!(callers, opening);
    for answer in answers {
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
    assert_eq!(world.issuer.fetches(), 2);

    // Invented names cause no further fetch before the cooldown is over, and are turned away at once.
    let invented = join_all((0..100).map(|number| {
        let key = strange(Alg::EdDsa).named(&format!("invented-{number}"));
        let bearer = world.issuer.token().claim("iat", unix_now()).signed_by(&key).bearer();
        let world = &world;
        async move { world.call_as(&bearer, "GET", PATH, "").await }
    }));
    for answer in invented.await {
        // The address of all of them has had enough after a while.
        assert!(matches!(answer.problem().as_str(), "keys_unavailable" | "address_rate_limited"));
    }
    assert_eq!(world.issuer.fetches(), 2);
    assert_eq!(world.vendor.calls().len(), 101);
}

#[tokio::test]
async fn keys_may_be_in_a_file() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let set = json!({"keys": [published(Alg::Es256).jwk()]});
    std::fs::write(file.path(), set.to_string()).unwrap();
    let issuer = Issuer::named("https://file.test").await;
    let settings =
        [("AUDIENCES", "confgate"), ("ALGORITHMS", "ES256"), ("JWKS_FILE", file.path().to_str().unwrap())];
    let world = super::world_of(Issuer::start().await, &[(issuer.name(), &settings)]).await;
    super::admitted(&world, &issuer.token().build()).await;
    assert_eq!(issuer.fetches(), 0);
}
