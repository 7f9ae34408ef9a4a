//! `[[authn.issuers]]`: one issuer of tokens each.

use std::path::Path;

use crate::jwt::{Algorithm, IssuerConfig, KeySource, shared_secret};

use super::endpoint;
use super::file::{self, PATH};
use super::form::{List, Text};
use super::reader::{Reading, Section};

/// A value that tokens are compared with, byte by byte.
const VALUE: Text<Box<str>> = Text {
    parse: |text| {
        if (1..=512).contains(&text.len()) && !text.contains(char::is_control) && text.trim() == text {
            Ok(text.into())
        } else {
            Err("must be 1 to 512 bytes, without spaces around them and control characters".to_owned())
        }
    },
    show: |value| value.to_string(),
};

/// A claim's name. Those that the check of a token itself reads have another meaning already.
const CLAIM: Text<Box<str>> = Text {
    parse: |text| match text {
        "iss" | "aud" | "exp" | "nbf" | "iat" | "jti" => {
            Err(format!("cannot be \"{text}\", which has a meaning of its own (RFC 7519, section 4.1)"))
        }
        _ => (VALUE.parse)(text),
    },
    show: |claim| claim.to_string(),
};

const ALGORITHM: Text<Algorithm> = Text {
    parse: |text| {
        text.parse().map_err(|_| {
            if text.eq_ignore_ascii_case("none") {
                return "\"none\" would accept tokens without a signature, and is never allowed".to_owned();
            }
            let known: Vec<&str> = Algorithm::ALL.iter().map(|algorithm| algorithm.as_str()).collect();
            format!("must be one of {}", known.join(", "))
        })
    },
    show: Algorithm::to_string,
};

/// At least one issuer, none of them twice.
pub(super) fn read(section: &mut Section<'_>) -> Reading<Vec<IssuerConfig>> {
    let items = section.items("issuers")?;
    if items.is_empty() {
        let wrong = "is empty: without an issuer nobody is let in; add [[authn.issuers]]";
        return Err(section.refuse("issuers", wrong));
    }
    let mut known = Vec::new();
    let mut issuers = Vec::new();
    for mut item in items {
        issuers.push(read_one(&mut item, &mut known));
    }
    issuers.into_iter().collect()
}

/// `known` are the names of the issuers before this one.
fn read_one(section: &mut Section<'_>, known: &mut Vec<Box<str>>) -> Reading<IssuerConfig> {
    let issuer = section.need("issuer", &VALUE);
    if let Ok(issuer) = &issuer {
        if known.contains(issuer) {
            section.refuse("issuer", "is there twice: which keys count would be left to chance");
        }
        known.push(issuer.clone());
    }
    let audiences = section.need("audiences", &List { item: VALUE, at_least: 1 });
    let algorithms = section.need("algorithms", &List { item: ALGORITHM, at_least: 1 });
    let keys = read_keys(section, algorithms.as_deref().unwrap_or_default());
    let tenant_claim = section.or("tenant_claim", &CLAIM, "tenant".into());
    let subject_claim = section.or("subject_claim", &CLAIM, "sub".into());
    let default_user: Box<str> = subject_claim.clone().unwrap_or_default();
    let user_claim = section.or("user_claim", &CLAIM, default_user);
    let scope_claim = section.or("scope_claim", &CLAIM, "scope".into());
    let types = section.or("types", &List { item: VALUE, at_least: 1 }, vec!["JWT".into(), "at+jwt".into()]);
    Ok(IssuerConfig {
        issuer: (&*issuer?).into(),
        audiences: audiences?,
        algorithms: algorithms?,
        keys: keys?,
        tenant_claim: tenant_claim?,
        subject_claim: subject_claim?,
        user_claim: user_claim?,
        scope_claim: scope_claim?,
        types: types?,
    })
}

/// Exactly one source of keys, of the kind that the algorithms need.
fn read_keys(section: &mut Section<'_>, algorithms: &[Algorithm]) -> Reading<KeySource> {
    let url = endpoint::maybe(section, "jwks_url");
    let jwks_file = section.maybe("jwks_file", &PATH);
    let hmac_file = section.maybe("hmac_file", &PATH);
    let keys = match (url?, jwks_file?, hmac_file?) {
        (Some(url), None, None) => KeySource::Url(url),
        (None, Some(path), None) => KeySource::File(path),
        (None, None, Some(path)) => KeySource::HmacFile(path),
        (None, None, None) => {
            return Err(section.refuse_all("names no keys: set one of jwks_url, jwks_file and hmac_file"));
        }
        _ => {
            let wrong = "names keys more than once: set only one of jwks_url, jwks_file and hmac_file";
            return Err(section.refuse_all(wrong));
        }
    };
    check_algorithms(section, &keys, algorithms);
    check_file(section, &keys, algorithms);
    Ok(keys)
}

/// One key, one algorithm: a public key must never be taken for an HMAC secret, which anybody could sign with.
fn check_algorithms(section: &Section<'_>, keys: &KeySource, algorithms: &[Algorithm]) {
    let shared = matches!(keys, KeySource::HmacFile(_));
    let Some(misfit) = algorithms.iter().find(|algorithm| algorithm.is_symmetric() != shared) else {
        return;
    };
    let advice = if shared {
        "needs public keys: with hmac_file, name HS256, HS384 and HS512 only"
    } else {
        "needs a shared secret, which no key set may hold: name it with hmac_file only, or drop it"
    };
    section.refuse("algorithms", format!("{misfit} {advice}"));
}

/// The engine reads the file by itself, again and again; here it only has to be there and to be long enough.
fn check_file(section: &Section<'_>, keys: &KeySource, algorithms: &[Algorithm]) {
    match keys {
        KeySource::Url(_) => {}
        KeySource::File(path) => {
            if let Err(wrong) = readable(
                section,
                "jwks_file",
                path,
                1,
                "is empty: the file must hold a JWK Set or a public key",
            ) {
                section.refuse("jwks_file", file::about(path, &wrong));
            }
        }
        KeySource::HmacFile(path) => {
            section.note("hmac_file", "<hidden>");
            let bytes =
                algorithms.iter().filter_map(|algorithm| algorithm.min_secret_bytes()).max().unwrap_or(32);
            let short =
                format!("is too short: the secret must have {bytes} bytes or more (RFC 7518, section 3.2)");
            if let Err(wrong) = readable(section, "hmac_file", path, bytes, &short) {
                section.refuse("hmac_file", file::about(path, &wrong));
            }
        }
    }
}

fn readable(
    section: &Section<'_>,
    key: &'static str,
    path: &Path,
    at_least: usize,
    short: &str,
) -> Result<(), String> {
    let content = file::key(section, key, path)?;
    if shared_secret(&content).len() < at_least { Err(short.to_owned()) } else { Ok(()) }
}
