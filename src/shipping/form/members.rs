use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::trail::{Line, LineHash};

/// A record taken apart. What a form takes out has a place of its own there; what is left goes where the schema leaves
/// room for the rest, so that nothing is lost.
pub(super) struct Members {
    /// The line's sequence number.
    pub(super) sequence: u64,
    /// The line's hash.
    pub(super) hash: String,
    /// When the record was made.
    pub(super) time: Timestamp,
    /// What it is about.
    pub(super) kind: String,
    rest: Map<String, Value>,
}

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It was passed on, and the vendor did it.
    Success,
    /// It was refused, or the vendor did not do it.
    Failure,
    /// It was announced, or sent and never answered.
    Unknown,
    /// The record is not about a request.
    None,
}

impl Members {
    /// `None` when the line is no record.
    pub(super) fn of(line: Line<'_>, hash: LineHash) -> Option<Self> {
        let mut rest: Map<String, Value> = serde_json::from_slice(line.bytes).ok()?;
        let time = rest.remove("time")?.as_str()?.parse().ok()?;
        let Some(Value::String(kind)) = rest.remove("kind") else { return None };
        rest.remove("seq")?;
        rest.retain(|_, value| !value.is_null());
        Some(Self { sequence: line.sequence, hash: hash.to_string(), time, kind, rest })
    }

    /// Stands for a line that is no record.
    pub(super) fn unreadable(line: Line<'_>, hash: LineHash) -> Self {
        let kind = "unreadable".to_owned();
        let (sequence, hash) = (line.sequence, hash.to_string());
        Self { sequence, hash, time: Timestamp::now(), kind, rest: Map::new() }
    }

    /// Takes a member out; null where there is none.
    pub(super) fn take(&mut self, name: &str) -> Value {
        self.rest.remove(name).unwrap_or_default()
    }

    /// A member, which stays.
    pub(super) fn get(&self, name: &str) -> &Value {
        self.rest.get(name).unwrap_or(&Value::Null)
    }

    /// Whether the record is about requests, rather than about the trail.
    pub(super) fn is_of_requests(&self) -> bool {
        matches!(self.kind.as_str(), "intent" | "outcome" | "refusals")
    }

    /// What became of the request.
    pub(super) fn verdict(&self) -> Verdict {
        let is_true = |name| self.get(name) == &Value::Bool(true);
        match self.kind.as_str() {
            "refusals" => Verdict::Failure,
            "intent" => Verdict::Unknown,
            "outcome" if is_true("outcome_unknown") => Verdict::Unknown,
            "outcome" if self.get("decision") != "allowed" => Verdict::Failure,
            "outcome" => {
                let status = self.get("vendor_status").as_u64();
                let error = self.get("vendor_error");
                let is_done = status.is_some_and(|status| (200..300).contains(&status));
                let no_error = error.is_null() || error.as_i64() == Some(0);
                if is_done && no_error { Verdict::Success } else { Verdict::Failure }
            }
            _ => Verdict::None,
        }
    }

    /// One line for people.
    pub(super) fn message(&self) -> String {
        let text = |name: &str| self.get(name).as_str().unwrap_or("-").to_owned();
        let status = self.get("status").as_u64().map_or("no status".into(), |status| status.to_string());
        let who = format!("{} of {}", text("subject"), text("tenant"));
        match self.kind.as_str() {
            "intent" => format!("{who}: {} is about to be sent", text("action")),
            "outcome" => match self.get("reason").as_str() {
                Some(reason) => format!("{who}: {} {}, {status} {reason}", text("action"), text("decision")),
                None => format!("{who}: {} {}, {status}", text("action"), text("decision")),
            },
            "refusals" => {
                format!("{} times {} refused, {}", self.get("count"), text("action"), text("reason"))
            }
            kind => format!("audit trail: {kind}"),
        }
    }

    /// What nobody has taken.
    pub(super) fn rest(self) -> Map<String, Value> {
        self.rest
    }
}

/// An object of those members that are not null.
pub(super) fn object<const N: usize>(members: [(&str, Value); N]) -> Value {
    let there = members.into_iter().filter(|(_, value)| !value.is_null());
    let object: Map<String, Value> = there.map(|(name, value)| (name.to_owned(), value)).collect();
    if object.is_empty() { Value::Null } else { object.into() }
}
