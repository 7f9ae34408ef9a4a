use serde_json::{Value, json};

use super::support::*;
use crate::jwt::{Algorithm, IssuerIndex, Rejection};

#[test]
fn every_algorithm_verifies_what_it_signed() {
    let signers = [
        Signer::rsa("a", "RS256"),
        Signer::rsa("b", "RS384"),
        Signer::rsa("c", "RS512"),
        Signer::rsa("d", "PS256"),
        Signer::rsa("e", "PS384"),
        Signer::rsa("f", "PS512"),
        Signer::p256("g"),
        Signer::p384("h"),
        Signer::p521("i"),
        Signer::ed25519("j"),
    ];
    for signer in &signers {
        let keyring = keyring_of(&Algorithm::ALL, &[signer]);
        let verified = verify(&keyring, &signer.good()).unwrap();
        assert_eq!(verified.principal.subject.as_ref(), "huangcl", "{}", signer.alg);
        assert!(verify(&keyring, &flip_signature(&signer.good())).is_err(), "{}", signer.alg);
    }
}

#[test]
fn ed25519_is_another_name_of_eddsa() {
    let signer = Signer::ed25519("k");
    let keyring = keyring_of(&[Algorithm::EdDSA], &[&signer]);
    assert!(verify(&keyring, &signer.with_parameter("alg", json!("Ed25519"))).is_ok());
}

#[test]
fn a_changed_byte_anywhere_is_noticed() {
    let signer = Signer::p256("k");
    let keyring = keyring_of(&[Algorithm::ES256], &[&signer]);
    let token = signer.good();
    for at in 0..token.len() {
        for other in ["A", "B", "-", ".", "="] {
            let mut changed = token.clone();
            changed.replace_range(at..=at, other);
            assert!(changed == token || verify(&keyring, &changed).is_err(), "byte {at} to {other}");
        }
        let mut shorter = token.clone();
        shorter.remove(at);
        assert!(verify(&keyring, &shorter).is_err(), "without byte {at}");
    }
}

#[test]
fn unsigned_tokens_are_refused() {
    let signer = Signer::rsa("k", "RS256");
    let keyring = keyring_of(&Algorithm::ALL, &[&signer]);
    for alg in ["none", "None", "NONE", "nOnE", ""] {
        for kid in [json!("k"), Value::Null] {
            let header = with(json!({"alg": alg}), "kid", kid);
            let unsigned = format!("{}.{}.", base64(header.to_string()), base64(claims().to_string()));
            assert_rejected(&keyring, &unsigned);
            assert_rejected(&keyring, &signer.token(&header, &claims()));
        }
    }
    let (signed, _) = signer.good().rsplit_once('.').map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
    assert_rejected(&keyring, &format!("{signed}."));
    assert_malformed(&keyring, &signed);
}

/// The classic: a public key's text as an HMAC secret (RFC 8725, section 2.1).
#[test]
fn a_public_key_is_no_secret() {
    let signer = Signer::rsa("k", "RS256");
    let keyring = keyring_of(&Algorithm::ALL, &[&signer]);
    let n = signer.jwk["n"].as_str().unwrap();
    let document = document(&[&signer]).to_string();
    let modulus = crate::jwt::compact::decode(n).unwrap();
    for secret in
        [n.as_bytes(), signer.jwk.to_string().as_bytes(), document.as_bytes(), modulus.as_slice(), b""]
    {
        for alg in ["HS256", "HS384", "HS512"] {
            let forger = Signer::with_secret(alg, secret);
            assert_rejected(&keyring, &forger.with_parameter("kid", json!("k")));
            assert_eq!(
                verify(&keyring, &forger.with_parameter("kid", Value::Null)).unwrap_err(),
                Rejection::KeyUnknown(IssuerIndex(0))
            );
        }
    }
}

