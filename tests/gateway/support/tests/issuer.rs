use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256,
    RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512, RSA_PSS_2048_8192_SHA256,
    RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512, RsaParameters, RsaPublicKeyComponents,
    UnparsedPublicKey, VerificationAlgorithm,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::support::client::send;
use crate::support::issuer::{AUDIENCE, Issuer, SCOPES, unix_now};
use crate::support::keys::{Alg, published, strange};
use crate::support::server::Reply;

#[tokio::test]
async fn an_issuer_publishes_what_it_is_told() {
    let issuer = Issuer::start().await;
    let url = issuer.jwks_url();
    let address = url.strip_prefix("http://").unwrap().strip_suffix("/jwks.json").unwrap();
    let address = address.parse().unwrap();
    let kids = |set: &Value| -> Vec<String> {
        let keys = set["keys"].as_array().unwrap().iter();
        keys.map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
    };
    let all = send(address, "GET", "/jwks.json", &[], "").await;
    assert_eq!(kids(&all.json()), Alg::ALL.map(|alg| format!("key-{}", alg.name())));
    issuer.publish([&strange(Alg::EdDsa).named("next")]);
    assert_eq!(kids(&send(address, "GET", "/jwks.json", &[], "").await.json()), ["next"]);
    issuer.answer_with(Reply::status(503));
    assert_eq!(send(address, "GET", "/jwks.json", &[], "").await.status, 503);
    issuer.wait_for_fetches(3).await;
    assert_eq!(issuer.fetches(), 3);
}

fn decode(part: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(part).unwrap()
}

/// The header, the claims and the signature of a token.
fn parts(token: &str) -> (Value, Value, Vec<u8>) {
    let parts: Vec<&str> = token.split('.').collect();
    assert_eq!(parts.len(), 3, "{token}");
    let json = |part: &str| serde_json::from_slice(&decode(part)).unwrap();
    (json(parts[0]), json(parts[1]), decode(parts[2]))
}

fn verifies(jwk: &Value, alg: Alg, message: &str, signature: &[u8]) -> bool {
    let member = |name: &str| decode(jwk[name].as_str().unwrap());
    let rsa = |parameters: &RsaParameters| {
        let (n, e) = (member("n"), member("e"));
        RsaPublicKeyComponents { n, e }.verify(parameters, message.as_bytes(), signature)
    };
    let curve = |algorithm: &'static dyn VerificationAlgorithm, key: Vec<u8>| {
        UnparsedPublicKey::new(algorithm, key).verify(message.as_bytes(), signature)
    };
    let point = || [vec![4], member("x"), member("y")].concat();
    let verified = match alg {
        Alg::Rs256 => rsa(&RSA_PKCS1_2048_8192_SHA256),
        Alg::Rs384 => rsa(&RSA_PKCS1_2048_8192_SHA384),
        Alg::Rs512 => rsa(&RSA_PKCS1_2048_8192_SHA512),
        Alg::Ps256 => rsa(&RSA_PSS_2048_8192_SHA256),
        Alg::Ps384 => rsa(&RSA_PSS_2048_8192_SHA384),
        Alg::Ps512 => rsa(&RSA_PSS_2048_8192_SHA512),
        Alg::Es256 => curve(&ECDSA_P256_SHA256_FIXED, point()),
        Alg::Es384 => curve(&ECDSA_P384_SHA384_FIXED, point()),
        Alg::EdDsa => curve(&ED25519, member("x")),
    };
    verified.is_ok()
}

#[tokio::test]
async fn every_algorithm_signs_what_its_published_key_verifies() {
    let issuer = Issuer::start().await;
    for alg in Alg::ALL {
        let key = published(alg);
        let token = issuer.token().alg(alg).build();
        let (header, _, signature) = parts(&token);
        assert_eq!((&header["alg"], &header["kid"]), (&json!(alg.name()), &json!(key.kid)));
        let (message, _) = token.rsplit_once('.').unwrap();
        assert!(verifies(&key.jwk(), alg, message, &signature), "{alg:?}");
        assert!(!verifies(&strange(alg).jwk(), alg, message, &signature), "{alg:?}");
    }
}

#[tokio::test]
async fn everything_about_a_token_can_be_changed() {
    let issuer = Issuer::named("https://other.test").await;
    let good = issuer.token();
    let (header, claims, _) = parts(&good.clone().build());
    assert_eq!(header, json!({"typ": "JWT", "alg": "ES256", "kid": "key-ES256"}));
    assert_eq!(
        (&claims["iss"], &claims["aud"], &claims["scope"]),
        (&json!(issuer.name()), &json!(AUDIENCE), &json!(SCOPES))
    );
    assert_ne!(claims["jti"], parts(&issuer.token().build()).1["jti"]);

    let changed = good.clone().claim("tenant", json!(["crm"])).without("sub").expires_in(-60);
    let (_, claims, _) = parts(&changed.header("crit", json!(["b64"])).without_header("kid").build());
    assert_eq!((&claims["tenant"], claims.get("sub")), (&json!(["crm"]), None));
    assert!(claims["exp"].as_i64().unwrap() <= unix_now() - 60);

    let (header, _, signature) = parts(&good.clone().hmac(b"secret").build());
    assert_eq!((&header["alg"], signature.len()), (&json!("HS256"), 32));
    assert_eq!(parts(&good.clone().unsigned().build()).2, b"");
    assert_eq!(parts(&good.clone().alg(Alg::Rs256).broken().build()).2.len(), 256);
    let raw = good.clone().raw_header(r#"{"alg":"none"}"#).raw_claims("[]").build();
    assert!(raw.starts_with("eyJhbGciOiJub25lIn0.W10."), "{raw}");
    assert!(good.signed_by(strange(Alg::Es384)).bearer().starts_with("Bearer ey"));
}
