//! What would weaken the first promise, of who is let in, does not start.

use super::{Fixture, assert_only, lines};

#[test]
fn what_would_weaken_the_first_promise_does_not_start() {
    let fixture = Fixture::new();
    let issuer = |line: &str, instead: &str, key: &str, contains: &str| {
        assert_only(fixture.with(line, instead), &format!("authn.issuers[0]{key} (my.toml): "), contains);
    };
    let algorithms = r#"["RS256", "ES256"]"#;
    issuer(r#"["confgate"]"#, "[]", ".audiences", "at least 1, and is empty");
    issuer(r#"["confgate"]"#, r#"[""]"#, ".audiences", "item 1: must be 1 to 512");
    issuer(algorithms, "[]", ".algorithms", "at least 1, and is empty");
    issuer(algorithms, r#"["None"]"#, ".algorithms", "without a signature");
    issuer(algorithms, r#"["rs256"]"#, ".algorithms", "must be one of RS256, ");
    issuer(algorithms, r#"["RS256", "RS256"]"#, ".algorithms", "item 2 is there twice");
    issuer(algorithms, r#"["RS256", "HS256"]"#, ".algorithms", "HS256 needs a shared secret");
    issuer("jwks_url = \"https", "jwks_url = \"http", ".jwks_url", "set allow_insecure_http = true");
    issuer("jwks_url", "tenant_claim = \"exp\"\njwks_url", ".tenant_claim", "RFC 7519");
    issuer("jwks_url", "types = []\njwks_url", ".types", "at least 1");
    let hmac = format!("hmac_file = {:?}\njwks_url", fixture.path("hmac"));
    issuer("jwks_url", &hmac, "", "set only one of");
    let keys = "jwks_url = \"https://sso.corp.example/jwks.json\"";
    issuer(keys, "", "", "set one of");
    issuer(
        keys,
        &format!("hmac_file = {:?}", fixture.path("hmac")),
        ".algorithms",
        "RS256 needs public keys",
    );
    let both = format!("{algorithms}\njwks_url");
    let short = format!("[\"HS512\"]\nhmac_file = {:?}\n#", fixture.path("hmac"));
    issuer(&both, &short, ".hmac_file", "64 bytes or more");
    // The end of a line is no part of a secret, whatever it looks like.
    std::fs::write(fixture.path("hmac"), "0123456789abcdef0123456789abcde\r\n").unwrap();
    let short = format!("[\"HS256\"]\nhmac_file = {:?}\n#", fixture.path("hmac"));
    issuer(&both, &short, ".hmac_file", "32 bytes or more");

    let bound = |lines: &str, key: &str, contains: &str| {
        assert_only(
            fixture.after(&format!("[authn]\n{lines}")),
            &format!("authn.{key} (my.toml): "),
            contains,
        );
    };
    bound("leeway = \"6m\"", "leeway", "from 0s to 5m, and is 6m");
    bound("max_lifetime = \"25h\"", "max_lifetime", "from 1m to 24h, and is 25h");
    bound("keys_max_age = \"1m\"", "keys_max_age", "shorter than refresh_interval");
    bound("max_token_bytes = \"16KiB\"", "max_token_bytes", "listen.max_header_bytes");
}

#[test]
fn an_issuer_is_named_once() {
    let fixture = Fixture::new();
    let twin = "[[authn.issuers]]\nissuer = \"https://sso.corp.example\"\naudiences = [\"b\"]\nalgorithms = [\"EdDSA\"]\n\
                jwks_url = \"https://b/\"\n[apps.meet]";
    assert_only(fixture.with("[apps.meet]", twin), "authn.issuers[1].issuer (my.toml): ", "is there twice");
}

#[test]
fn plain_http_is_for_this_machine_or_for_those_who_ask_for_it() {
    let fixture = Fixture::new();
    let url = "\"https://a1.easemob.com\"";
    for allowed in [
        "\"http://127.0.0.1:8000\"",
        "\"http://localhost\"",
        "\"http://[::1]\"",
        "\"http://a1.easemob.com\"\nallow_insecure_http = true",
    ] {
        assert_eq!(lines(fixture.with(url, allowed)), [""; 0], "{allowed}");
    }
    for refused in
        ["\"http://a1.easemob.com\"", "\"http://127.0.0.1.evil.example\"", "\"http://localhost.example\""]
    {
        assert_only(fixture.with(url, refused), "apps.meet.base_url (my.toml): ", "use https");
    }
    let password = fixture.with(url, "\"https://user:hunter2@a1.easemob.com\"");
    assert!(!lines(password).concat().contains("hunter2"));
}
