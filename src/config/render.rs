//! The resolved configuration as text: every key in effect, in TOML that reads back as the same configuration.

use std::fmt::{self, Write};
use std::path::PathBuf;

use aws_lc_rs::digest::{SHA256, digest};

use super::form::quoted;
use super::source::DEFAULT;

/// What was read, in the order of reading.
pub(super) type Transcript = Vec<Entry>;

/// One key, as it is in effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// The section's full key; two items of a list differ here, and not in the heading.
    pub(super) section: String,
    /// `[listen]` or `[[authn.issuers]]`.
    pub(super) heading: String,
    /// The key within the section.
    pub(super) key: &'static str,
    /// The value in TOML; None when it is not set.
    pub(super) toml: Option<String>,
    /// Where the value stands.
    pub(super) origin: Option<String>,
    /// What else is to be said.
    pub(super) note: Option<&'static str>,
    /// The file that the value names, if it was read with the configuration.
    pub(super) file: Option<NamedFile>,
}

/// A file with a secret, a key or certificates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct NamedFile {
    pub(super) path: PathBuf,
    /// What was in it; None if it could not be read.
    pub(super) content: Option<Content>,
}

/// Tells one content of a file from another by its SHA-256. Never shown: a short secret could be found out by it.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Content([u8; 32]);

impl Content {
    pub(super) fn of(bytes: &[u8]) -> Self {
        let mut content = [0; 32];
        content.copy_from_slice(digest(&SHA256, bytes).as_ref());
        Self(content)
    }
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Content")
    }
}

/// The transcript as TOML, with a comment where a value is not the default.
pub(super) fn render(transcript: &[Entry]) -> String {
    let mut out = String::new();
    for section in sections(transcript) {
        let mut heading = None;
        for entry in transcript.iter().filter(|entry| entry.section == section) {
            if heading.is_none() {
                let gap = if out.is_empty() { "" } else { "\n" };
                let _ = writeln!(out, "{gap}{}", heading.insert(&entry.heading));
            }
            let _ = writeln!(out, "{}", line(entry));
        }
    }
    out
}

/// The sections' keys, each once, in the order in which they were first read.
fn sections(transcript: &[Entry]) -> Vec<&str> {
    let mut sections = Vec::new();
    for entry in transcript {
        if !sections.contains(&entry.section.as_str()) {
            sections.push(entry.section.as_str());
        }
    }
    sections
}

fn line(entry: &Entry) -> String {
    let key = entry.key;
    let Some(toml) = &entry.toml else {
        return format!("# {key} is not set");
    };
    let origin = entry.origin.as_deref().filter(|origin| *origin != DEFAULT);
    let remarks: Vec<&str> = origin.into_iter().chain(entry.note).collect();
    let line = format!("{key} = {toml}");
    if remarks.is_empty() {
        return line;
    }
    format!("{line:<56}  # {}", remarks.join(", ").escape_debug())
}

/// `key` as TOML has it before the equals sign.
pub(super) fn bare_or_quoted(key: &str) -> String {
    let bare = |b: u8| b.is_ascii_alphanumeric() || b"_-".contains(&b);
    if !key.is_empty() && key.bytes().all(bare) { key.to_owned() } else { quoted(key) }
}
