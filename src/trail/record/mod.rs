//! The lines of the trail by kind, less what holds them together.

mod json;
mod life;
mod refusals;
mod request;

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize, Serializer};

pub(super) use json::{push_hexadecimal, push_number};
pub use life::{
    ChangedKey, Checkpoint, Heartbeat, OpenIntent, Recovered, Reload, ReloadCause, Start, Stop, TornTail,
    Trouble,
};
pub use refusals::Refusals;
pub use request::{Call, CallView, Decision, Intent, IntentView, Outcome, OutcomeView, VendorError};

use crate::domain::{Code, RequestId};

/// What a line is about; the value of its `kind`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The gateway has started.
    Start,
    /// The gateway is about to end.
    Stop,
    /// A mutation is about to be sent to the vendor.
    Intent,
    /// A request has ended.
    Outcome,
    /// Many requests were refused alike.
    Refusals,
    /// The lines before are vouched for.
    Checkpoint,
    /// Something went wrong with the trail, and it goes on.
    Recovered,
    /// The gateway is there, and nothing happens.
    Heartbeat,
    /// The gateway goes by another configuration.
    Reload,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 9] = [
        Self::Start,
        Self::Stop,
        Self::Intent,
        Self::Outcome,
        Self::Refusals,
        Self::Checkpoint,
        Self::Recovered,
        Self::Heartbeat,
        Self::Reload,
    ];

    /// The value of `kind`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Stop => "stop",
            Self::Intent => "intent",
            Self::Outcome => "outcome",
            Self::Refusals => "refusals",
            Self::Checkpoint => "checkpoint",
            Self::Recovered => "recovered",
            Self::Heartbeat => "heartbeat",
            Self::Reload => "reload",
        }
    }
}

/// One line of the trail, less what the thread adds: `v`, `seq` and `prev`. All but [`Intent`], [`Outcome`],
/// [`Refusals`] and [`Reload`] are written by the trail itself.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "each is described where it is defined")]
pub enum Record {
    Start(Start),
    Stop(Stop),
    Intent(Intent),
    Outcome(Outcome),
    Refusals(Refusals),
    Checkpoint(Checkpoint),
    Recovered(Recovered),
    Heartbeat(Heartbeat),
    Reload(Reload),
}

/// What can be put on record.
pub trait Recordable {
    /// What it is about.
    fn kind(&self) -> Kind;

    /// What it means for the changes under way.
    fn change(&self) -> Change;

    /// Adds it to `text` as one JSON object without a newline. Fails only where it cannot be JSON.
    fn write(&self, text: &mut Vec<u8>) -> serde_json::Result<()>;
}

/// What a record means for the changes that have been announced and have not ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// There is one more.
    Announced(RequestId),
    /// This one has ended, if it was announced.
    Ended(RequestId),
    /// Nothing.
    None,
}

impl Recordable for Record {
    fn kind(&self) -> Kind {
        match self {
            Self::Start(_) => Kind::Start,
            Self::Stop(_) => Kind::Stop,
            Self::Intent(_) => Kind::Intent,
            Self::Outcome(_) => Kind::Outcome,
            Self::Refusals(_) => Kind::Refusals,
            Self::Checkpoint(_) => Kind::Checkpoint,
            Self::Recovered(_) => Kind::Recovered,
            Self::Heartbeat(_) => Kind::Heartbeat,
            Self::Reload(_) => Kind::Reload,
        }
    }

    fn change(&self) -> Change {
        match self {
            Self::Intent(intent) => intent.view().change(),
            Self::Outcome(outcome) => outcome.view().change(),
            _ => Change::None,
        }
    }

    fn write(&self, text: &mut Vec<u8>) -> serde_json::Result<()> {
        match self {
            Self::Start(fields) => self.to_json(fields.time, fields, text),
            Self::Stop(fields) => self.to_json(fields.time, fields, text),
            Self::Intent(fields) => fields.view().write(text),
            Self::Outcome(fields) => fields.view().write(text),
            Self::Refusals(fields) => self.to_json(fields.time, fields, text),
            Self::Checkpoint(fields) => self.to_json(fields.time, fields, text),
            Self::Recovered(fields) => self.to_json(fields.time, fields, text),
            Self::Heartbeat(fields) => self.to_json(fields.time, fields, text),
            Self::Reload(fields) => self.to_json(fields.time, fields, text),
        }
    }
}

impl Record {
    fn to_json(
        &self,
        time: Timestamp,
        fields: &impl Serialize,
        text: &mut Vec<u8>,
    ) -> serde_json::Result<()> {
        serde_json::to_writer(text, &Tagged { time, kind: self.kind(), fields })
    }

    /// The record as one JSON object without a newline.
    pub(in crate::trail) fn payload(&self) -> serde_json::Result<Vec<u8>> {
        let mut text = Vec::new();
        self.write(&mut text)?;
        Ok(text)
    }
}

/// What is written by hand is held against this.
#[cfg(test)]
impl Serialize for Record {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        fn tagged<S: Serializer>(
            kind: Kind,
            time: Timestamp,
            fields: &impl Serialize,
            serializer: S,
        ) -> Result<S::Ok, S::Error> {
            Tagged { time, kind, fields }.serialize(serializer)
        }
        match self {
            Self::Start(fields) => tagged(self.kind(), fields.time, fields, serializer),
            Self::Stop(fields) => tagged(self.kind(), fields.time, fields, serializer),
            Self::Intent(fields) => tagged(self.kind(), fields.time, fields, serializer),
            Self::Outcome(fields) => tagged(self.kind(), fields.time, fields, serializer),
            Self::Refusals(fields) => tagged(self.kind(), fields.time, fields, serializer),
            Self::Checkpoint(fields) => tagged(self.kind(), fields.time, fields, serializer),
            Self::Recovered(fields) => tagged(self.kind(), fields.time, fields, serializer),
            Self::Heartbeat(fields) => tagged(self.kind(), fields.time, fields, serializer),
            Self::Reload(fields) => tagged(self.kind(), fields.time, fields, serializer),
        }
    }
}

/// Puts time and kind in front, where a reader looks first.
#[derive(Serialize)]
struct Tagged<'a, T> {
    #[serde(serialize_with = "timestamp")]
    time: Timestamp,
    kind: Kind,
    #[serde(flatten)]
    fields: &'a T,
}

/// RFC 3339 in UTC, always with six digits, so that lines sort as text.
pub(in crate::trail) fn timestamp<S: Serializer>(time: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("{time:.6}"))
}

#[expect(clippy::ref_option, reason = "serde passes fields by reference")]
fn timestamp_or_null<S: Serializer>(time: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
    match time {
        Some(time) => timestamp(time, serializer),
        None => serializer.serialize_none(),
    }
}

#[expect(clippy::ref_option, clippy::trivially_copy_pass_by_ref, reason = "serde passes fields by reference")]
fn code<S: Serializer>(code: &Option<Code>, serializer: S) -> Result<S::Ok, S::Error> {
    code.map(Code::as_str).serialize(serializer)
}

#[cfg(test)]
fn micros<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    whole_micros(*duration).serialize(serializer)
}

#[cfg(test)]
#[expect(clippy::ref_option, reason = "serde passes fields by reference")]
fn micros_or_null<S: Serializer>(duration: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    duration.map(whole_micros).serialize(serializer)
}

/// Whole microseconds; what no `u64` holds is 584 000 years.
pub(in crate::trail) fn whole_micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
