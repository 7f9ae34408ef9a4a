//! `[listen.tls]`: what the port would show callers is checked before the gateway starts.

use std::fs;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::{Fixture, assert_only};

/// `[listen.tls]` with these keys, each a file of the fixture, or none.
fn tls(fixture: &Fixture, files: &[(&str, &str)]) -> Result<super::Config, super::Problems> {
    let lines: Vec<_> = files.iter().map(|(key, name)| format!("{key} = {:?}", fixture.path(name))).collect();
    fixture.after(&format!("[listen.tls]\n{}", lines.join("\n")))
}

const BOTH: [(&str, &str); 2] = [("cert_file", "tls.crt"), ("key_file", "tls.key")];

#[test]
fn a_certificate_and_its_key_are_read_together() {
    let fixture = Fixture::new();
    assert!(fixture.after("").unwrap().listen.tls.is_none());
    let config = tls(&fixture, &BOTH).unwrap();
    assert_eq!(config.listen.tls, tls(&fixture, &BOTH).unwrap().listen.tls);
    assert!(config.listen.tls.is_some());
    let [certificate, key] = BOTH;
    assert_only(tls(&fixture, &[certificate]), "listen.tls.key_file (my.toml): ", "needs its private key");
    assert_only(tls(&fixture, &[key]), "listen.tls.cert_file (my.toml): ", "is missing");
    let alone = ("client_ca_file", "tls.crt");
    assert_only(tls(&fixture, &[alone]), "listen.tls.client_ca_file (my.toml): ", "needs TLS");
    assert!(tls(&fixture, &[certificate, key, alone]).is_ok());
}

#[test]
fn files_that_cannot_be_served_by_say_what_to_do() {
    let fixture = Fixture::new();
    let other = rcgen::generate_simple_self_signed(["gate.test".to_owned()]).unwrap();
    let mut over = rcgen::CertificateParams::new(["gate.test".to_owned()]).unwrap();
    over.not_after = rcgen::date_time_ymd(2020, 1, 1);
    let key = rcgen::KeyPair::generate().unwrap();
    let write = |name: &str, text: String| fs::write(fixture.path(name), text).unwrap();
    write("other.key", other.signing_key.serialize_pem());
    write("over.crt", over.self_signed(&key).unwrap().pem());
    write("over.key", key.serialize_pem());
    for (certificate, key, about, contains) in [
        ("tls.crt", "other.key", "key_file", "is not that of the first certificate in cert_file"),
        ("over.crt", "over.key", "cert_file", "expired at 2020-01-01T00:00:00Z; put in one that is valid"),
        ("missing", "tls.key", "cert_file", "there is no such file"),
        ("tls.crt", "missing", "key_file", "there is no such file"),
        ("empty", "tls.key", "cert_file", "holds no certificate in PEM"),
        ("ca.pem", "tls.key", "cert_file", "certificate 1 is malformed or incomplete"),
        ("tls.crt", "empty", "key_file", "holds no private key in PEM"),
    ] {
        let files = [("cert_file", certificate), ("key_file", key)];
        assert_only(tls(&fixture, &files), &format!("listen.tls.{about} (my.toml): /"), contains);
    }
    let [certificate, key] = BOTH;
    let authorities = tls(&fixture, &[certificate, key, ("client_ca_file", "empty")]);
    assert_only(authorities, "listen.tls.client_ca_file (my.toml): /", "sign callers' certificates");
}

#[test]
fn a_certificate_that_expires_in_service_keeps_nothing_else_from_changing() {
    let fixture = Fixture::new();
    let mut soon_over = rcgen::CertificateParams::new(["gate.test".to_owned()]).unwrap();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    soon_over.not_after = rcgen::date_time_ymd(1970, 1, 1) + (now + Duration::from_secs(4));
    let key = rcgen::KeyPair::generate().unwrap();
    fs::write(fixture.path("over.crt"), soon_over.self_signed(&key).unwrap().pem()).unwrap();
    fs::write(fixture.path("over.key"), key.serialize_pem()).unwrap();
    let files = [("cert_file", "over.crt"), ("key_file", "over.key")];
    let running = tls(&fixture, &files).unwrap();
    while running.listen.tls.as_ref().unwrap().expires_in() > 0.0 {
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(tls(&fixture, &files).is_err(), "a gateway would start with it");
    assert!(running.read_again().unwrap().read_again().is_ok());
}

#[test]
fn a_private_key_is_shown_nowhere() {
    let fixture = Fixture::new();
    let config = tls(&fixture, &BOTH).unwrap();
    let key = fs::read_to_string(fixture.path("tls.key")).unwrap();
    let shown = format!("{config:?}{}", config.render());
    assert!(shown.contains("tls.key") && !shown.contains(key.lines().nth(1).unwrap()));
}

#[test]
fn a_streams_window_is_part_of_its_connections() {
    let fixture = Fixture::new();
    let windows = "[listen.http2]\nstream_window = \"1MiB\"\nconnection_window = \"64KiB\"";
    let only = "listen.http2.stream_window (my.toml): ";
    assert_only(fixture.after(windows), only, "larger than connection_window");
    assert!(fixture.after("[listen.http2]\nenabled = false").unwrap().listen.http2.is_none());
}
