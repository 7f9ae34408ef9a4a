//! What the lines that a run has left mean for the next: where they end, and what they leave unfinished.

use std::borrow::Cow;
use std::collections::HashMap;

use jiff::Timestamp;
use serde::Deserialize;
use uuid::Uuid;

use super::writer::Heritage;
use crate::domain::RequestId;
use crate::trail::line::{Link, Position};
use crate::trail::record::{OpenIntent, TornTail};

/// The lines of one segment, or of several in a row.
#[derive(Debug, Default)]
pub(super) struct Replay {
    /// The place after the last of them.
    position: Option<Position>,
    /// When the first of the last segment was written.
    begun: Option<Timestamp>,
    trail: Option<Uuid>,
    /// The first line that is kept, as the last checkpoint has it.
    first: Option<u64>,
    /// The changes that are announced and not ended, with the numbers of their intents.
    open: HashMap<RequestId, u64>,
    /// The changes that ended here and may have been announced before.
    ended: Vec<RequestId>,
    /// Whether everything that was open before these lines is known.
    complete: bool,
    /// Whether the last run in them has ended of its own will.
    stopped: bool,
}

impl Replay {
    /// Adds the next line of the segment that begins with `first`, or says why it is none.
    pub(super) fn add(&mut self, first: u64, line: &[u8]) -> Result<(), &'static str> {
        let link = Link::parse(line).map_err(|_| "a line that is no record")?;
        let fits = match self.position {
            Some(position) => link.follows(position),
            None => link.seq == first,
        };
        if !fits {
            return Err("a line that does not follow the one before");
        }
        let meaning: Meaning = serde_json::from_slice(line).map_err(|_| "a line that is no record")?;
        if self.position.is_none() {
            self.begun = meaning.time.parse().ok();
            self.complete = first == 1;
        }
        self.position = Some(link.position());
        self.take_in(link.seq, meaning);
        Ok(())
    }

    fn take_in(&mut self, sequence: u64, meaning: Meaning<'_>) {
        match (&*meaning.kind, meaning.request_id) {
            ("intent", Some(id)) => drop(self.open.insert(id, sequence)),
            ("outcome", Some(id)) if meaning.action.is_some_and(|action| action != "get") => self.end(id),
            ("recovered", _) => {
                for lost in meaning.unknown.into_iter().flatten() {
                    self.end(lost.request_id);
                }
            }
            ("checkpoint", _) => {
                self.first = meaning.first;
                if let Some(open) = meaning.open {
                    self.open = open.into_iter().map(|open| (open.request_id, open.intent)).collect();
                    self.ended.clear();
                    self.complete = true;
                }
            }
            _ => {}
        }
        self.trail = meaning.trail.or(self.trail);
        // After its stop a run has nothing more to say, but what vouches for it, and that it had trouble to be written.
        let may_follow = matches!(&*meaning.kind, "checkpoint" | "recovered");
        self.stopped = meaning.kind == "stop" || (self.stopped && may_follow);
    }

    fn end(&mut self, id: RequestId) {
        if self.open.remove(&id).is_none() && !self.complete {
            self.ended.push(id);
        }
    }

    /// These lines after `earlier` ones.
    pub(super) fn after(self, earlier: Self) -> Self {
        let mut open = earlier.open;
        open.retain(|id, _| !self.ended.contains(id));
        open.extend(self.open);
        let mut ended = earlier.ended;
        ended.extend(self.ended);
        Self {
            position: self.position,
            begun: self.begun,
            trail: self.trail.or(earlier.trail),
            first: self.first.or(earlier.first),
            open,
            ended,
            complete: earlier.complete,
            stopped: self.stopped,
        }
    }

    /// Whether nothing before these lines needs to be known.
    pub(super) fn is_complete(&self) -> bool {
        self.complete && self.trail.is_some()
    }

    /// The place after the last line; `None` without a line.
    pub(super) fn position(&self) -> Option<Position> {
        self.position
    }

    /// When the first line was written.
    pub(super) fn begun(&self) -> Option<Timestamp> {
        self.begun
    }

    /// What the next run has to know. A trail of which no checkpoint says otherwise has every line from the first on,
    /// or ought to.
    pub(super) fn heritage(self, torn: Option<TornTail>) -> Heritage {
        let open = self.open.into_iter().map(|(request_id, intent)| OpenIntent { intent, request_id });
        let mut open: Vec<OpenIntent> = open.collect();
        open.sort_unstable_by_key(|open| open.intent);
        Heritage {
            trail: self.trail,
            first: self.first.unwrap_or(1),
            torn,
            unknown: (!self.stopped || !open.is_empty()).then_some(open),
        }
    }
}

/// What of a line the next run has to know.
#[derive(Deserialize)]
struct Meaning<'a> {
    #[serde(borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    time: Cow<'a, str>,
    request_id: Option<RequestId>,
    #[serde(borrow)]
    action: Option<Cow<'a, str>>,
    trail: Option<Uuid>,
    first: Option<u64>,
    open: Option<Vec<OpenIntent>>,
    unknown: Option<Vec<OpenIntent>>,
}
