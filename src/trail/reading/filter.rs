//! Which lines are wanted.

use std::ops::RangeInclusive;

use jiff::{SignedDuration, Timestamp};

use super::entry::Entry;
use super::sieve::Sieve;
use crate::domain::{Action, Code, ConferenceId, RequestId, TenantId};
use crate::trail::line::{Head, Stamp};
use crate::trail::record::{Decision, Kind};

/// How far the times of neighbouring lines may be out of order. Workers stamp records before they are queued, and
/// clocks are set; a search by time looks this much further, either way.
pub(super) const SLACK: SignedDuration = SignedDuration::from_mins(10);

/// What a line must be to be found: of each list that has members, one member. A line that has no such field at all, as
/// an intent has no decision, is not found by it.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Of one of these kinds.
    pub kinds: Vec<Kind>,
    /// Of one of these tenants.
    pub tenants: Vec<TenantId>,
    /// Of one of these callers, to the byte.
    pub subjects: Vec<String>,
    /// One of these calls.
    pub actions: Vec<Action>,
    /// About one of these conferences.
    pub conferences: Vec<ConferenceId>,
    /// Decided so. Counted refusals are refused.
    pub decisions: Vec<Decision>,
    /// Answered by the gateway itself, for one of these reasons.
    pub reasons: Vec<Code>,
    /// Answered with a status in one of these ranges.
    pub statuses: Vec<RangeInclusive<u16>>,
    /// About one of these requests. Counted refusals name the first and the last of them, a recovery those that it
    /// leaves unknown.
    pub requests: Vec<RequestId>,
    /// Whether it must say of a change that nobody knows whether it was made.
    pub unknown: bool,
    /// Written then or later.
    pub since: Option<Timestamp>,
    /// Written before.
    pub until: Option<Timestamp>,
}

/// A filter made ready to be asked of many lines.
pub(super) struct Compiled {
    filter: Filter,
    requests: Vec<String>,
    sieve: Sieve,
    /// Whether recoveries pass whatever else is asked for.
    recoveries: bool,
    since: Option<Stamp>,
    until: Option<Stamp>,
    /// When nothing that is wanted can follow any more.
    end: Option<Stamp>,
}

impl Filter {
    pub(super) fn compile(&self) -> Compiled {
        Compiled {
            filter: self.clone(),
            requests: self.requests.iter().map(ToString::to_string).collect(),
            sieve: Sieve::of(self),
            recoveries: false,
            since: self.since.map(Stamp::of),
            until: self.until.map(Stamp::of),
            end: self.until.and_then(|until| until.checked_add(SLACK).ok()).map(Stamp::of),
        }
    }

    /// Whether it asks for nothing that only an outcome or counted refusals have.
    pub(super) fn is_open_to_intents(&self) -> bool {
        let asks_for_the_end =
            !self.decisions.is_empty() || !self.reasons.is_empty() || !self.statuses.is_empty();
        !asks_for_the_end && (self.kinds.is_empty() || self.kinds.contains(&Kind::Intent))
    }

    /// Whether it asks for nothing that a request says of itself.
    pub(super) fn is_open_to_all_requests(&self) -> bool {
        let (tenants, subjects) = (self.tenants.is_empty(), self.subjects.is_empty());
        let requests = self.requests.is_empty();
        tenants
            && subjects
            && requests
            && self.actions.is_empty()
            && self.conferences.is_empty()
            && self.is_open_to_intents()
    }
}

impl Compiled {
    /// Lets every recovery through that is in time, unless other kinds are asked for.
    pub(super) fn with_recoveries(mut self) -> Self {
        self.recoveries = has(&self.filter.kinds, |kind| *kind == Kind::Recovered);
        self
    }

    /// The time from which on lines have to be looked at. What is about a request is later than its id.
    pub(super) fn beginning(&self) -> Option<Timestamp> {
        let ids = self.filter.requests.iter().map(|id| Timestamp::from_millisecond(id.unix_millis()).ok());
        let earliest = self.filter.since.max(ids.min().flatten())?;
        Some(earliest.checked_sub(SLACK).unwrap_or(Timestamp::MIN))
    }

    /// Whether the segment that begins so, and all after it, are too late. Not asked of every line: a clock that is
    /// wrong for a moment would end the search.
    pub(super) fn is_over(&self, head: &Head<'_>) -> bool {
        self.end.as_ref().is_some_and(|end| head.time >= end.as_bytes())
    }

    /// Whether it was written in the time that is asked for.
    pub(super) fn is_in_time(&self, head: &Head<'_>) -> bool {
        let early = self.since.as_ref().is_some_and(|since| head.time < since.as_bytes());
        let late = self.until.as_ref().is_some_and(|until| head.time >= until.as_bytes());
        !early && !late
    }

    /// Whether it is worth being parsed.
    pub(super) fn may_pass(&self, head: &Head<'_>, line: &[u8]) -> bool {
        let is_kind = |kind: Kind| head.kind == kind.as_str().as_bytes();
        if self.recoveries && is_kind(Kind::Recovered) {
            return true;
        }
        has(&self.filter.kinds, |kind| is_kind(*kind)) && self.sieve.lets_through(line)
    }

    /// Whether it is what is asked for, its time apart.
    pub(super) fn passes(&self, entry: &Entry<'_>) -> bool {
        let filter = &self.filter;
        if self.recoveries && entry.kind == Kind::Recovered {
            return true;
        }
        has(&filter.kinds, |kind| *kind == entry.kind)
            && has(&filter.tenants, |tenant| entry.tenant == Some(tenant.as_str()))
            && has(&filter.subjects, |subject| entry.subject.as_deref() == Some(subject))
            && has(&filter.actions, |action| entry.action == Some(*action))
            && has(&filter.conferences, |id| entry.conference == Some(id.as_str()))
            && has(&filter.decisions, |decision| entry.decision() == Some(*decision))
            && has(&filter.reasons, |code| entry.reason == Some(code.as_str()))
            && has(&filter.statuses, |range| entry.status.is_some_and(|status| range.contains(&status)))
            && has(&self.requests, |id| entry.is_about(id))
            && (!filter.unknown || entry.is_unknown())
    }
}

fn has<T>(wanted: &[T], is_it: impl FnMut(&T) -> bool) -> bool {
    wanted.is_empty() || wanted.iter().any(is_it)
}
