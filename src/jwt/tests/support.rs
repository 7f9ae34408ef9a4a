//! An issuer for tests: keys, tokens signed with jsonwebtoken (an implementation other than the one under
//! test), and a keyring that holds what the test published.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P521_SHA512_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm as Named, EncodingKey, crypto};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::jwt::issuer::{Issuer, IssuerKeys, Terms};
use crate::jwt::keyset::KeySet;
use crate::jwt::snapshot::Snapshot;
use crate::jwt::{Algorithm, IssuerConfig, JwtConfig, KeySource, Keyring, Rejection, Verified};
use crate::upstream::Endpoint;

pub(crate) const ISSUER: &str = "https://sso.corp.example";
/// 2023-11-14T22:13:20Z
pub(crate) const NOW: i64 = 1_700_000_000;
pub(crate) const SECRET: &[u8] = b"a secret of more than sixty-four bytes, so that it is enough for HS512";

static RSA: LazyLock<String> = LazyLock::new(|| pem(&rcgen::PKCS_RSA_SHA256));
static OTHER_RSA: LazyLock<String> = LazyLock::new(|| pem(&rcgen::PKCS_RSA_SHA256));

fn pem(algorithm: &'static rcgen::SignatureAlgorithm) -> String {
    rcgen::KeyPair::generate_for(algorithm).unwrap().serialize_pem()
}

/// A key pair, or a shared secret.
pub(crate) struct Signer {
    pub(crate) kid: &'static str,
    pub(crate) alg: &'static str,
    /// The published half; null for a secret.
    pub(crate) jwk: Value,
    key: Key,
}

enum Key {
    Encoding(EncodingKey, Named),
    P521(EcdsaKeyPair),
}

impl Signer {
    pub(crate) fn rsa(kid: &'static str, alg: &'static str) -> Self {
        Self::pair(kid, alg, EncodingKey::from_rsa_pem(RSA.as_bytes()).unwrap())
    }

    pub(crate) fn other_rsa(kid: &'static str, alg: &'static str) -> Self {
        Self::pair(kid, alg, EncodingKey::from_rsa_pem(OTHER_RSA.as_bytes()).unwrap())
    }

    pub(crate) fn p256(kid: &'static str) -> Self {
        Self::p256_from(kid, &pem(&rcgen::PKCS_ECDSA_P256_SHA256))
    }

    pub(crate) fn p256_from(kid: &'static str, pem: &str) -> Self {
        Self::pair(kid, "ES256", EncodingKey::from_ec_pem(pem.as_bytes()).unwrap())
    }

    pub(crate) fn p384(kid: &'static str) -> Self {
        let pem = pem(&rcgen::PKCS_ECDSA_P384_SHA384);
        Self::pair(kid, "ES384", EncodingKey::from_ec_pem(pem.as_bytes()).unwrap())
    }

    pub(crate) fn p521(kid: &'static str) -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P521_SHA512_FIXED_SIGNING).unwrap();
        let (x, y) = pair.public_key().as_ref()[1..].split_at(66);
        let jwk =
            json!({"kty": "EC", "crv": "P-521", "x": base64(x), "y": base64(y), "kid": kid, "alg": "ES512"});
        Self { kid, alg: "ES512", jwk, key: Key::P521(pair) }
    }

    pub(crate) fn ed25519(kid: &'static str) -> Self {
        let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
        let x = base64(pair.public_key_raw());
        Self {
            kid,
            alg: "EdDSA",
            jwk: json!({"kty": "OKP", "crv": "Ed25519", "x": x, "kid": kid, "alg": "EdDSA", "use": "sig"}),
            key: Key::Encoding(EncodingKey::from_ed_der(&pair.serialize_der()), Named::EdDSA),
        }
    }

    pub(crate) fn hmac(alg: &'static str) -> Self {
        Self::with_secret(alg, SECRET)
    }

    pub(crate) fn with_secret(alg: &'static str, secret: &[u8]) -> Self {
        Self {
            kid: "hmac",
            alg,
            jwk: Value::Null,
            key: Key::Encoding(EncodingKey::from_secret(secret), alg.parse().unwrap()),
        }
    }

    fn pair(kid: &'static str, alg: &'static str, key: EncodingKey) -> Self {
        let named: Named = alg.parse().unwrap();
        let mut jwk = serde_json::to_value(Jwk::from_encoding_key(&key, named).unwrap()).unwrap();
        jwk["kid"] = kid.into();
        jwk["alg"] = alg.into();
        jwk["use"] = "sig".into();
        Self { kid, alg, jwk, key: Key::Encoding(key, named) }
    }

    /// The signature, in base64url.
    pub(crate) fn sign(&self, message: &str) -> String {
        match &self.key {
            Key::Encoding(key, alg) => crypto::sign(message.as_bytes(), key, *alg).unwrap(),
            Key::P521(pair) => base64(pair.sign(&SystemRandom::new(), message.as_bytes()).unwrap()),
        }
    }

    pub(crate) fn header(&self) -> Value {
        json!({"typ": "JWT", "alg": self.alg, "kid": self.kid})
    }

    /// A token with this header and these claims.
    pub(crate) fn token(&self, header: &Value, claims: &Value) -> String {
        self.raw(&header.to_string(), &claims.to_string())
    }

    /// A token of two texts, whatever they are.
    pub(crate) fn raw(&self, header: &str, claims: &str) -> String {
        let message = format!("{}.{}", base64(header), base64(claims));
        let signature = self.sign(&message);
        format!("{message}.{signature}")
    }

