//! Issuers come, go and move.

use super::*;
use crate::support::issuer::Issuer;
use crate::support::keys::{Alg, published, strange};
use crate::support::server::Reply;

fn another(issuer: &Issuer) -> String {
    format!(
        "[[authn.issuers]]\nissuer = \"{}\"\naudiences = [\"confgate\"]\nalgorithms = [\"RS256\"]\njwks_url = \"{}\"\n\n[apps.meet]",
        issuer.name(),
        issuer.jwks_url()
    )
}

#[tokio::test]
async fn an_issuer_that_is_new_is_known_before_its_first_caller() {
    let tally = tally();
    let world = World::with(&[PATIENT]).await;
    let second = Issuer::named("https://second.test").await;
    let bearer = second.token().alg(Alg::Rs256).bearer();
    assert_eq!(world.call_as(&bearer, "GET", "/conferences/IM3", "").await.problem(), "token_rejected");
    let fetches = world.issuer.fetches();
    world.edit("[apps.meet]", &another(&second));
    world.reload();
    until_generation(&world, 2).await;
    assert_eq!(world.call_as(&bearer, "GET", "/conferences/IM3", "").await.status, 200);
    assert_eq!(get(&world, "crm", "a").await.status, 200);
    tally.requests(3);
    // Being asked has every issuer's keys fetched anew; the change by itself has not.
    world.issuer.wait_for_fetches(fetches + 1).await;

    world.edit(&another(&second), "[apps.meet]");
    world.reload();
    until_generation(&world, 3).await;
    assert_eq!(world.call_as(&bearer, "GET", "/conferences/IM3", "").await.problem(), "token_rejected");
    tally.finish();
}

#[tokio::test]
async fn an_issuer_that_cannot_be_reached_is_not_put_into_service_until_it_can() {
    let tally = tally();
    let world = World::with(&[PATIENT]).await;
    let second = Issuer::named("https://second.test").await;
    second.answer_with(Reply::status(500));
    tally.fault();
    world.edit("[apps.meet]", &another(&second));
    world.reload();
    until_refused(&world, "https://second.test cannot be had").await;
    assert_eq!(world.status().await["configuration"]["generation"], 1);
    assert_eq!(get(&world, "crm", "a").await.status, 200);
    tally.requests(1);
    second.publish([published(Alg::Rs256)]);
    world.reload();
    until_generation(&world, 2).await;
    tally.finish();
}

#[tokio::test]
async fn a_key_that_was_withdrawn_is_gone_as_soon_as_the_gateway_is_asked_to_read_again() {
    let tally = tally();
    let world = World::with(&[PATIENT]).await;
    assert_eq!(get(&world, "crm", "a").await.status, 200);
    world.issuer.publish([strange(Alg::Rs256)]);
    assert_eq!(get(&world, "crm", "a").await.status, 200, "until the next refresh");
    let fetches = world.issuer.fetches();
    world.reload();
    world.issuer.wait_for_fetches(fetches + 1).await;
    world.until_status("other keys", |status| status["issuers"][0]["generation"] == 2).await;
    let refused = get(&world, "crm", "a").await;
    assert_eq!(refused.problem(), "token_rejected");
    tally.requests(3);
    assert_eq!(world.status().await["configuration"]["generation"], 1, "the configuration is the same");
    tally.finish();
}

#[tokio::test]
async fn an_audience_that_changes_keeps_the_keys_and_drops_what_was_verified_before() {
    let tally = tally();
    let world = World::with(&[PATIENT]).await;
    let bearer = world.issuer.token().bearer();
    assert_eq!(world.call_as(&bearer, "GET", "/conferences/IM3", "").await.status, 200);
    let fetches = world.issuer.fetches();
    world.edit("audiences = [\"confgate\"]", "audiences = [\"another\"]");
    world.reload();
    until_generation(&world, 2).await;
    assert_eq!(world.call_as(&bearer, "GET", "/conferences/IM3", "").await.problem(), "token_rejected");
    let other = world.issuer.token().claim("aud", "another").bearer();
    assert_eq!(world.call_as(&other, "GET", "/conferences/IM3", "").await.status, 200);
    tally.requests(3);
    world.issuer.wait_for_fetches(fetches + 1).await;
    tally.finish();
}
