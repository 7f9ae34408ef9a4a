//! `config/default.toml` is the reference: every key stands in it, every key in it is read, and its defaults hold.

use std::collections::{BTreeMap, BTreeSet};

use super::{Config, Fixture};

const DEFAULTS: &str = include_str!("../../../config/default.toml");
const EXAMPLE: &str = include_str!("../../../config/example.toml");

/// What the example leaves out, as it is a choice: a consumer of the trail.
const CONSUMER: &str = "[audit.ship.siem]\nsink = \"http\"\nurl = \"https://siem.corp.example/confgate\"\n";

/// A line with a key or a heading, without the `# ` of those that are examples.
fn uncommented(line: &str) -> Option<&str> {
    let bare = line.strip_prefix("# ").unwrap_or(line);
    let key = bare
        .split_once(" = ")
        .is_some_and(|(key, _)| key.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'));
    let heading = bare.starts_with('[') && bare.ends_with(']');
    (key || heading).then_some(bare)
}

/// `section.key` with the value as written.
fn documented() -> BTreeMap<String, String> {
    let mut section = "";
    let mut keys = BTreeMap::new();
    for line in DEFAULTS.lines().filter_map(uncommented) {
        match line.split_once(" = ") {
            Some((key, value)) => {
                assert!(keys.insert(format!("{section}.{key}"), value.to_owned()).is_none());
            }
            None => section = line.trim_matches(['[', ']']),
        }
    }
    keys
}

/// `section.key` with the value in effect.
fn in_effect(config: &Config) -> BTreeMap<String, Option<String>> {
    let entries = config.resolved.iter();
    entries
        .map(|entry| (format!("{}.{}", entry.section.replace("[0]", ""), entry.key), entry.toml.clone()))
        .collect()
}

/// The example files, with files that exist.
fn with_files(text: &str, fixture: &Fixture) -> String {
    text.replace("/run/secrets/meet", &fixture.path("secret"))
        .replace("/run/secrets/siem", &fixture.path("secret"))
        .replace("/run/secrets/audit-key", &fixture.path("audit-key"))
        .replace("/run/secrets/tls/tls.crt", &fixture.path("tls.crt"))
        .replace("/run/secrets/tls/tls.key", &fixture.path("tls.key"))
        .replace("/run/secrets/tls/ca.crt", &fixture.path("tls.crt"))
}

#[test]
fn every_key_is_documented_and_every_documented_key_is_read() {
    let fixture = Fixture::new();
    let text = with_files(EXAMPLE, &fixture).replace("tenants.support", "tenants.crm2") + CONSUMER;
    let config = super::super::parse("example.toml", &text).unwrap();
    let read: BTreeSet<String> =
        in_effect(&config).into_keys().filter(|key| !key.starts_with("tenants.crm2")).collect();
    assert_eq!(read, documented().into_keys().collect());
}

#[test]
fn every_documented_default_is_the_default() {
    let fixture = Fixture::new();
    let config = super::super::parse("example.toml", &(with_files(EXAMPLE, &fixture) + CONSUMER)).unwrap();
    let documented = documented();
    for entry in config.resolved.iter() {
        let key = format!("{}.{}", entry.section.replace("[0]", ""), entry.key);
        let is_default = entry.origin.as_deref().is_none_or(|origin| origin == super::super::source::DEFAULT);
        if let (true, Some(toml), Some(text)) = (is_default, &entry.toml, documented.get(&key)) {
            let shown = format!("v = {text}").parse_as_toml();
            assert_eq!(format!("v = {toml}").parse_as_toml(), shown, "{key}");
        }
    }
}

trait ParseAsToml {
    fn parse_as_toml(&self) -> config::Value;
}

impl ParseAsToml for String {
    fn parse_as_toml(&self) -> config::Value {
        let table = config::Format::parse(&config::FileFormat::Toml, None, self).unwrap();
        table.into_values().next().unwrap()
    }
}

#[test]
fn every_documented_value_is_accepted() {
    let fixture = Fixture::new();
    // Of the three sources of keys, one may stay; the certificate authority is a file that is not here.
    let left_out = ["jwks_file", "hmac_file", "ca_file"];
    let lines = DEFAULTS.lines().filter_map(uncommented);
    let text: Vec<&str> = lines.filter(|line| !left_out.iter().any(|key| line.starts_with(key))).collect();
    super::super::parse("all.toml", &with_files(&text.join("\n"), &fixture)).unwrap();
}

#[test]
fn the_trail_has_the_same_defaults_without_a_configuration() {
    let fixture = Fixture::new();
    let config = super::super::parse("my.toml", &fixture.text()).unwrap().trail;
    let alone = crate::trail::TrailConfig::new(config.directory.clone());
    assert_eq!(format!("{config:?}"), format!("{alone:?}"));
}

#[test]
fn every_key_has_a_comment_above_it() {
    let lines: Vec<&str> = DEFAULTS.lines().collect();
    for pair in lines.windows(2) {
        let [above, line] = pair else { continue };
        let is_key = uncommented(line).is_some_and(|line| !line.starts_with('['));
        let is_comment = above.starts_with("# ") && uncommented(above).is_none();
        assert!(!is_key || is_comment, "{line} has no comment above it");
    }
}