#[test]
fn a_key_serves_its_own_algorithm_only() {
    let algorithms = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"];
    for published in algorithms {
        let keyring = keyring_of(&Algorithm::ALL, &[&Signer::rsa("k", published)]);
        for used in algorithms {
            let outcome = verify(&keyring, &Signer::rsa("k", used).good());
            assert_eq!(outcome.is_ok(), published == used, "{published} {used}");
        }
    }
}

#[test]
fn an_algorithm_that_the_issuer_does_not_use_is_refused() {
    let signer = Signer::rsa("k", "RS256");
    let keyring = keyring_of(&[Algorithm::PS256, Algorithm::ES256], &[&signer, &Signer::p256("e")]);
    assert_rejected(&keyring, &signer.good());
}

#[test]
fn the_header_cannot_rename_the_algorithm() {
    let signer = Signer::rsa("k", "RS256");
    let keyring = keyring_of(&Algorithm::ALL, &[&signer]);
    for alg in ["PS256", "RS384", "ES256", "EdDSA", "HS256", "rs256"] {
        assert_rejected(&keyring, &signer.with_parameter("alg", json!(alg)));
    }
}

/// JWS has ECDSA signatures as `r || s` (RFC 7518, section 3.4); DER would give a token a second spelling.
#[test]
fn ecdsa_signatures_in_der_are_refused() {
    let signer = Signer::p256("k");
    let keyring = keyring_of(&[Algorithm::ES256], &[&signer]);
    let token = signer.good();
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let raw = crate::jwt::compact::decode(signature).unwrap();
    let integer = |bytes: &[u8]| {
        let bytes = &bytes[bytes.iter().take_while(|&&byte| byte == 0).count()..];
        let sign: &[u8] = if bytes[0] >= 0x80 { &[0] } else { &[] };
        let length = u8::try_from(bytes.len() + sign.len()).unwrap();
        [&[2, length], sign, bytes].concat()
    };
    let body = [integer(&raw[..32]), integer(&raw[32..])].concat();
    let der = [&[0x30, u8::try_from(body.len()).unwrap()], body.as_slice()].concat();
    assert!(verify(&keyring, &token).is_ok());
    assert_rejected(&keyring, &format!("{signed}.{}", base64(der)));
    assert_rejected(&keyring, &format!("{signed}.{}", base64([0; 64])));
    assert_rejected(&keyring, &format!("{signed}.{}", base64([&raw[..], &[0]].concat())));
}

#[test]
fn a_key_that_the_token_brings_along_is_refused() {
    let (signer, forger) = (Signer::rsa("k", "RS256"), Signer::other_rsa("k", "RS256"));
    let keyring = keyring_of(&[Algorithm::RS256], &[&signer]);
    assert_rejected(&keyring, &forger.good());
    for (name, value) in [
        ("jwk", forger.jwk.clone()),
        ("jku", json!("https://evil.example/jwks.json")),
        ("x5u", json!("https://evil.example/cert.pem")),
        ("x5c", json!(["MIIB"])),
    ] {
        assert_rejected(&keyring, &forger.with_parameter(name, value.clone()));
        assert_rejected(&keyring, &signer.with_parameter(name, value));
    }
}

#[test]
fn a_forged_token_tells_nothing_about_its_claims() {
    let (signer, forger) = (Signer::rsa("k", "RS256"), Signer::other_rsa("k", "RS256"));
    let keyring = keyring_of(&[Algorithm::RS256], &[&signer]);
    let told = verify(&keyring, &forger.good()).unwrap_err();
    for (name, value) in [
        ("exp", json!(NOW - 9999)),
        ("nbf", json!(NOW + 9999)),
        ("exp", Value::Null),
        ("aud", json!("other")),
        ("tenant", Value::Null),
    ] {
        assert_eq!(verify(&keyring, &forger.with_claim(name, value)).unwrap_err(), told, "{name}");
    }
}

fn flip_signature(token: &str) -> String {
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let mut bytes = crate::jwt::compact::decode(signature).unwrap();
    bytes[5] ^= 1;
    format!("{signed}.{}", base64(bytes))
}
