use serde_json::{Value, json};

use super::support::*;
use crate::jwt::{Algorithm, Keyring};

fn subject() -> (Signer, Keyring) {
    let signer = Signer::ed25519("k");
    let keyring = keyring_of(&[Algorithm::EdDSA], &[&signer]);
    (signer, keyring)
}

#[test]
fn a_good_token_becomes_a_principal() {
    let (signer, keyring) = subject();
    let principal = verify(&keyring, &signer.good()).unwrap().principal;
    assert_eq!(&*principal.issuer, ISSUER);
    assert_eq!(principal.tenant.as_str(), "crm");
    assert_eq!((&*principal.subject, &*principal.user), ("huangcl", "huangcl"));
    assert_eq!(principal.token_id.as_deref(), Some("t-1"));
    assert!(principal.scopes.grants("conference:create") && principal.scopes.grants("conference:get"));
    assert!(!principal.scopes.grants("conference:kick") && !principal.scopes.grants(""));
}

#[test]
fn required_claims_are_present_and_typed() {
    let (signer, keyring) = subject();
    let never = [json!(null), json!(true), json!({}), json!([]), json!(-1), json!("")];
    for claim in ["iss", "aud", "sub", "tenant", "exp"] {
        for value in never.iter().cloned() {
            // `with_claim` takes null for absent, so a literal null is put in by hand.
            let literal = with(claims(), claim, json!("?")).to_string().replace("\"?\"", &value.to_string());
            assert_rejected(&keyring, &signer.raw(&signer.header().to_string(), &literal));
            assert_rejected(&keyring, &signer.with_claim(claim, value));
        }
    }
    for claim in ["iss", "aud", "sub", "tenant"] {
        assert_rejected(&keyring, &signer.with_claim(claim, json!(1)));
    }
}

#[test]
fn the_issuer_is_compared_byte_by_byte() {
    let (signer, keyring) = subject();
    for issuer in [
        json!("https://sso.corp.example/"),
        json!("HTTPS://sso.corp.example"),
        json!("https://sso.corp.example "),
        json!("https://sso.corp.example.evil.example"),
        json!([ISSUER]),
    ] {
        assert_rejected(&keyring, &signer.with_claim("iss", issuer));
    }
}

#[test]
fn the_audience_is_a_string_or_an_array_of_strings() {
    let (signer, keyring) = subject();
    for audience in [json!("https://confgate.example"), json!(["other", "confgate"]), json!(["confgate"])] {
        assert!(verify(&keyring, &signer.with_claim("aud", audience)).is_ok());
    }
    for audience in [
        json!("Confgate"),
        json!("confgate "),
        json!(["other"]),
        json!(["confgate", 1]),
        json!([["confgate"]]),
    ] {
        assert_rejected(&keyring, &signer.with_claim("aud", audience));
    }
}

#[test]
fn names_are_bounded_and_without_control_characters() {
    let (signer, keyring) = subject();
    for claim in ["sub", "jti"] {
        for value in [
            json!("a".repeat(257)),
            json!("a\nb"),
            json!("a\u{0}"),
            json!("\u{7f}"),
            json!("\u{85}"),
            json!(5),
        ] {
            assert_rejected(&keyring, &signer.with_claim(claim, value));
        }
        for value in [json!("a".repeat(256)), json!("黄"), json!("a b/c@d")] {
            assert!(verify(&keyring, &signer.with_claim(claim, value)).is_ok());
        }
    }
    for tenant in ["a/b", "a b", "ä", &"a".repeat(65), "crm\n"] {
        assert_rejected(&keyring, &signer.with_claim("tenant", json!(tenant)));
    }
    assert_eq!(verify(&keyring, &signer.with_claim("jti", Value::Null)).unwrap().principal.token_id, None);
}

#[test]
fn scopes_are_words_in_a_string_or_an_array() {
    let (signer, keyring) = subject();
    let grants = |scope: Value| {
        let scopes = verify(&keyring, &signer.with_claim("scope", scope)).unwrap().principal.scopes;
        ["a", "b"].map(|word| scopes.grants(word))
    };
    assert_eq!(grants(json!("a b")), [true, true]);
    assert_eq!(grants(json!("  b  ")), [false, true]);
    assert_eq!(grants(json!(["a", "b"])), [true, true]);
    assert_eq!(grants(json!(["a b"])), [true, true]);
    assert_eq!(grants(json!("A,b a\tb")), [false, false]);
    assert_eq!(grants(json!("")), [false, false]);
    assert_eq!(grants(json!([])), [false, false]);
    assert_eq!(grants(Value::Null), [false, false]);
    for scope in [json!(1), json!({"a": true}), json!(["a", 1]), json!(true)] {
        assert_rejected(&keyring, &signer.with_claim("scope", scope));
    }
}

#[test]
fn claims_are_found_under_the_configured_names() {
    let signer = Signer::ed25519("k");
    let mut issuer = issuer_config(&[Algorithm::EdDSA]);
    issuer.tenant_claim = "https://corp.example/tenant".into();
    issuer.subject_claim = "email".into();
    issuer.user_claim = "nick".into();
    issuer.scope_claim = "scp".into();
    let keyring = keyring_for(issuer, jwks(&[&signer], &[Algorithm::EdDSA]));
    let claims = json!({
        "iss": ISSUER, "aud": "confgate", "sub": "1", "exp": NOW + 600,
        "email": "h@corp.example", "nick": "Huang",
        "https://corp.example/tenant": "sales", "tenant": "crm", "scp": ["x"], "scope": "y",
    });
    let principal = verify(&keyring, &signer.token(&signer.header(), &claims)).unwrap().principal;
    assert_eq!(principal.tenant.as_str(), "sales");
    assert_eq!((&*principal.subject, &*principal.user), ("h@corp.example", "Huang"));
    assert!(principal.scopes.grants("x") && !principal.scopes.grants("y"));
    for claim in ["https://corp.example/tenant", "email", "nick", "sub"] {
        assert_rejected(&keyring, &signer.token(&signer.header(), &with(claims.clone(), claim, Value::Null)));
    }
}
