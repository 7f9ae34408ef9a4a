//! The lines of the trail by kind, less what holds them together.

mod life;
mod refusals;
mod request;

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize, Serializer};

pub use life::{
    ChangedKey, Checkpoint, Heartbeat, OpenIntent, Recovered, Reload, ReloadCause, Start, Stop, TornTail,
    Trouble,
};
pub use refusals::Refusals;
pub use request::{Call, Decision, Intent, Outcome, VendorError};

use crate::domain::Code;

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

impl Record {
    /// What the record is about.
    pub fn kind(&self) -> Kind {
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

    /// The record as one JSON object without a newline.
    pub(in crate::trail) fn payload(&self) -> serde_json::Result<Vec<u8>> {
        let mut json = Vec::with_capacity(768);
        serde_json::to_writer(&mut json, self)?;
        // A raw body may have newlines between its members, where a space says the same; inside a string, JSON
        // has none.
        for byte in json.iter_mut().filter(|byte| **byte == b'\n') {
            *byte = b' ';
        }
        Ok(json)
    }
}

impl Serialize for Record {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Start(fields) => Tagged::new(self, fields.time, fields).serialize(serializer),
            Self::Stop(fields) => Tagged::new(self, fields.time, fields).serialize(serializer),
            Self::Intent(fields) => Tagged::new(self, fields.time, fields).serialize(serializer),
            Self::Outcome(fields) => Tagged::new(self, fields.time, fields).serialize(serializer),
            Self::Refusals(fields) => Tagged::new(self, fields.time, fields).serialize(serializer),
            Self::Checkpoint(fields) => Tagged::new(self, fields.time, fields).serialize(serializer),
            Self::Recovered(fields) => Tagged::new(self, fields.time, fields).serialize(serializer),
            Self::Heartbeat(fields) => Tagged::new(self, fields.time, fields).serialize(serializer),
            Self::Reload(fields) => Tagged::new(self, fields.time, fields).serialize(serializer),
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

impl<'a, T> Tagged<'a, T> {
    fn new(record: &Record, time: Timestamp, fields: &'a T) -> Self {
        Self { time, kind: record.kind(), fields }
    }
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

fn micros<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    whole_micros(*duration).serialize(serializer)
}

#[expect(clippy::ref_option, reason = "serde passes fields by reference")]
fn micros_or_null<S: Serializer>(duration: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    duration.map(whole_micros).serialize(serializer)
}

/// Whole microseconds; what no `u64` holds is 584 000 years.
pub(in crate::trail) fn whole_micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
