//! A line as those who search the trail want it: taken apart without being copied.

use std::borrow::Cow;
use std::ops::Deref;

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::domain::Action;
use crate::trail::record::{Decision, Kind, OpenIntent, Trouble};

/// A line of whatever kind. What its kind has no member for is `None` or 0. The members are described in the schema
/// that [`SCHEMA`](crate::trail::SCHEMA) holds. Members of a later version are passed over.
#[derive(Debug, Deserialize)]
#[expect(missing_docs, reason = "each is described in schema.json, and where it is written")]
pub struct Entry<'a> {
    pub seq: u64,
    pub time: &'a str,
    pub kind: Kind,

    pub request_id: Option<&'a str>,
    pub trace_id: Option<&'a str>,
    pub action: Option<Action>,
    pub tenant: Option<&'a str>,
    #[serde(borrow)]
    pub subject: Option<Text<'a>>,
    #[serde(borrow)]
    pub issuer: Option<Text<'a>>,
    #[serde(borrow)]
    pub token_id: Option<Text<'a>>,
    pub client: Option<&'a str>,
    pub app: Option<&'a str>,
    pub conference: Option<&'a str>,
    pub user: Option<&'a str>,
    pub creator: Option<&'a str>,
    pub body: Option<&'a RawValue>,

    pub decision: Option<Decision>,
    pub reason: Option<&'a str>,
    #[serde(borrow)]
    pub detail: Option<Text<'a>>,
    pub status: Option<u16>,
    pub vendor_status: Option<u16>,
    pub vendor_error: Option<&'a RawValue>,
    #[serde(default)]
    pub attempts: u32,
    pub duration_us: Option<u64>,
    pub vendor_us: Option<u64>,
    pub intent: Option<u64>,
    #[serde(default)]
    pub outcome_unknown: bool,
    #[serde(default)]
    pub caller_gone: bool,

    pub count: Option<u64>,
    pub first_time: Option<&'a str>,
    pub first_request_id: Option<&'a str>,
    pub last_time: Option<&'a str>,
    pub last_request_id: Option<&'a str>,

    pub after: Option<Trouble>,
    #[serde(borrow)]
    pub fault: Option<Text<'a>>,
    #[serde(default)]
    pub unknown: Vec<OpenIntent>,

    pub version: Option<&'a str>,
    pub generation: Option<u64>,
    pub first: Option<u64>,
    pub sequence: Option<u64>,
}

impl<'a> Entry<'a> {
    /// Reads a line with its newline.
    pub fn parse(line: &'a [u8]) -> serde_json::Result<Self> {
        serde_json::from_slice(line)
    }

    /// How many requests it tells the end of.
    pub fn requests(&self) -> u64 {
        match self.kind {
            Kind::Outcome => 1,
            Kind::Refusals => self.count.unwrap_or_default(),
            _ => 0,
        }
    }

    /// Whether the gateway let the request through. Counted refusals are refusals.
    pub fn decision(&self) -> Option<Decision> {
        if self.kind == Kind::Refusals { Some(Decision::Refused) } else { self.decision }
    }

    /// Whether it names this request.
    pub fn is_about(&self, request_id: &str) -> bool {
        let ids = [self.request_id, self.first_request_id, self.last_request_id];
        let is_it = |open: &OpenIntent| open.request_id.encode(&mut [0; 36]) == request_id;
        ids.contains(&Some(request_id)) || self.unknown.iter().any(is_it)
    }

    /// Whether the vendor failed, or refused what it was asked: a status from 400 on, or an error inside a 200.
    pub fn is_vendor_error(&self) -> bool {
        let says_error = self.vendor_error.is_some_and(|error| error.get() != "0");
        says_error || self.vendor_status.is_some_and(|status| status >= 400)
    }

    /// Whether it says of a change that nobody knows whether it was made.
    pub fn is_unknown(&self) -> bool {
        self.outcome_unknown || !self.unknown.is_empty()
    }

    /// From `earlier`, a time as lines have it, until this line.
    pub fn since(&self, earlier: &str) -> Option<SignedDuration> {
        let (from, to): (Timestamp, Timestamp) = (earlier.parse().ok()?, self.time.parse().ok()?);
        Some(to.duration_since(from))
    }
}

/// Text that may come from a stranger. It is shown only with what steers terminals written out, and is copied only
/// where JSON had to escape something in it.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

impl Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trail::Recordable as _;
    use crate::trail::line::Position;
    use crate::trail::tests::every_record;

    #[test]
    fn every_kind_of_line_is_understood() {
        for record in every_record() {
            let mut line = Vec::new();
            Position::GENESIS.append(&mut line, &record.payload().unwrap());
            let entry = Entry::parse(&line).unwrap_or_else(|error| panic!("{error}: {record:?}"));
            assert_eq!((entry.seq, entry.kind), (1, record.kind()));
        }
    }

    #[test]
    fn text_is_copied_only_where_it_was_escaped() {
        let line =
            |subject: &str| format!(r#"{{"seq":1,"time":"t","kind":"outcome","subject":"{subject}"}}"#);
        let (plain, escaped) = (line("huangcl"), line(r"a\u001bb"));
        let plain = Entry::parse(plain.as_bytes()).unwrap().subject.unwrap();
        assert!(matches!(plain.0, Cow::Borrowed("huangcl")));
        let escaped = Entry::parse(escaped.as_bytes()).unwrap().subject.unwrap();
        assert_eq!(&*escaped, "a\u{1b}b");
    }
}
