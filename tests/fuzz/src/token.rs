//! Tokens. Only what the issuer has signed is accepted, in one spelling, and what is accepted says what the gateway
//! takes it to say.

use std::sync::LazyLock;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use confgate::jwt::{Keyring, keyring};
use confgate::upstream::{Connector, Fetcher, tls_config};
use jiff::Timestamp;
use serde_json::Value;

use crate::config;
use crate::keys::Key;

/// The time of every check, in seconds since 1970. The seeds' tokens live then.
const NOW: i64 = 1_800_000_000;
const HEADER: &str = r#"{"alg":"ES256","kid":"k","typ":"JWT"}"#;
const CLAIMS: &str = r#"{"iss":"https://sso.test","aud":"confgate","sub":"huangcl","tenant":"crm","scope":"conference:get","jti":"1","iat":1799999900,"exp":1800000500}"#;

struct Gate {
    key: Key,
    keyring: Keyring,
    genuine: String,
}

/// Takes what the issuers' key set is loaded with: it is not needed any more once it is there.
static GATE: LazyLock<Gate> = LazyLock::new(|| {
    let key = Key::new("k");
    let directory = tempfile::tempdir().expect("a directory").keep();
    let file = directory.join("jwks.json");
    std::fs::write(&file, serde_json::json!({ "keys": [key.jwk()] }).to_string()).expect("a file");
    let text = config::example(&directory).replace(
        "jwks_url = \"https://sso.test/jwks.json\"",
        &format!("jwks_file = {:?}", file.display().to_string()),
    );
    let jwt =
        confgate::config::parse("fuzz", &text).unwrap_or_else(|problems| panic!("{problems}")).authn.jwt;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let (tls, _) = tls_config(None).expect("a TLS configuration");
    let fetcher = Fetcher::new(Connector::new(tls, Duration::from_secs(1)), Duration::from_secs(1));
    let keyring = runtime.block_on(async {
        let (keyring, actors) = keyring(&jwt, &fetcher, None);
        actors.into_iter().for_each(|actor| drop(tokio::spawn(actor)));
        while !keyring.ready() {
            tokio::task::yield_now().await;
        }
        keyring
    });
    // Its actor waits for ever.
    std::mem::forget(runtime);
    let genuine = key.sign(HEADER.as_bytes(), CLAIMS.as_bytes());
    Gate { key, keyring, genuine }
});

/// The first byte says what the others are.
pub fn run(data: &[u8]) {
    let Some((kind, rest)) = data.split_first() else { return };
    match kind % 3 {
        0 => unsigned(rest),
        1 => signed(rest),
        _ => edited(rest),
    }
}

/// The bytes are a token: it cannot be one of the issuer's.
fn unsigned(token: &[u8]) {
    if let Ok(token) = std::str::from_utf8(token) {
        assert!(verify(token).is_none(), "accepted what nobody has signed: {token}");
    }
}

/// The bytes are edits of a good token, each a place and a byte: whatever changes it spoils it.
fn edited(edits: &[u8]) {
    let mut token = GATE.genuine.clone().into_bytes();
    for edit in edits.chunks_exact(3) {
        let place = usize::from(u16::from_be_bytes([edit[0], edit[1]])) % token.len();
        token[place] = edit[2];
    }
    if let Ok(token) = std::str::from_utf8(&token) {
        assert_eq!(verify(token).is_some(), token == GATE.genuine, "{token}");
    }
}

/// The bytes are a header and claims, which the issuer signs.
fn signed(parts: &[u8]) {
    let mut parts = parts.splitn(2, |byte| *byte == b'\n');
    let (header, claims) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let token = GATE.key.sign(header, claims);
    let Some((tenant, subject)) = verify(&token) else { return };
    let spelling: Vec<_> = token
        .split('.')
        .map(|part| URL_SAFE_NO_PAD.decode(part).map(|bytes| URL_SAFE_NO_PAD.encode(bytes)))
        .collect();
    let spelling = spelling.into_iter().collect::<Result<Vec<_>, _>>().expect("base64url").join(".");
    assert_eq!(spelling, token, "a token has one spelling");
    let header: Value = serde_json::from_slice(header).expect("an accepted header is JSON");
    assert_eq!(header["alg"], "ES256");
    for forbidden in ["crit", "b64", "jku", "jwk", "x5u", "x5c", "enc", "zip"] {
        assert!(header.get(forbidden).is_none(), "{header}");
    }
    let claims: Value = serde_json::from_slice(claims).expect("accepted claims are JSON");
    assert_eq!(
        (&claims["iss"], &claims["tenant"], &claims["sub"]),
        (&"https://sso.test".into(), &tenant.into(), &subject.into())
    );
    let names_us = |audience: &Value| audience == "confgate";
    assert!(
        names_us(&claims["aud"]) || claims["aud"].as_array().is_some_and(|all| all.iter().any(names_us)),
        "{claims}"
    );
    let expires = claims["exp"].as_f64().expect("a date");
    let starts = |claim: &str| claims.get(claim).map_or(0.0, |date| date.as_f64().expect("a date"));
    let now = NOW as f64;
    assert!(expires > now - 31.0 && starts("nbf") < now + 31.0, "{claims}");
    assert!(expires - starts("iat").max(now - 90_000.0) <= 180_000.0, "{claims}");
    // What is not signed by this key is not signed.
    let (signed, _) = token.rsplit_once('.').expect("three parts");
    for other in [
        format!("{signed}."),
        signed.to_owned(),
        format!("{token}."),
        format!("{token}A"),
        format!("{token}="),
    ] {
        assert!(verify(&other).is_none(), "{other}");
    }
}

/// The tenant and the subject of a token that is good now.
fn verify(token: &str) -> Option<(String, String)> {
    let now = Timestamp::from_second(NOW).expect("a time");
    let verified = GATE.keyring.verify(token, now).ok()?;
    verified.check(now).ok()?;
    Some((verified.principal.tenant.to_string(), verified.principal.subject.to_string()))
}
