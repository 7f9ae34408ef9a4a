//! A typed reader over the merged tree. Every key is taken once, a problem never stops the reading, and what is
//! left over at the end is unknown. `serde` would stop at the first problem.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::Path;

use ::config::{Map, Value, ValueKind};

use super::form::{Form, kind};
use super::hint::suggestion;
use super::problem::Problem;
use super::render::{Content, Entry, NamedFile, Transcript, bare_or_quoted};
use super::source::{DEFAULT, origin_of};

/// A value that could not be had, and why is in the report. Made only by reporting.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reported(());

/// A value, or a problem that has been reported.
pub(super) type Reading<T> = Result<T, Reported>;

/// What a reading leaves behind: the problems, and the value of every key that was asked for.
#[derive(Default)]
pub(super) struct Reader {
    /// The fingerprint of the certificate that callers are shown while this is read, if there is one.
    certificate: Option<String>,
    problems: RefCell<Vec<Problem>>,
    transcript: RefCell<Transcript>,
}

impl Reader {
    /// For a gateway that shows callers the certificate with this fingerprint.
    pub(super) fn beside(certificate: Option<String>) -> Self {
        Self { certificate, ..Self::default() }
    }

    /// The tree's own keys, as a section without a name.
    pub(super) fn root(&self, values: Map<String, Value>) -> Section<'_> {
        Section::new(self, String::new(), String::new(), values)
    }

    /// Adds a problem at a full key.
    pub(super) fn report(&self, key: String, origin: Option<String>, text: String) -> Reported {
        self.problems.borrow_mut().push(Problem { key, origin, text });
        Reported(())
    }

    /// Reports that a key is wrong whose section has been read already.
    pub(super) fn refuse_later(&self, section: &str, key: &'static str, wrong: &str) {
        let transcript = self.transcript.borrow();
        let shown = transcript.iter().find(|entry| entry.section == section && entry.key == key);
        let origin = shown.and_then(|entry| entry.origin.clone());
        self.report(format!("{section}.{key}"), origin, wrong.to_owned());
    }

    /// Ends the reading.
    pub(super) fn finish(self) -> (Vec<Problem>, Transcript) {
        (self.problems.into_inner(), self.transcript.into_inner())
    }
}

/// One table of the tree. Dropping it reports the keys that nobody took.
///
/// A caller reads all its keys first and gives up afterwards, so that the report is complete.
pub(super) struct Section<'r> {
    reader: &'r Reader,
    /// The full key, as problems show it.
    path: String,
    /// The heading in TOML; None for an inline table, which its parent shows.
    heading: Option<String>,
    values: BTreeMap<String, Value>,
    /// Where the section itself stands, for what is missing in it.
    origin: Option<String>,
    /// Keys that were asked for, and where their values stood.
    taken: BTreeMap<&'static str, Option<String>>,
}

impl<'r> Section<'r> {
    fn new(reader: &'r Reader, path: String, heading: String, values: Map<String, Value>) -> Self {
        let values: BTreeMap<_, _> = values.into_iter().collect();
        let origin = values.values().find_map(|value| origin_of(value).filter(|origin| *origin != DEFAULT));
        Self {
            reader,
            path,
            heading: Some(heading),
            origin: origin.map(str::to_owned),
            values,
            taken: BTreeMap::new(),
        }
    }

    /// A key that must have a value: the user's, or the one in `default.toml`.
    pub(super) fn need<F: Form>(&mut self, key: &'static str, form: &F) -> Reading<F::Value> {
        self.maybe(key, form)?.ok_or_else(|| self.missing(key))
    }

    /// A key of an entry that has a default.
    pub(super) fn or<F: Form>(
        &mut self,
        key: &'static str,
        form: &F,
        default: F::Value,
    ) -> Reading<F::Value> {
        if self.values.contains_key(key) {
            return self.need(key, form);
        }
        self.taken.insert(key, None);
        self.record(key, Some(form.toml(&default)));
        Ok(default)
    }

    /// A key that need not have a value.
    pub(super) fn maybe<F: Form>(&mut self, key: &'static str, form: &F) -> Reading<Option<F::Value>> {
        let Some(raw) = self.take(key) else {
            self.record(key, None);
            return Ok(None);
        };
        let value = form.parse(&raw).map_err(|wrong| self.refuse(key, wrong))?;
        self.record(key, Some(form.toml(&value)));
        Ok(Some(value))
    }

