use serde_json::{Value, json};

use super::support::*;
use crate::jwt::keyset::{InvalidKeySet, KeySet};
use crate::jwt::{Algorithm, IssuerIndex, Rejection};

const BOTH: [Algorithm; 2] = [Algorithm::RS256, Algorithm::PS256];

fn set(keys: &[Value], accepted: &[Algorithm]) -> KeySet {
    KeySet::from_jwks(json!({"keys": keys}).to_string().as_bytes(), accepted).unwrap()
}

#[test]
fn one_bad_key_does_not_spoil_the_set() {
    let good = Signer::rsa("good", "RS256");
    let jwk = |name: &str, value: Value| with(good.jwk.clone(), name, value);
    let bad = [
        json!(null),
        json!("key"),
        json!({}),
        json!({"kty": "XYZ", "kid": "x"}),
        json!({"kty": "oct", "k": base64([1; 64]), "alg": "HS256", "kid": "good"}),
        jwk("n", json!("AQAB")),
        jwk("n", json!(5)),
        jwk("n", json!("")),
        jwk("n", json!("not base64url!")),
        jwk("e", json!("AQ")),
        jwk("e", json!("Ag")),
        jwk("e", json!("AAAA")),
        jwk("e", json!("AQAAAAAB")),
        jwk("use", json!("enc")),
        jwk("key_ops", json!(["sign"])),
        jwk("key_ops", json!("verify")),
        jwk("alg", json!("RSA-OAEP")),
        jwk("alg", json!("ES256")),
        jwk("alg", json!("RS512")),
        jwk("kid", json!(7)),
        jwk("kid", json!("k".repeat(257))),
        jwk("d", json!("AQAB")),
        jwk("kty", json!("EC")),
    ];
    for bad in bad {
        let keys = set(&[bad.clone(), good.jwk.clone()], &BOTH);
        assert_eq!((keys.keys().len(), keys.ignored().len()), (1, 1), "{bad}");
        assert_eq!(keys.keys()[0].kid(), Some("good"));
    }
}

#[test]
fn what_is_no_set_is_an_error() {
    for text in ["", "{}", "[]", "null", r#"{"keys":{}}"#, r#"{"keys":null}"#, "<html>", r#"{"keys":[]"#] {
        assert_eq!(
            KeySet::from_jwks(text.as_bytes(), &BOTH).err(),
            Some(InvalidKeySet::NotAJwkSet),
            "{text}"
        );
    }
    assert!(set(&[], &BOTH).keys().is_empty());
    let of = |count: usize| json!({"keys": vec![json!({}); count]}).to_string();
    assert_eq!(KeySet::from_jwks(of(1001).as_bytes(), &BOTH).err(), Some(InvalidKeySet::TooMany(1001)));
    assert_eq!(KeySet::from_jwks(of(1000).as_bytes(), &BOTH).unwrap().ignored().len(), 1000);
}

#[test]
fn a_modulus_may_have_a_zero_in_front_and_must_have_2048_bits() {
    let signer = Signer::rsa("k", "RS256");
    let n = crate::jwt::compact::decode(signer.jwk["n"].as_str().unwrap()).unwrap();
    let padded = with(signer.jwk.clone(), "n", json!(base64([&[0], n.as_slice()].concat())));
    assert_eq!(set(&[padded], &BOTH).keys().len(), 1);
    let mut short = n.clone();
    short[0] &= 0x7f;
    assert!(set(&[with(signer.jwk.clone(), "n", json!(base64(short)))], &BOTH).keys().is_empty());
    let long = [n.clone(), n.clone(), n.clone(), n.clone(), vec![1]].concat();
    assert!(set(&[with(signer.jwk.clone(), "n", json!(base64(long)))], &BOTH).keys().is_empty());
}

#[test]
fn a_key_without_alg_takes_the_first_that_fits() {
    let jwk = with(Signer::rsa("k", "RS256").jwk, "alg", Value::Null);
    let order = [Algorithm::ES256, Algorithm::PS384, Algorithm::RS256];
    let keyring = keyring_for(issuer_config(&order), set(&[jwk], &order));
    assert!(verify(&keyring, &Signer::rsa("k", "PS384").good()).is_ok());
    assert_rejected(&keyring, &Signer::rsa("k", "RS256").good());
}

#[test]
fn key_material_serves_one_algorithm() {
    let (first, second) = (Signer::rsa("a", "RS256"), Signer::rsa("b", "PS256"));
    let keyring = keyring_of(&BOTH, &[&first, &second]);
    assert!(verify(&keyring, &first.good()).is_ok());
    assert_eq!(verify(&keyring, &second.good()).unwrap_err(), Rejection::KeyUnknown(IssuerIndex(0)));
    let alias = Signer::rsa("b", "RS256");
    let keyring = keyring_of(&BOTH, &[&first, &alias]);
    assert!(verify(&keyring, &first.good()).is_ok() && verify(&keyring, &alias.good()).is_ok());
}