    /// A token that is good at [`NOW`].
    pub(crate) fn good(&self) -> String {
        self.token(&self.header(), &claims())
    }

    /// A good token but for one claim; null removes it.
    pub(crate) fn with_claim(&self, name: &str, value: Value) -> String {
        self.token(&self.header(), &with(claims(), name, value))
    }

    /// A good token but for one parameter of the header; null removes it.
    pub(crate) fn with_parameter(&self, name: &str, value: Value) -> String {
        self.token(&with(self.header(), name, value), &claims())
    }
}

pub(crate) fn base64(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

pub(crate) fn with(mut object: Value, name: &str, value: Value) -> Value {
    let members = object.as_object_mut().unwrap();
    if value.is_null() {
        members.remove(name);
    } else {
        members.insert(name.into(), value);
    }
    object
}

pub(crate) fn claims() -> Value {
    json!({
        "iss": ISSUER, "aud": "confgate", "sub": "huangcl", "tenant": "crm",
        "exp": NOW + 600, "iat": NOW - 60,
        "nbf": NOW - 60, "jti": "t-1", "scope": "conference:create conference:get",
    })
}

pub(crate) fn issuer_config(algorithms: &[Algorithm]) -> IssuerConfig {
    IssuerConfig {
        issuer: ISSUER.into(),
        audiences: vec!["confgate".into(), "https://confgate.example".into()],
        algorithms: algorithms.to_vec(),
        keys: KeySource::Url(Endpoint::parse("https://unused.test/jwks.json").unwrap()),
        tenant_claim: "tenant".into(),
        subject_claim: "sub".into(),
        user_claim: "sub".into(),
        scope_claim: "scope".into(),
        types: vec!["JWT".into(), "at+jwt".into()],
    }
}

pub(crate) fn config(issuers: Vec<IssuerConfig>) -> JwtConfig {
    JwtConfig {
        issuers,
        leeway: Duration::from_secs(30),
        max_lifetime: Duration::from_hours(24),
        max_token_bytes: 8192,
        refresh_interval: Duration::from_mins(5),
        unknown_key_cooldown: Duration::from_secs(30),
        keys_max_age: Duration::from_hours(1),
        max_jwks_bytes: 1 << 20,
        cache_capacity: 1000,
    }
}

/// A keyring with one issuer that accepts `algorithms`, before its first fetch.
pub(crate) fn empty_keyring(algorithms: &[Algorithm]) -> Keyring {
    empty_keyring_for(issuer_config(algorithms))
}

fn empty_keyring_for(issuer: IssuerConfig) -> Keyring {
    let config = config(vec![issuer]);
    let issuer = config.issuers[0].clone();
    let keys = Arc::new(IssuerKeys::new(Terms::new(&issuer, &config), None));
    Keyring::new(vec![Arc::new(Issuer { config: issuer, keys })], &config, None)
}

/// A keyring with one issuer and its keys.
pub(crate) fn keyring_for(issuer: IssuerConfig, keys: KeySet) -> Keyring {
    let keyring = empty_keyring_for(issuer);
    publish(&keyring, keys);
    keyring
}

/// A keyring whose one issuer publishes the keys of `signers`.
pub(crate) fn keyring_of(algorithms: &[Algorithm], signers: &[&Signer]) -> Keyring {
    let keyring = empty_keyring(algorithms);
    publish(&keyring, jwks(signers, algorithms));
    keyring
}

/// The key set that holds the published halves.
pub(crate) fn jwks(signers: &[&Signer], accepted: &[Algorithm]) -> KeySet {
    KeySet::from_jwks(document(signers).to_string().as_bytes(), accepted).unwrap()
}

pub(crate) fn document(signers: &[&Signer]) -> Value {
    json!({"keys": signers.iter().map(|signer| &signer.jwk).collect::<Vec<_>>()})
}

/// Does what the actor does after a fetch.
pub(crate) fn publish(keyring: &Keyring, keys: KeySet) {
    change(keyring, |before| before.refreshed(keys, Instant::now(), Some(Duration::from_hours(1))));
}

pub(crate) fn change(keyring: &Keyring, to: impl FnOnce(&Snapshot) -> Snapshot) {
    let snapshot = &keyring.0.issuers[0].keys.snapshot;
    let after = to(&snapshot.load());
    snapshot.store(Arc::new(after));
}

pub(crate) fn now() -> Timestamp {
    at(NOW)
}

pub(crate) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

pub(crate) fn verify(keyring: &Keyring, token: &str) -> Result<Verified, Rejection> {
    let verified = keyring.verify(token, now())?;
    verified.check(now()).map(|()| verified)
}

/// As the gateway looks at a token: a second time where its key was unknown.
pub(crate) async fn verify_or_refetch(keyring: &Keyring, token: &str) -> Result<Verified, Rejection> {
    match keyring.verify(token, now()) {
        Err(Rejection::KeyUnknown(issuer) | Rejection::SuccessorUnknown(issuer)) => {
            keyring.verify_after_refetch(issuer, token, now()).await
        }
        verdict => verdict,
    }
}

#[track_caller]
pub(crate) fn assert_malformed(keyring: &Keyring, token: &str) {
    let outcome = verify(keyring, token);
    assert!(matches!(outcome, Err(Rejection::Malformed(_))), "{outcome:?}");
}

#[track_caller]
pub(crate) fn assert_rejected(keyring: &Keyring, token: &str) {
    let outcome = verify(keyring, token);
    assert!(matches!(outcome, Err(Rejection::Rejected(_))), "{outcome:?}");
}
