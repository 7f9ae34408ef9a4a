//! One JWK (RFC 7517, section 4) as a key for signatures, or the reason why it is none.

use aws_lc_rs::signature::{self, ParsedPublicKey, RsaPublicKeyComponents};
use serde_json::Value;

use super::compact::decode;
use super::header::MAX_KID_BYTES;
use super::key::{Key, Thumbprint};
use super::{Algorithm, roca};

/// Why a published key is of no use here.
pub(super) type Unusable = &'static str;

/// Reads one element of a set's `keys`. `accepted` are the issuer's algorithms.
///
/// A key without `alg` is bound to the first accepted algorithm that fits its type, so that the operator's
/// order decides and a key never serves two. Symmetric keys are not read: what is published is no secret.
pub(super) fn parse(jwk: &Value, accepted: &[Algorithm]) -> Result<Key, Unusable> {
    check_purpose(jwk)?;
    let kid = text(jwk, "kid", "kid is not a string")?;
    if kid.is_some_and(|kid| kid.len() > MAX_KID_BYTES) {
        return Err("kid is too long");
    }
    let kind = text(jwk, "kty", "kty is not a string")?.ok_or("kty is missing")?;
    let curve = text(jwk, "crv", "crv is not a string")?;
    let algorithm = bind(jwk, accepted, |algorithm| fits(algorithm, kind, curve))?;
    let (key, thumbprint) = match kind {
        "RSA" => rsa(jwk, algorithm),
        "EC" => elliptic(jwk, algorithm),
        "OKP" => edwards(jwk),
        _ => Err("kty is not RSA, EC or OKP"),
    }?;
    Ok(Key::public(key, algorithm, kid, thumbprint))
}

/// `use` and `key_ops`, where present, must allow verification. A key whose private half is published too
/// protects nothing.
fn check_purpose(jwk: &Value) -> Result<(), Unusable> {
    if text(jwk, "use", "use is not a string")?.is_some_and(|purpose| purpose != "sig") {
        return Err("use is not sig");
    }
    if let Some(operations) = jwk.get("key_ops") {
        let operations = operations.as_array().ok_or("key_ops is not an array")?;
        if !operations.iter().any(|operation| operation == "verify") {
            return Err("key_ops is without verify");
        }
    }
    match jwk.get("d") {
        Some(_) => Err("the private key is published"),
        None => Ok(()),
    }
}

fn bind(
    jwk: &Value,
    accepted: &[Algorithm],
    fits: impl Fn(Algorithm) -> bool,
) -> Result<Algorithm, Unusable> {
    let Some(name) = text(jwk, "alg", "alg is not a string")? else {
        let first = accepted.iter().copied().find(|&algorithm| fits(algorithm));
        return first.ok_or("no accepted algorithm fits it");
    };
    let algorithm = name.parse().map_err(|_| "alg is not known")?;
    if !fits(algorithm) {
        return Err("alg does not fit the key");
    }
    if !accepted.contains(&algorithm) {
        return Err("alg is not accepted from this issuer");
    }
    Ok(algorithm)
}

/// The type and curve that an algorithm needs (RFC 7518, section 3.1; RFC 8037, section 3.1).
fn fits(algorithm: Algorithm, kind: &str, curve: Option<&str>) -> bool {
    match algorithm {
        Algorithm::ES256 => kind == "EC" && curve == Some("P-256"),
        Algorithm::ES384 => kind == "EC" && curve == Some("P-384"),
        Algorithm::ES512 => kind == "EC" && curve == Some("P-521"),
        Algorithm::EdDSA => kind == "OKP" && curve == Some("Ed25519"),
        _ => kind == "RSA" && algorithm.rsa().is_some(),
    }
}

fn rsa(jwk: &Value, algorithm: Algorithm) -> Result<(ParsedPublicKey, Thumbprint), Unusable> {
    let parameters = algorithm.rsa().ok_or("alg does not fit the key")?;
    let (modulus, exponent) = (bytes(jwk, "n")?, bytes(jwk, "e")?);
    // Some libraries put a zero octet in front (RFC 7518, section 6.3.1.1).
    let (n, e) = (unsigned(&modulus), unsigned(&exponent));
    check_modulus(n)?;
    check_exponent(e)?;
    let key = RsaPublicKeyComponents { n, e }
        .to_parsed_public_key(parameters)
        .map_err(|_| "n and e make no key")?;
    Ok((key, Thumbprint::of(&[b"RSA", e, n])))
}

/// 2048 to 8192 bits: fewer are too weak (RFC 7518, section 3.3), more are a way to keep the gateway busy.
fn check_modulus(n: &[u8]) -> Result<(), Unusable> {
    let leading_zeros = n.first().map_or(0, |byte| byte.leading_zeros() as usize);
    match n.len() * 8 - leading_zeros {
        0..2048 => Err("the modulus is under 2048 bits"),
        2048..=8192 if roca::is_marked(n) => Err("the modulus is one that can be factored (CVE-2017-15361)"),
        2048..=8192 => Ok(()),
        _ => Err("the modulus is over 8192 bits"),
    }
}

/// Odd, at least 3, at most 33 bits, which is what aws-lc takes.
fn check_exponent(e: &[u8]) -> Result<(), Unusable> {
    if e.len() > 5 {
        return Err("the exponent is too large");
    }
    let value = e.iter().fold(0_u64, |value, &byte| value << 8 | u64::from(byte));
    if value >= 3 && value % 2 == 1 && value < 1 << 33 { Ok(()) } else { Err("the exponent is not sound") }
}

fn elliptic(jwk: &Value, algorithm: Algorithm) -> Result<(ParsedPublicKey, Thumbprint), Unusable> {
    let parameters = algorithm.ecdsa().ok_or("alg does not fit the key")?;
    let (x, y) = (bytes(jwk, "x")?, bytes(jwk, "y")?);
    // Full length each (RFC 7518, section 6.2.1.2): otherwise the boundary between the two would be a guess.
    let length = match algorithm {
        Algorithm::ES256 => 32,
        Algorithm::ES384 => 48,
        _ => 66,
    };
    if x.len() != length || y.len() != length {
        return Err("a coordinate has the wrong length");
    }
    let point = [&[4], x.as_slice(), y.as_slice()].concat();
    let key = ParsedPublicKey::new(parameters, &point).map_err(|_| "the point is not on the curve")?;
    Ok((key, Thumbprint::of(&[b"EC", &point])))
}

fn edwards(jwk: &Value) -> Result<(ParsedPublicKey, Thumbprint), Unusable> {
    let x = bytes(jwk, "x")?;
    if x.len() != 32 {
        return Err("x has the wrong length");
    }
    let key = ParsedPublicKey::new(&signature::ED25519, &x).map_err(|_| "x is no Ed25519 key")?;
    Ok((key, Thumbprint::of(&[b"OKP", &x])))
}

fn bytes(jwk: &Value, name: &'static str) -> Result<Vec<u8>, Unusable> {
    let text = text(jwk, name, "a parameter of the key is not a string")?;
    text.and_then(decode).ok_or("a parameter of the key is missing or not base64url")
}

fn text<'a>(jwk: &'a Value, name: &str, fault: Unusable) -> Result<Option<&'a str>, Unusable> {
    match jwk.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(fault),
    }
}

fn unsigned(bytes: &[u8]) -> &[u8] {
    let zeros = bytes.iter().take_while(|&&byte| byte == 0).count();
    bytes.get(zeros..).unwrap_or_default()
}