    /// A section below this one. One that is missing is empty.
    pub(super) fn section(&mut self, key: &'static str) -> Reading<Section<'r>> {
        let raw = self.take(key).unwrap_or_else(|| Map::<String, Value>::new().into());
        let path = self.full_key(key);
        self.reader.open(raw, path.clone(), format!("[{path}]"))
    }

    /// An inline table, which this section shows by [`Section::record`].
    pub(super) fn inline(&mut self, key: &'static str) -> Reading<Option<Section<'r>>> {
        let Some(raw) = self.take(key) else {
            return Ok(None);
        };
        let mut table = self.reader.open(raw, self.full_key(key), String::new())?;
        table.heading = None;
        Ok(Some(table))
    }

    /// The sections below `key`, each with its name, in the names' order; none when `key` is missing.
    pub(super) fn entries(&mut self, key: &'static str) -> Reading<Vec<(String, Section<'r>)>> {
        let mut parent = self.section(key)?;
        let open = |(name, raw): (String, Value)| {
            let path = format!("{}.{}", parent.path, bare_or_quoted(&name));
            let heading = format!("[{path}]");
            Ok((name, parent.reader.open(raw, path, heading)?))
        };
        let values = std::mem::take(&mut parent.values);
        let opened: Vec<Reading<_>> = values.into_iter().map(open).collect();
        opened.into_iter().collect()
    }

    /// The sections of a list, `[[key]]`; none when `key` is missing.
    pub(super) fn items(&mut self, key: &'static str) -> Reading<Vec<Section<'r>>> {
        let path = self.full_key(key);
        let list = match self.take(key).map(|raw| raw.kind) {
            None => Vec::new(),
            Some(ValueKind::Array(list)) => list,
            Some(ValueKind::Table(table)) if is_numbered(&table) => in_order(table),
            Some(other) => {
                let is = kind(&other);
                return Err(self.refuse(key, format!("must be a list of sections, [[{path}]], and is {is}")));
            }
        };
        let open = |(i, raw)| self.reader.open(raw, format!("{path}[{i}]"), format!("[[{path}]]"));
        let opened: Vec<Reading<_>> = list.into_iter().enumerate().map(open).collect();
        opened.into_iter().collect()
    }

    /// Reports that a key of this section is wrong.
    pub(super) fn refuse(&self, key: &'static str, wrong: impl Into<String>) -> Reported {
        let origin = self.taken.get(key).cloned().flatten().or_else(|| self.origin.clone());
        self.reader.report(self.full_key(key), origin, wrong.into())
    }

    /// Reports that a key without a default has no value.
    pub(super) fn missing(&self, key: &'static str) -> Reported {
        self.refuse(key, "is missing, and has no default")
    }

    /// Reports that the section as a whole is wrong.
    pub(super) fn refuse_all(&self, wrong: impl Into<String>) -> Reported {
        self.reader.report(self.path.clone(), self.origin.clone(), wrong.into())
    }

    /// Shows `key` in the resolved configuration; None says that it is not set.
    pub(super) fn record(&self, key: &'static str, toml: Option<String>) {
        let Some(heading) = &self.heading else {
            return;
        };
        self.reader.transcript.borrow_mut().push(Entry {
            section: self.path.clone(),
            heading: heading.clone(),
            key,
            toml,
            origin: self.taken.get(key).cloned().flatten(),
            note: None,
            file: None,
        });
    }

    /// Adds a remark to a key that was shown.
    pub(super) fn note(&self, key: &'static str, note: &'static str) {
        self.amend(key, |entry| entry.note = Some(note));
    }

    /// Remembers the file that a key names, and what was in it, so that a change is noticed.
    pub(super) fn names_file(&self, key: &'static str, path: &Path, content: Option<&[u8]>) {
        let file = NamedFile { path: path.to_owned(), content: content.map(Content::of) };
        self.amend(key, |entry| entry.file = Some(file));
    }

    /// Whether callers are shown the certificate with this fingerprint while this is read.
    pub(super) fn is_in_service(&self, fingerprint: &str) -> bool {
        self.reader.certificate.as_deref() == Some(fingerprint)
    }

    /// Changes what was recorded last about a key.
    fn amend(&self, key: &'static str, change: impl FnOnce(&mut Entry)) {
        let mut transcript = self.reader.transcript.borrow_mut();
        let mut shown = transcript.iter_mut().rev();
        if let Some(entry) = shown.find(|entry| entry.section == self.path && entry.key == key) {
            change(entry);
        }
    }

    fn take(&mut self, key: &'static str) -> Option<Value> {
        let value = self.values.remove(key);
        let origin = value.as_ref().and_then(origin_of).map(str::to_owned);
        self.taken.insert(key, origin);
        value
    }

    fn full_key(&self, key: &str) -> String {
        let key = bare_or_quoted(key);
        if self.path.is_empty() { key } else { format!("{}.{key}", self.path) }
    }
}

impl Drop for Section<'_> {
    fn drop(&mut self) {
        for (key, value) in &self.values {
            let hint = suggestion(key, self.taken.keys().copied());
            let origin = origin_of(value).or(self.origin.as_deref()).map(str::to_owned);
            self.reader.report(self.full_key(key), origin, format!("is no known key{hint}"));
        }
    }
}

impl Reader {
    fn open(&self, raw: Value, path: String, heading: String) -> Reading<Section<'_>> {
        let origin = origin_of(&raw).map(str::to_owned);
        match raw.kind {
            ValueKind::Table(values) => Ok(Section::new(self, path, heading, values)),
            other => {
                let wrong = format!("must be a section with keys of its own, and is {}", kind(&other));
                Err(self.report(path, origin, wrong))
            }
        }
    }
}

/// Whether the keys are 0, 1, 2 …: how the environment spells a list that no file has.
fn is_numbered(table: &Map<String, Value>) -> bool {
    !table.is_empty() && (0..table.len()).all(|i| table.contains_key(&i.to_string()))
}

fn in_order(mut table: Map<String, Value>) -> Vec<Value> {
    (0..table.len()).filter_map(|i| table.remove(&i.to_string())).collect()
}
