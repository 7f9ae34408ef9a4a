//! Files that are missing, unreadable or hold the wrong thing.

use std::fs;
use std::path::Path;

use secrecy::ExposeSecret;

use super::{Fixture, SECRET, assert_only};

fn load(path: &Path) -> Result<super::Config, super::Problems> {
    super::super::load(Some(path), std::iter::empty())
}

#[test]
fn a_file_is_loaded_and_its_secrets_are_read() {
    let fixture = Fixture::new();
    let path = fixture.directory.path().join("confgate.toml");
    fs::write(&path, fixture.text()).unwrap();
    let config = load(&path).unwrap();
    let secret = config.apps.first().unwrap().credentials.client_secret.expose_secret();
    assert_eq!(secret, SECRET, "without the newline at its end");
}

#[test]
fn a_configuration_that_cannot_be_read_says_why() {
    let fixture = Fixture::new();
    let path = |name: &str| fixture.directory.path().join(name);
    let begins = |name: &str| format!("{}: ", fixture.path(name));
    assert_only(load(&path("missing.toml")), &begins("missing.toml"), "there is no such file");
    let directory = fixture.directory.path();
    assert_only(load(directory), &format!("{}: ", directory.display()), "is not a regular file");
    fs::write(path("binary.toml"), [0xff, 0xfe]).unwrap();
    assert_only(load(&path("binary.toml")), &begins("binary.toml"), "is not UTF-8");
    fs::write(path("huge.toml"), vec![b'#'; (4 << 20) + 1]).unwrap();
    assert_only(load(&path("huge.toml")), &begins("huge.toml"), "is larger than");
}

#[test]
fn a_syntax_error_is_placed_and_its_line_is_not_repeated() {
    let result = super::super::parse("my.toml", "[listen]\nworkers = 1\nsecret = \"hunter2\n");
    let report = result.unwrap_err().to_string();
    assert!(report.starts_with("my.toml: TOML parse error at line 3, column "), "{report}");
    assert_eq!(report.lines().count(), 2, "{report}");
    assert!(!report.contains("hunter2"), "{report}");
    assert_only(
        super::super::parse("my.toml", "a = 1\na = 2"),
        "my.toml: TOML parse error at line 2",
        "duplicate key",
    );
    assert_only(super::super::parse("my.toml", "a = 99999999999999999999"), "my.toml: ", "number too large");
}

#[test]
fn secrets_that_cannot_be_read_say_why() {
    let fixture = Fixture::new();
    let write = |name: &str, content: &[u8]| fs::write(fixture.directory.path().join(name), content).unwrap();
    write("lines", b"one\ntwo\n");
    write("binary", &[0xff]);
    write("large", &vec![b'a'; (64 << 10) + 1]);
    let line = format!("client_secret_file = {:?}", fixture.path("secret"));
    for (name, contains) in [
        ("missing", "there is no such file"),
        ("empty", "is empty"),
        ("lines", "more than one line"),
        ("binary", "is not UTF-8"),
        ("large", "is larger than"),
        (".", "is not a regular file"),
    ] {
        let instead = format!("client_secret_file = {:?}", fixture.path(name));
        assert_only(fixture.with(&line, &instead), "apps.meet.client_secret_file (my.toml): ", contains);
    }
    let device = "client_secret_file = \"/dev/zero\"";
    assert_only(
        fixture.with(&line, device),
        "apps.meet.client_secret_file (my.toml): ",
        "is not a regular file",
    );
}

#[test]
fn files_of_keys_and_certificates_must_be_there() {
    let fixture = Fixture::new();
    let url = "jwks_url = \"https://sso.corp.example/jwks.json\"";
    let file = |name: &str| format!("jwks_file = {:?}", fixture.path(name));
    assert!(fixture.with(url, &file("jwks.json")).is_ok());
    assert_only(
        fixture.with(url, &file("missing")),
        "authn.issuers[0].jwks_file (my.toml): ",
        "no such file",
    );
    assert_only(fixture.with(url, &file("empty")), "authn.issuers[0].jwks_file (my.toml): ", "is empty");
    let ca = |name: &str| fixture.after(&format!("[upstream]\nca_file = {:?}", fixture.path(name)));
    assert!(ca("ca.pem").is_ok());
    assert_only(ca("missing"), "upstream.ca_file (my.toml): ", "no such file");
    assert_only(ca("secret"), "upstream.ca_file (my.toml): ", "no certificate");
}

#[test]
fn checkpoints_are_signed_by_an_ed25519_key_or_by_none() {
    let fixture = Fixture::new();
    let key =
        |name: &str| fixture.after(&format!("[audit.checkpoints]\nkey_file = {:?}", fixture.path(name)));
    assert!(key("audit-key").unwrap().trail.checkpoints.signer.key().is_some());
    let where_it_is = "audit.checkpoints.key_file (my.toml): ";
    assert_only(key("secret"), where_it_is, "openssl genpkey -algorithm ed25519");
    assert_only(key("missing"), where_it_is, "there is no such file");
}
