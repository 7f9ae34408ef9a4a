//! What differs between two configurations, and what of it can take effect while the gateway runs.

use std::collections::{BTreeMap, BTreeSet};

use super::Config;
use super::render::Entry;
use crate::shipping::{ConsumerConfig, HttpSinkConfig, SinkConfig};

/// One key whose value differs, or whose file does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The full key, such as `tenants.crm.rate_limit`.
    pub key: String,
    /// The value before, in TOML; none where it was not set. Both are none where the content of the file differs that
    /// the key names.
    pub from: Option<String>,
    /// The value after.
    pub to: Option<String>,
}

/// When a change takes effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// At once, and requests are decided otherwise from then on.
    Requests,
    /// At once, beside the requests.
    Beside,
    /// With the next start.
    Restart,
}

/// Keys whose changes do not concern how requests are decided, and sections that end with a dot. What decides about
/// requests is whatever is named neither here nor in [`FIXED`].
const BESIDE: &[&str] = &[
    "audit.checkpoints.key_file",
    "log.level",
    "listen.drain_delay",
    "listen.drain_timeout",
    "listen.tls.",
    "reload.",
];

/// Keys that a gateway keeps for as long as it runs: ports that are bound, threads that were started, files that are
/// open.
const FIXED: &[&str] = &["listen.address", "listen.workers", "admin.", "audit.", "log.format"];

impl Change {
    /// When it takes effect.
    pub fn effect(&self) -> Effect {
        let is_in = |list: &[&str]| {
            let of_section = |name: &&str| name.ends_with('.') && self.key.starts_with(*name);
            list.iter().any(|name| self.key == *name || of_section(name))
        };
        let is_receivers_token = self.key.starts_with("audit.ship.") && self.key.ends_with(".token_file");
        // From clear text to TLS, or back.
        let is_switch = self.key == "listen.tls.cert_file" && self.from.is_none() != self.to.is_none();
        if is_switch {
            Effect::Restart
        } else if is_in(BESIDE) || is_receivers_token {
            Effect::Beside
        } else if is_in(FIXED) {
            Effect::Restart
        } else {
            Effect::Requests
        }
    }
}

impl Config {
    /// What is different in `newer`, by key.
    pub fn changes_to(&self, newer: &Self) -> Vec<Change> {
        let (before, after) = (by_key(&self.resolved), by_key(&newer.resolved));
        let keys: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
        keys.into_iter()
            .filter_map(|key| change(key, before.get(key).copied(), after.get(key).copied()))
            .collect()
    }

    /// This configuration as far as it can take effect in a gateway that runs by `running`.
    pub fn within(&self, running: &Self) -> Self {
        let mut effective = self.clone();
        effective.listen.address = running.listen.address;
        effective.listen.workers = running.listen.workers;
        if effective.listen.tls.is_some() != running.listen.tls.is_some() {
            effective.listen.tls.clone_from(&running.listen.tls);
        }
        effective.admin = running.admin.clone();
        effective.trail = running.trail.clone();
        effective.audit = running.audit;
        effective.shipping.clone_from(&running.shipping);
        effective.log.format = running.log.format;
        effective
    }

    /// Has the trail's signing key and the receivers' tokens of `newer` used from now on, by whoever has clones of this
    /// configuration.
    pub fn take_over_secrets(&self, newer: &Self) {
        self.trail.checkpoints.signer.take_over(&newer.trail.checkpoints.signer);
        for (consumer, newer) in self.shipping.iter().filter_map(|one| twins(one, &newer.shipping)) {
            consumer.token.take_over(&newer.token);
        }
    }
}

/// The HTTP sinks of `consumer` and of the one of the same name, if they lead to the same receiver: the token of one is
/// no other's business.
fn twins<'a>(
    consumer: &'a ConsumerConfig,
    others: &'a [ConsumerConfig],
) -> Option<(&'a HttpSinkConfig, &'a HttpSinkConfig)> {
    let other = others.iter().find(|other| other.name == consumer.name)?;
    match (&consumer.sink, &other.sink) {
        (SinkConfig::Http(one), SinkConfig::Http(other)) if one.url == other.url => Some((one, other)),
        _ => None,
    }
}

fn by_key(transcript: &[Entry]) -> BTreeMap<String, &Entry> {
    transcript.iter().map(|entry| (format!("{}.{}", entry.section, entry.key), entry)).collect()
}

fn change(key: &str, before: Option<&Entry>, after: Option<&Entry>) -> Option<Change> {
    let value = |entry: Option<&Entry>| entry.and_then(|entry| entry.toml.clone());
    let content = |entry: Option<&Entry>| entry.and_then(|entry| entry.file.clone()?.content);
    let (from, to) = (value(before), value(after));
    if from != to {
        return Some(Change { key: key.to_owned(), from, to });
    }
    (content(before) != content(after)).then(|| Change { key: key.to_owned(), from: None, to: None })
}
