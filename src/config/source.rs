//! Where values come from: the defaults built in, the user's file, the environment. Each layer covers the one before.

use std::path::Path;

use ::config::{ConfigError, FileFormat, Format, Map, Source, Value, ValueKind};

use super::problem::Problems;
use super::reader::Reader;

/// The origin of the values built in.
pub(super) const DEFAULT: &str = "default";

/// Every key with its default, unit and range.
const DEFAULTS: &str = include_str!("../../config/default.toml");

/// A configuration file this large is a mistake: 4 MiB, enough for some ten thousand tenants.
const MAX_FILE: u64 = 4 << 20;

/// One TOML document with the name that problems call it by.
#[derive(Clone, Debug)]
pub(super) struct Document {
    pub(super) name: String,
    pub(super) text: String,
}

impl Document {
    /// Reads a file whole.
    pub(super) fn open(path: &Path) -> Result<Self, Problems> {
        let name = path.display().to_string();
        match super::file::read_text(path, MAX_FILE) {
            Ok(text) => Ok(Self { name, text }),
            Err(wrong) => Err(Problems::of_source(&name, wrong)),
        }
    }
}

/// A parsed document, as the `config` crate merges it.
#[derive(Clone, Debug)]
struct Layer(Map<String, Value>);

impl Source for Layer {
    fn clone_into_box(&self) -> Box<dyn Source + Send + Sync> {
        Box::new(self.clone())
    }

    fn collect(&self) -> Result<Map<String, Value>, ConfigError> {
        Ok(self.0.clone())
    }
}

/// The defaults, covered by `document`. Keys that cannot be merged are reported to `reader`.
pub(super) fn merged(document: Option<&Document>, reader: &Reader) -> Result<Map<String, Value>, Problems> {
    let mut builder = ::config::Config::builder().add_source(Layer(parse(DEFAULT, DEFAULTS)?));
    if let Some(Document { name, text }) = document {
        builder = builder.add_source(Layer(mergeable(parse(name, text)?, name, reader)));
    }
    let merged = builder.build().and_then(|config| config.cache.into_table());
    merged.map_err(|error| Problems::of_source(DEFAULT, error.to_string()))
}

fn parse(name: &str, text: &str) -> Result<Map<String, Value>, Problems> {
    FileFormat::Toml
        .parse(Some(&name.to_owned()), text)
        .map_err(|error| Problems::of_source(name, syntax_error(&error.to_string())))
}

/// Sorts out the top-level keys that `config` would take for a path into the tree: `"listen.address"`, or
/// `"list[999999999]"`, for which it would make room.
fn mergeable(layer: Map<String, Value>, name: &str, reader: &Reader) -> Map<String, Value> {
    let plain = |key: &str| key.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b));
    let (good, bad): (Map<_, _>, Map<_, _>) =
        layer.into_iter().partition(|(key, _)| plain(key) && !key.is_empty());
    let mut bad: Vec<String> = bad.into_keys().collect();
    bad.sort_unstable();
    for key in bad {
        let key = super::form::quoted(&key);
        reader.report(key, Some(name.to_owned()), "is no known key: write sections as [section]".to_owned());
    }
    good
}

/// The position and the reason, without the excerpt between them: it has several lines, and may show a secret that
/// was pasted in the wrong place.
fn syntax_error(report: &str) -> String {
    let excerpt = |line: &&str| {
        let text = line.trim_start().trim_start_matches(|c: char| c.is_ascii_digit()).trim_start();
        !text.starts_with('|')
    };
    let lines: Vec<&str> = report.lines().filter(excerpt).map(str::trim).collect();
    lines.join(": ")
}

/// Where a value stands. Merging makes new tables, which stand where the first of their values does.
pub(super) fn origin_of(value: &Value) -> Option<&str> {
    value.origin().or_else(|| match &value.kind {
        ValueKind::Table(table) => {
            let mut keys: Vec<_> = table.iter().collect();
            keys.sort_unstable_by_key(|(key, _)| *key);
            let mut origins = keys.iter().filter_map(|(_, value)| origin_of(value));
            let first = origins.next();
            // A default that the user has covered in part is the user's.
            std::iter::chain(first, origins).find(|origin| *origin != DEFAULT).or(first)
        }
        ValueKind::Array(list) => list.iter().find_map(origin_of),
        _ => None,
    })
}
