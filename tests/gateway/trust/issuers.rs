//! Several issuers side by side, and one that shares a secret.

use super::{PATH, admitted, refused, rejected, world_of};
use crate::support::issuer::Issuer;
use crate::support::keys::{Alg, base64, published, strange};
use crate::support::server::Reply;

const SECRET: &[u8] = b"a secret of at least 32 bytes, shared with the issuer";

#[tokio::test]
async fn an_issuers_keys_are_good_for_its_own_tokens() {
    let (first, second) = (Issuer::named("https://a.test").await, Issuer::named("https://b.test").await);
    first.publish([published(Alg::Es256)]);
    second.publish([strange(Alg::Es256)]);
    let of_second = second.jwks_url();
    let settings = [("AUDIENCES", "b-only"), ("ALGORITHMS", "ES256"), ("JWKS_URL", of_second.as_str())];
    let world = world_of(first, &[(second.name(), &settings)]).await;
    let of_a = || world.issuer.token();
    let of_b = || second.token().claim("aud", "b-only").signed_by(strange(Alg::Es256));
    let disguised = strange(Alg::Es256).named(&published(Alg::Es256).kid);
    refused(
        &world,
        &[
            rejected("A by B", of_a().signed_by(strange(Alg::Es256)), "the issuer publishes no such key"),
            rejected(
                "A by B, disguised",
                of_a().signed_by(&disguised),
                "the signature is not that of the key",
            ),
            rejected("B by A", of_b().signed_by(published(Alg::Es256)), "the issuer publishes no such key"),
            rejected("B for A's audience", of_b().claim("aud", "confgate"), "aud names another audience"),
            rejected("A for B's audience", of_a().claim("aud", "b-only"), "aud names another audience"),
            rejected("B by EdDSA", of_b().header("alg", "EdDSA"), "alg is not accepted from this issuer"),
        ],
    )
    .await;
    admitted(&world, &of_a().build()).await;
    admitted(&world, &of_b().build()).await;
    assert_eq!((world.issuer.fetches(), second.fetches()), (2, 2));
}

#[tokio::test]
async fn one_issuers_outage_is_not_the_others() {
    let second = Issuer::named("https://b.test").await;
    let url = second.jwks_url();
    let settings = [("AUDIENCES", "confgate"), ("ALGORITHMS", "ES256"), ("JWKS_URL", url.as_str())];
    let world = world_of(Issuer::start().await, &[(second.name(), &settings)]).await;
    second.answer_with(Reply::status(500));
    let unknown = second.token().signed_by(strange(Alg::Es256)).bearer();
    let answer = world.call_as(&unknown, "GET", PATH, "").await;
    assert_eq!((answer.status, answer.problem().as_str()), (503, "keys_unavailable"));
    assert_eq!(world.vendor.calls().len(), 0);
    let outcome = world.trail.outcome_of(answer.request_id()).await;
    assert_eq!((&outcome["reason"], &outcome["status"]), (&"keys_unavailable".into(), &503.into()));
    admitted(&world, &world.issuer.token().build()).await;
    admitted(&world, &second.token().build()).await;
    world.until_ready().await;
}

#[tokio::test]
async fn a_shared_secret_counts_where_it_is_configured_and_nowhere_else() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), [SECRET, b"\n"].concat()).unwrap();
    let path = file.path().to_str().unwrap();
    let shared = Issuer::named("https://hmac.test").await;
    let settings = [("AUDIENCES", "confgate"), ("ALGORITHMS", "HS256"), ("HMAC_FILE", path)];
    let world = world_of(Issuer::start().await, &[(shared.name(), &settings)]).await;
    // A set that tries to bring a secret of its own; the good keys are in it too.
    let mut keys: Vec<_> = [Alg::Es256, Alg::Rs256].map(|alg| published(alg).jwk()).into();
    keys.push(serde_json::json!({"kty": "oct", "kid": "oct", "alg": "HS256", "k": base64(SECRET)}));
    world.issuer.answer_with(Reply::json(200, &serde_json::json!({ "keys": keys })));

    let unknown = world.issuer.token().header("kid", "oct");
    let not_accepted = "alg is not accepted from this issuer";
    refused(
        &world,
        &[
            rejected("makes the set be read", unknown, "the issuer publishes no such key"),
            rejected("the secret, at a public issuer", world.issuer.token().hmac(SECRET), not_accepted),
            rejected(
                "a secret out of the set",
                world.issuer.token().hmac(SECRET).header("kid", "oct"),
                not_accepted,
            ),
            rejected("another secret", shared.token().hmac(b"guess"), "the issuer publishes no such key"),
            rejected("no secret", shared.token().hmac(b""), "the issuer publishes no such key"),
            rejected("HS512", shared.token().hmac(SECRET).header("alg", "HS512"), not_accepted),
            rejected("a public key", shared.token(), not_accepted),
            rejected("unsigned", shared.token().unsigned().header("alg", "none"), "alg is not known"),
        ],
    )
    .await;
    admitted(&world, &shared.token().hmac(SECRET).build()).await;
    assert_eq!(world.issuer.fetches(), 2);
    assert_eq!(world.status().await["issuers"][0]["ignored"][0]["kid"], "oct");
}
