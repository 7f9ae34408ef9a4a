//! The limit of bad tokens from one address.

use crate::limits::{PATH, daily, get, turned_away, with_quota};
use crate::support::client;
use crate::support::issuer::unix_now;
use crate::support::keys::{Alg, published, strange};
use crate::support::server::Reply;

#[tokio::test]
async fn bad_tokens_are_limited_by_address_before_they_are_looked_at() {
    // One worker, so that all calls meet the same remembered tokens.
    let world = with_quota("AUTHN__ADDRESS_LIMIT", daily("3"), &[("LISTEN__WORKERS", "1")]).await;
    let known = world.issuer.token().bearer();
    assert_eq!(world.call_as(&known, "GET", PATH, "").await.status, 200);
    for _ in 0..3 {
        let bad = world.issuer.token().broken().bearer();
        assert_eq!(world.call_as(&bad, "GET", PATH, "").await.problem(), "token_rejected");
    }
    let bad = world.call_as(&world.issuer.token().broken().bearer(), "GET", PATH, "").await;
    assert_eq!(bad.status, 429);
    turned_away(&world, &bad, "address_rate_limited").await;
    assert_eq!(bad.header("ratelimit"), None, "whose limits they would be is not known");
    assert_eq!(
        get(&world).await.problem(),
        "address_rate_limited",
        "a good one that is new is not looked at"
    );
    assert_eq!(world.call_as(&known, "GET", PATH, "").await.status, 200, "one that is known still works");
    let missing = client::send(world.address, "GET", PATH, &[], "").await;
    assert_eq!(missing.problem(), "token_missing", "who sends none is told to send one");
    assert_eq!(world.vendor.calls().len(), 2);
}

#[tokio::test]
async fn tokens_that_an_issuer_signed_and_missing_ones_count_nothing_against_an_address() {
    let world = with_quota("AUTHN__ADDRESS_LIMIT", daily("1"), &[]).await;
    for _ in 0..10 {
        assert_eq!(get(&world).await.status, 200);
        assert_eq!(client::send(world.address, "GET", PATH, &[], "").await.status, 401);
        let stranger = world.issuer.token().claim("tenant", "nobody").bearer();
        assert_eq!(world.call_as(&stranger, "GET", PATH, "").await.problem(), "tenant_unknown");
        let expired = world.issuer.token().claim("iat", unix_now() - 600).expires_in(-60).bearer();
        assert_eq!(world.call_as(&expired, "GET", PATH, "").await.problem(), "token_expired");
        let early = world.issuer.token().claim("nbf", unix_now() + 300).bearer();
        assert_eq!(world.call_as(&early, "GET", PATH, "").await.problem(), "token_not_yet_valid");
        let without_scope = world.issuer.token().claim("scope", "").bearer();
        assert_eq!(world.call_as(&without_scope, "GET", PATH, "").await.problem(), "scope_missing");
    }
}

#[tokio::test]
async fn a_signature_that_was_checked_in_vain_counts_in_an_outage_too() {
    let world = with_quota("AUTHN__ADDRESS_LIMIT", daily("1"), &[("AUTHN__REFRESH_INTERVAL", "1s")]).await;
    world.issuer.publish([published(Alg::Es256)]);
    world.until_status("one key", |status| status["issuers"][0]["keys"] == 1).await;
    world.issuer.answer_with(Reply::status(500));
    world.until_status("a failed fetch", |status| status["issuers"][0]["last_error"].is_string()).await;
    // Without a kid the only key that fits is tried, and the signature may be its successor's.
    let forged = || world.issuer.token().signed_by(strange(Alg::Es256)).without_header("kid").bearer();
    assert_eq!(world.call_as(&forged(), "GET", PATH, "").await.problem(), "keys_unavailable");
    let over = world.call_as(&forged(), "GET", PATH, "").await;
    turned_away(&world, &over, "address_rate_limited").await;
    assert_eq!(world.vendor.calls().len(), 0);
}

#[tokio::test]
async fn behind_a_trusted_proxy_each_address_is_limited_by_itself() {
    let proxy = ("LISTEN__TRUSTED_PROXIES", "127.0.0.1");
    let world = with_quota("AUTHN__ADDRESS_LIMIT", daily("1"), &[proxy]).await;
    let ask = async |bearer: String, client: &str| {
        let headers = [("Authorization", bearer.as_str()), ("X-Forwarded-For", client)];
        client::send(world.address, "GET", PATH, &headers, "").await
    };
    let bad = || world.issuer.token().broken().bearer();
    assert_eq!(ask(bad(), "198.51.100.1").await.status, 401);
    let over = ask(bad(), "198.51.100.1").await;
    turned_away(&world, &over, "address_rate_limited").await;
    let outcome = world.trail.outcome_of(over.header("x-request-id").expect("an id")).await;
    assert_eq!(outcome["client"], "198.51.100.1");
    assert_eq!(
        ask(bad(), "203.0.113.9, 198.51.100.1").await.status,
        429,
        "what it claims to be is not asked"
    );
    assert_eq!(ask(world.issuer.token().bearer(), "198.51.100.2").await.status, 200);
    assert_eq!(ask(bad(), "2001:db8::1").await.status, 401);
    assert_eq!(ask(bad(), "2001:db8::ffff").await.status, 429, "a subscriber has a whole /64");
    assert_eq!(ask(bad(), "2001:db8:0:1::1").await.status, 401);
}
