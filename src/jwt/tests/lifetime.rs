use serde_json::{Value, json};

use super::support::*;
use crate::jwt::{Algorithm, Keyring, Rejection};

fn subject() -> (Signer, Keyring) {
    let signer = Signer::ed25519("k");
    let keyring = keyring_of(&[Algorithm::EdDSA], &[&signer]);
    (signer, keyring)
}

fn times(signer: &Signer, exp: Value, nbf: Value, iat: Value) -> String {
    let claims = with(with(with(claims(), "exp", exp), "nbf", nbf), "iat", iat);
    signer.token(&signer.header(), &claims)
}

#[test]
fn expiry_has_a_leeway_to_the_second_and_its_parts() {
    let (signer, keyring) = subject();
    let outcome =
        |exp: Value| verify(&keyring, &times(&signer, exp, json!(null), json!(NOW - 600))).map(|_| ());
    assert_eq!(outcome(json!(NOW - 29)), Ok(()));
    assert_eq!(outcome(json!(NOW - 30)), Err(Rejection::Expired));
    assert_eq!(outcome(json!(NOW - 31)), Err(Rejection::Expired));
    assert_eq!(outcome(json!(1_699_999_970.5)), Ok(()));
    assert_eq!(outcome(json!(1_699_999_969.5)), Err(Rejection::Expired));
    assert_eq!(outcome(json!(1_700_000_010.0)), Ok(()));
    assert_eq!(outcome(json!(0)), Err(Rejection::Rejected("the lifetime is empty")));
}

#[test]
fn a_life_may_begin_a_leeway_early() {
    let (signer, keyring) = subject();
    let exp = json!(NOW + 600);
    for (nbf, iat) in
        [(json!(NOW + 30), json!(null)), (json!(null), json!(NOW + 30)), (json!(NOW + 30), json!(NOW))]
    {
        assert!(verify(&keyring, &times(&signer, exp.clone(), nbf, iat)).is_ok());
    }
    for (nbf, iat) in
        [(json!(NOW + 31), json!(null)), (json!(null), json!(NOW + 31)), (json!(1_700_000_030.5), json!(NOW))]
    {
        let outcome = verify(&keyring, &times(&signer, exp.clone(), nbf, iat));
        assert_eq!(outcome.unwrap_err(), Rejection::NotYetValid);
    }
}

#[test]
fn a_life_is_at_most_a_day_long() {
    const DAY: i64 = 24 * 3600;
    let (signer, keyring) = subject();
    let accepted = |exp: i64, nbf: Value, iat: Value| {
        let outcome = verify(&keyring, &times(&signer, json!(exp), nbf, iat));
        assert!(
            matches!(outcome, Ok(_) | Err(Rejection::Rejected("the lifetime is too long"))),
            "{outcome:?}"
        );
        outcome.is_ok()
    };
    for earlier in [0, 100, DAY - 1] {
        let begin = NOW - earlier;
        assert!(accepted(begin + DAY, json!(null), json!(begin)));
        assert!(!accepted(begin + DAY + 1, json!(null), json!(begin)));
        assert!(accepted(begin + DAY, json!(begin), json!(null)), "from nbf where there is no iat");
        assert!(!accepted(begin + DAY + 1, json!(begin), json!(null)));
        assert!(!accepted(begin + DAY + 1, json!(NOW), json!(begin)), "iat counts, not a later nbf");
    }
    assert!(accepted(NOW + DAY, json!(null), json!(null)), "from now where there is neither");
    assert!(!accepted(NOW + DAY + 1, json!(null), json!(null)));
}

#[test]
fn dates_are_numbers_from_1970_to_9999() {
    let (signer, keyring) = subject();
    let strange = [
        json!("1700000600"),
        json!(true),
        json!([]),
        json!({}),
        json!(-1),
        json!(-0.5),
        json!(1e300),
        json!(253_402_300_800_u64),
        json!(u64::MAX),
        json!(i64::MIN),
        json!(1.7e18),
    ];
    for claim in ["exp", "nbf", "iat"] {
        for value in strange.iter().cloned() {
            assert_rejected(&keyring, &signer.with_claim(claim, value));
        }
        let null =
            claims().to_string().replace(&format!("\"{claim}\":"), &format!("\"{claim}\":null,\"x\":"));
        assert_rejected(&keyring, &signer.raw(&signer.header().to_string(), &null));
        for number in ["1e999", "NaN", "Infinity", "0x1", "01"] {
            let text = claims()
                .to_string()
                .replace(&format!("\"{claim}\":"), &format!("\"{claim}\":{number},\"x\":"));
            assert_malformed(&keyring, &signer.raw(&signer.header().to_string(), &text));
        }
    }
}

#[test]
fn what_waiting_cannot_cure_is_told_first() {
    let (signer, keyring) = subject();
    let expired = with(claims(), "exp", json!(NOW - 100));
    let wrong = with(expired, "aud", json!("other"));
    assert_rejected(&keyring, &signer.token(&signer.header(), &wrong));
}
