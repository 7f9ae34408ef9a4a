//! The issuer in trouble: an outage is never a 401, since frontends log people out on a 401.

use futures_util::future::join_all;

use super::PATH;
use crate::support::client::Answer;
use crate::support::issuer::Issuer;
use crate::support::keys::{Alg, published, strange};
use crate::support::server::{Gate, Reply};
use crate::support::vendor::Vendor;
use crate::support::world::World;

const SOON: (&str, &str) = ("AUTHN__REFRESH_INTERVAL", "1s");

/// The caller is told to wait, the trail knows, the vendor does not.
async fn unavailable(world: &World, bearer: &str) {
    let calls = world.vendor.calls().len();
    let answer: Answer = world.call_as(bearer, "GET", PATH, "").await;
    assert_eq!((answer.status, answer.problem().as_str()), (503, "keys_unavailable"), "{}", answer.text());
    assert!(answer.header("retry-after").is_some() && answer.header("www-authenticate").is_none());
    let outcome = world.trail.outcome_of(answer.request_id()).await;
    assert_eq!((&outcome["reason"], &outcome["status"]), (&"keys_unavailable".into(), &503.into()));
    assert_eq!(outcome["detail"], "the issuer's keys are not available");
    assert_eq!((&outcome["decision"], outcome["tenant"].is_null()), (&"refused".into(), true));
    assert_eq!(world.vendor.calls().len(), calls);
}

#[tokio::test]
async fn a_cold_start_without_keys_is_unavailable_until_they_come() {
    let in_trouble = |reply: Reply| async {
        let issuer = Issuer::start().await;
        issuer.answer_with(reply);
        let world = World::around(Vendor::start().await, issuer, &[SOON]).await;
        let readiness = world.until_readyz(503).await.json();
        assert!(readiness["keys"].as_str().unwrap().starts_with("no keys of"), "{readiness}");
        world.issuer.wait_for_fetches(1).await;
        unavailable(&world, &world.issuer.token().bearer()).await;
        // Nobody can tell these from good ones either.
        unavailable(&world, &world.issuer.token().broken().bearer()).await;
        unavailable(&world, &world.issuer.token().expires_in(-300).bearer()).await;
        world.issuer.publish(Alg::ALL.map(published));
        world.until_ready().await;
        let answer = world.call("GET", PATH, "").await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(world.call_as(&world.issuer.token().broken().bearer(), "GET", PATH, "").await.status, 401);
    };
    let elsewhere = Issuer::named("https://elsewhere.test").await;
    // The other kinds of trouble are in `hostile::issuer`.
    tokio::join!(
        in_trouble(Reply::status(302).header("Location", &elsewhere.jwks_url())),
        in_trouble(Reply::status(503)),
    );
    assert_eq!(elsewhere.fetches(), 0, "a redirect was followed");
}

#[tokio::test]
async fn known_keys_serve_through_an_outage_until_they_are_too_old() {
    // Long enough for what is to be seen before they are too old.
    let world = World::with(&[SOON, ("AUTHN__KEYS_MAX_AGE", "6s")]).await;
    let cached = world.issuer.token().bearer();
    assert_eq!(world.call_as(&cached, "GET", PATH, "").await.status, 200);
    world.issuer.answer_with(Reply::status(500));
    world.until_status("the outage", |status| !status["issuers"][0]["last_error"].is_null()).await;
    assert_eq!(world.call_as(&cached, "GET", PATH, "").await.status, 200, "cached");
    assert_eq!(world.call("GET", PATH, "").await.status, 200, "not seen before");
    world.until_ready().await;
    // It may be one that was published since.
    unavailable(&world, &world.issuer.token().signed_by(strange(Alg::Es256)).bearer()).await;

    let readiness = world.until_readyz(503).await.json();
    assert!(readiness["keys"].as_str().unwrap().contains("500"), "{readiness}");
    unavailable(&world, &cached).await;
    unavailable(&world, &world.issuer.token().bearer()).await;
    world.issuer.publish(Alg::ALL.map(published));
    world.until_ready().await;
    assert_eq!(world.call_as(&cached, "GET", PATH, "").await.status, 200, "healed");
}

#[tokio::test]
async fn an_unknown_key_in_an_outage_is_unavailable_and_heals() {
    let world = World::start().await;
    let new = strange(Alg::Es256);
    let gate = Gate::closed();
    world.issuer.answer_with(Reply::close().behind(&gate));
    let bearers: Vec<String> = (0..10).map(|_| world.issuer.token().signed_by(new).bearer()).collect();
    let all = join_all(bearers.iter().map(|bearer| unavailable(&world, bearer)));
    let meanwhile = async {
        world.until_status("all of them to wait", |status| status["requests_in_flight"] == 10).await;
        world.issuer.wait_for_fetches(2).await;
        assert_eq!(world.issuer.fetches(), 2, "one for all of them");
        gate.open();
    };
    tokio::join!(all, meanwhile);
    assert_eq!(world.call("GET", PATH, "").await.status, 200, "known keys are not touched");
    world.issuer.publish([new]);
    // Tried again on its own, a second after the failure, not by whoever asks.
    world.until_status("the new set", |status| status["issuers"][0]["generation"] == 2).await;
    for bearer in &bearers {
        assert_eq!(world.call_as(bearer, "GET", PATH, "").await.status, 200);
    }
}
