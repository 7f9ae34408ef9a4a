use proptest::prelude::*;
use serde_json::json;

use super::support::*;
use crate::jwt::{Algorithm, IssuerIndex, Rejection};

const ES: [Algorithm; 1] = [Algorithm::ES256];

#[test]
fn the_token_is_exactly_three_parts() {
    let signer = Signer::p256("k");
    let keyring = keyring_of(&ES, &[&signer]);
    let token = signer.good();
    let parts: Vec<&str> = token.split('.').collect();
    let json = json!({"protected": parts[0], "payload": parts[1], "signature": parts[2]}).to_string();
    for bad in [
        String::new(),
        json,
        format!("{token}."),
        format!(".{token}"),
        format!("{token}.{}", parts[2]),
        format!("{}.{}", parts[0], parts[1]),
        format!("{} .{}.{}", parts[0], parts[1], parts[2]),
        format!("{token}="),
        format!("{token}\n"),
        format!(" {token}"),
        format!("Bearer {token}"),
        token.replace('.', ".."),
    ] {
        assert_malformed(&keyring, &bad);
    }
    assert!(verify(&keyring, &token).is_ok());
}

#[test]
fn header_and_claims_are_objects_without_duplicates() {
    let signer = Signer::p256("k");
    let keyring = keyring_of(&ES, &[&signer]);
    let (header, claims) = (signer.header().to_string(), claims().to_string());
    let doubled = |object: &str, member: &str| object.replacen('{', &format!("{{{member},"), 1);
    assert!(verify(&keyring, &signer.raw(&header, &claims)).is_ok());
    for member in
        [r#""alg":"ES256""#, r#""alg":"none""#, r#""kid":"k""#, r#""x":1,"x":1"#, r#""\u0061lg":"ES256""#]
    {
        assert_malformed(&keyring, &signer.raw(&doubled(&header, member), &claims));
    }
    for member in [r#""exp":9999999999"#, r#""tenant":"other""#, r#""x":1,"x":2"#, r#""\u0069ss":"x""#] {
        assert_malformed(&keyring, &signer.raw(&header, &doubled(&claims, member)));
    }
    for text in ["", "null", "[]", "\"\"", "1", "{", "{}{}"] {
        assert_malformed(&keyring, &signer.raw(text, &claims));
        assert_malformed(&keyring, &signer.raw(&header, text));
    }
}

#[test]
fn large_tokens_are_refused_before_they_are_read() {
    let signer = Signer::p256("k");
    let keyring = keyring_of(&ES, &[&signer]);
    let padded = |length: usize| signer.with_claim("pad", json!("x".repeat(length)));
    let fits = (0..8192).rev().map(padded).find(|token| token.len() <= 8192).unwrap();
    assert!(fits.len() > 8188);
    assert!(verify(&keyring, &fits).is_ok());
    assert_malformed(&keyring, &padded(8192));
    assert_malformed(&keyring, &"x".repeat(8193));
    assert_malformed(&keyring, &signer.with_parameter("kid", json!("k".repeat(10_000))));
}

#[test]
fn names_of_keys_are_names_and_nothing_else() {
    let signer = Signer::p256("k");
    let keyring = keyring_of(&ES, &[&signer]);
    for kid in [json!(1), json!(true), json!(["k"]), json!({"k": "k"}), json!(1.5)] {
        assert_malformed(&keyring, &signer.with_parameter("kid", kid));
    }
    assert_rejected(&keyring, &signer.with_parameter("kid", json!("k".repeat(257))));
    for kid in
        ["", "K", "k ", "../../dev/null", "/etc/passwd", "k' OR '1'='1", "k\u{0}", "http://x/y", "other"]
    {
        let outcome = verify(&keyring, &signer.with_parameter("kid", json!(kid)));
        assert_eq!(outcome.unwrap_err(), Rejection::KeyUnknown(IssuerIndex(0)), "{kid}");
    }
}

#[test]
fn parameters_beyond_plain_tokens_are_refused() {
    let signer = Signer::p256("k");
    let keyring = keyring_of(&ES, &[&signer]);
    for (name, value) in [
        ("crit", json!(["exp"])),
        ("crit", json!([])),
        ("b64", json!(true)),
        ("b64", json!(false)),
        ("zip", json!("DEF")),
        ("enc", json!("A256GCM")),
        ("typ", json!("id+jwt")),
        ("typ", json!("")),
    ] {
        assert_rejected(&keyring, &signer.with_parameter(name, value));
    }
    assert_malformed(&keyring, &signer.with_parameter("typ", json!(["JWT"])));
    for typ in ["jwt", "application/at+jwt", "AT+JWT"] {
        assert!(verify(&keyring, &signer.with_parameter("typ", json!(typ))).is_ok());
    }
    assert!(verify(&keyring, &signer.with_parameter("typ", json!(null))).is_ok());
    assert!(verify(&keyring, &signer.with_parameter("x5t", json!("abc"))).is_ok());
}

/// Headers that are almost right, some of them twice.
const MEMBERS: &str = r#"\{("(alg|kid|typ|x)":("ES256"|"k"|1|null|\[\]),?){0,4}\}"#;

proptest! {
    #[test]
    fn no_text_is_accepted_or_fatal(
        text in ".{0,200}",
        parts in proptest::collection::vec("[A-Za-z0-9_-]{0,40}", 0..5),
    ) {
        let keyring = empty_keyring(&ES);
        prop_assert!(verify(&keyring, &text).is_err());
        prop_assert!(verify(&keyring, &parts.join(".")).is_err());
    }

    #[test]
    fn no_json_in_the_parts_is_fatal(header in MEMBERS, claims in any::<Vec<u8>>()) {
        let keyring = empty_keyring(&ES);
        let token = format!("{}.{}.AAAA", base64(header), base64(claims));
        prop_assert!(verify(&keyring, &token).is_err());
    }
}
