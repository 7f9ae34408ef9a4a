//! The consumers of the trail.

use std::time::Duration;

use super::{Fixture, SECRET, assert_only, lines};
use crate::shipping::{Beginning, Form, Framing, SinkConfig};

const URL: &str = "url = \"https://siem.corp.example/x\"";

#[test]
fn consumers_are_read_with_their_defaults() {
    let fixture = Fixture::new();
    let token = fixture.path("secret");
    let text = format!(
        "[audit.ship.siem]\nsink = \"http\"\n{URL}\ntoken_file = \"{token}\"\nform = \"ocsf\"\nfrom = \"now\"\n\
         framing = \"array\"\ntimeout = \"3s\"\nbatch_records = 7\nbatch_bytes = \"64KiB\"\nmax_backoff = \"2s\"\n\
         [audit.ship.logs]\nsink = \"stdout\"\n"
    );
    let config = fixture.after(&text).unwrap();
    let [logs, siem] = &config.shipping[..] else { panic!("{:?}", config.shipping) };
    assert_eq!((logs.name.as_str(), logs.form, logs.beginning), ("logs", Form::Confgate, Beginning::Start));
    assert_eq!((logs.batch_records.get(), logs.batch_bytes), (500, 1 << 20));
    assert_eq!(logs.max_backoff, Duration::from_mins(1));
    assert!(matches!(logs.sink, SinkConfig::Stdout));
    assert_eq!((siem.name.as_str(), siem.form, siem.beginning), ("siem", Form::Ocsf, Beginning::Now));
    let SinkConfig::Http(http) = &siem.sink else { panic!("{siem:?}") };
    assert_eq!(
        (http.url.to_string(), http.timeout),
        ("https://siem.corp.example/x".into(), Duration::from_secs(3))
    );
    assert_eq!(http.framing, Framing::Array);
    assert!(http.token.is_there());
    assert!(!format!("{config:?}").contains(SECRET) && !config.render().contains(SECRET));
    let again = super::super::parse("again.toml", &config.render()).unwrap();
    assert_eq!(again.shipping.len(), 2);
    assert!(Fixture::new().after("").unwrap().shipping.is_empty());
}

#[test]
fn the_environment_names_one_too() {
    let config = Fixture::new().with_environment(&[("CONFGATE__AUDIT__SHIP__LOGS__SINK", "stdout")]).unwrap();
    assert_eq!(config.shipping[0].name.as_str(), "logs");
}

#[test]
fn what_makes_no_consumer_is_refused() {
    let fixture = Fixture::new();
    let refused = |lines: &str, begins: &str, contains: &str| {
        assert_only(fixture.after(lines), begins, contains);
    };
    let key = |lines: &str, key: &str, contains: &str| {
        let section = format!("[audit.ship.siem]\nsink = \"http\"\n{URL}\n{lines}");
        assert_only(fixture.after(&section), &format!("audit.ship.siem.{key} (my.toml): "), contains);
    };
    for name in ["Siem", "\"a/b\"", "\"..\"", "\"\"", "\"s.i\""] {
        refused(
            &format!("[audit.ship.{name}]\nsink = \"stdout\""),
            &format!("audit.ship.{name} (my.toml): "),
            "1 to 32 lower-case",
        );
    }
    refused("[audit.ship.siem]\nform = \"ecs\"", "audit.ship.siem.sink (my.toml): ", "is missing");
    refused(
        "[audit.ship.siem]\nsink = \"kafka\"",
        "audit.ship.siem.sink (my.toml): ",
        "\"stdout\" or \"http\"",
    );
    refused("[audit.ship.siem]\nsink = \"http\"", "audit.ship.siem.url (my.toml): ", "is missing");
    refused(
        "[audit.ship.siem]\nsink = \"stdout\"\nurl = \"https://a\"",
        "audit.ship.siem.url (my.toml): ",
        "is no known key",
    );
    refused("[audit]\nship = 5", "audit.ship (my.toml): ", "must be a section");
    refused(
        "[audit.ship.a]\nsink = \"stdout\"\n[audit.ship.b]\nsink = \"stdout\"",
        "audit.ship.b.sink (my.toml): ",
        "audit.ship.a has already",
    );
    key("tokn_file = \"x\"", "tokn_file", "did you mean token_file?");
    key("form = \"cef\"", "form", "\"confgate\", \"ocsf\" or \"ecs\"");
    key("from = \"end\"", "from", "\"start\" or \"now\"");
    key("framing = \"ndjson\"", "framing", "\"lines\" or \"array\"");
    key("batch_records = 0", "batch_records", "from 1 to 10000");
    key("batch_bytes = 1", "batch_bytes", "from 1KiB to 16MiB");
    key("timeout = \"1ms\"", "timeout", "from 100ms to 5m");
    key("max_backoff = \"2h\"", "max_backoff", "from 1s to 1h");
    key("token_file = \"/nowhere/token\"", "token_file", "there is no such file");
    std::fs::write(fixture.path("spaced"), "to ken\n").unwrap();
    key(&format!("token_file = \"{}\"", fixture.path("spaced")), "token_file", "visible ASCII");
}

#[test]
fn the_trail_crosses_no_network_in_the_clear_unless_allowed() {
    let fixture = Fixture::new();
    let section = |url: &str, more: &str| {
        fixture.after(&format!("[audit.ship.siem]\nsink = \"http\"\nurl = \"{url}\"\n{more}"))
    };
    assert_only(section("http://siem.corp.example/", ""), "audit.ship.siem.url (my.toml): ", "use https");
    assert_eq!(lines(section("http://127.0.0.1:5044/", "")), [""; 0]);
    assert_eq!(lines(section("http://siem.corp.example/", "allow_insecure_http = true")), [""; 0]);
}