#[test]
fn two_keys_of_one_name_are_told_apart_by_algorithm_or_not_used() {
    let (rsa, other) = (Signer::rsa("k", "RS256"), Signer::other_rsa("k", "RS256"));
    let elliptic = Signer::p256("k");
    let accepted = [Algorithm::RS256, Algorithm::ES256];
    let keyring = keyring_of(&accepted, &[&rsa, &elliptic, &rsa]);
    assert!(verify(&keyring, &rsa.good()).is_ok() && verify(&keyring, &elliptic.good()).is_ok());
    let keyring = keyring_of(&accepted, &[&rsa, &other, &elliptic]);
    assert_rejected(&keyring, &rsa.good());
    assert_rejected(&keyring, &other.good());
    assert!(verify(&keyring, &elliptic.good()).is_ok());
}

#[test]
fn a_token_without_kid_needs_a_single_fitting_key() {
    let (rsa, elliptic) = (Signer::rsa("a", "RS256"), Signer::p256("b"));
    let accepted = [Algorithm::RS256, Algorithm::ES256, Algorithm::EdDSA];
    let keyring = keyring_of(&accepted, &[&rsa, &elliptic]);
    let nameless = |signer: &Signer| signer.with_parameter("kid", Value::Null);
    assert!(verify(&keyring, &nameless(&rsa)).is_ok() && verify(&keyring, &nameless(&elliptic)).is_ok());
    let unknown = Err(Rejection::KeyUnknown(IssuerIndex(0)));
    assert_eq!(verify(&keyring, &nameless(&Signer::ed25519("c"))).map(|_| ()), unknown);
    let successor = Err(Rejection::SuccessorUnknown(IssuerIndex(0)));
    assert_eq!(verify(&keyring, &nameless(&Signer::p256("b"))).map(|_| ()), successor);
    let keyring = keyring_of(&accepted, &[&rsa, &Signer::other_rsa("c", "RS256")]);
    assert_rejected(&keyring, &nameless(&rsa));
    assert!(verify(&keyring, &rsa.good()).is_ok());
}

#[test]
fn a_published_key_without_kid_does_not_answer_to_names() {
    let signer = Signer::p256("k");
    let keys = set(&[with(signer.jwk.clone(), "kid", Value::Null)], &[Algorithm::ES256]);
    let keyring = keyring_for(issuer_config(&[Algorithm::ES256]), keys);
    assert_eq!(verify(&keyring, &signer.good()).unwrap_err(), Rejection::KeyUnknown(IssuerIndex(0)));
    assert!(verify(&keyring, &signer.with_parameter("kid", Value::Null)).is_ok());
}

#[test]
fn secrets_come_from_files_only_and_are_long_enough() {
    let accepted = [Algorithm::HS256];
    let signer = Signer::hmac("HS256");
    let content = [SECRET, b"\n"].concat();
    let keyring = keyring_for(issuer_config(&accepted), KeySet::from_secret(&content, &accepted).unwrap());
    assert!(verify(&keyring, &signer.good()).is_ok());
    assert!(verify(&keyring, &signer.with_parameter("kid", Value::Null)).is_ok());
    assert_rejected(&keyring, &Signer::hmac("HS512").good());
    assert_eq!(
        verify(&keyring, &Signer::with_secret("HS256", b"another secret of enough bytes, yes").good())
            .unwrap_err(),
        Rejection::SuccessorUnknown(IssuerIndex(0))
    );
    for (content, accepted) in
        [(&b"short"[..], &accepted[..]), (b"", &accepted), (SECRET, &[Algorithm::RS256])]
    {
        assert_eq!(KeySet::from_secret(content, accepted).err(), Some(InvalidKeySet::WeakSecret));
    }
    assert!(KeySet::from_secret(&[b'x'; 32], &accepted).is_ok());
    assert!(
        KeySet::from_secret(b"0123456789abcdef0123456789abcde\n", &accepted).is_err(),
        "31 without its newline"
    );
}

#[test]
fn public_keys_in_pem_serve_whatever_the_name() {
    let accepted = [Algorithm::PS256, Algorithm::ES256];
    let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
    let keys = KeySet::from_file(pair.public_key_pem().as_bytes(), &accepted).unwrap();
    let keyring = keyring_for(issuer_config(&accepted), keys);
    let signer = Signer::p256_from("any", &pair.serialize_pem());
    assert!(verify(&keyring, &signer.good()).is_ok());
    assert!(verify(&keyring, &Signer::p256("any").good()).is_err());
    for text in
        ["", "nonsense", "-----BEGIN PUBLIC KEY-----\n!\n-----END PUBLIC KEY-----\n", &pair.serialize_pem()]
    {
        assert!(KeySet::from_file(text.as_bytes(), &accepted).is_err(), "{text}");
    }
}
