//! What the sandbox has seen since its start or the last reset.

use std::collections::BTreeMap;

use http::StatusCode;
use serde::Serialize;

use super::call::Kind;

/// Calls by kind.
#[derive(Default, Serialize)]
#[serde(transparent)]
pub(super) struct Counts(BTreeMap<Kind, Tally>);

#[derive(Default, Serialize)]
struct Tally {
    seen: u64,
    /// By status.
    answers: BTreeMap<u16, u64>,
    /// Left without an answer by a fault.
    unanswered: u64,
}

impl Counts {
    /// All kinds, none seen.
    pub(super) fn new() -> Self {
        let kinds = [Kind::Token, Kind::Create, Kind::Get, Kind::Dissolve, Kind::Kick, Kind::Unknown];
        Self(kinds.map(|kind| (kind, Tally::default())).into())
    }

    /// One more, and what the caller gets: none for no answer.
    pub(super) fn add(&mut self, kind: Kind, status: Option<StatusCode>) {
        let tally = self.0.entry(kind).or_default();
        tally.seen += 1;
        match status {
            Some(status) => *tally.answers.entry(status.as_u16()).or_default() += 1,
            None => tally.unanswered += 1,
        }
    }
}
