use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use crate::domain::{Action, AppKey, Code, ConferenceId, RequestId, TenantId, TraceContext, UserName};

/// What a line is about; the value of its `kind`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
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
}

/// One line of the trail, less what the thread adds: `v`, `seq` and `prev`.
#[derive(Clone, Debug)]
pub enum Record {
    /// Written by the trail itself when it opens.
    Start(Start),
    /// Written by the trail itself when it closes.
    Stop(Stop),
    /// See [`Intent`].
    Intent(Intent),
    /// See [`Outcome`].
    Outcome(Outcome),
}

/// The gateway has started.
#[derive(Clone, Debug, Serialize)]
pub struct Start {
    /// When.
    #[serde(skip)]
    pub time: Timestamp,
    /// The version of the program.
    pub version: &'static str,
    /// What the run before left unfinished, if it did.
    pub torn: Option<TornTail>,
}

/// The last bytes of a segment that ended without a newline: the write that a crash cut short.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TornTail {
    /// The name of the file, in the trail's directory, that they were moved to.
    pub file: String,
    /// How many they are.
    pub bytes: u64,
}

/// The gateway is about to end, of its own will.
#[derive(Clone, Debug, Serialize)]
pub struct Stop {
    /// When.
    #[serde(skip)]
    pub time: Timestamp,
}

/// What intent and outcome say about the request. What is not known (yet), or not of this action, is null.
#[derive(Clone, Debug, Serialize)]
pub struct Call {
    /// The id that the caller got too.
    pub request_id: RequestId,
    /// The trace that the request belongs to.
    #[serde(rename = "trace_id")]
    pub trace: TraceContext,
    /// What was asked for.
    pub action: Option<Action>,
    /// The caller's tenant, once verified.
    pub tenant: Option<TenantId>,
    /// The caller, once verified.
    pub subject: Option<Arc<str>>,
    /// Who vouched for the caller.
    pub issuer: Option<Arc<str>>,
    /// The token's `jti`; never the token.
    pub token_id: Option<Arc<str>>,
    /// The address that the request came from.
    pub client: IpAddr,
    /// The app that the tenant is bound to.
    pub app: Option<AppKey>,
    /// The conference that the request names; for a create's outcome, the one that the vendor made.
    pub conference: Option<ConferenceId>,
    /// Who is kicked.
    pub user: Option<UserName>,
    /// Who becomes administrator of the created conference.
    pub creator: Option<UserName>,
}

/// A create, dissolve or kick that the vendor is about to see.
#[derive(Clone, Debug, Serialize)]
pub struct Intent {
    /// When it was decided.
    #[serde(skip)]
    pub time: Timestamp,
    /// The request.
    #[serde(flatten)]
    pub call: Call,
    /// The body of a create as it is sent, without its password.
    pub body: Option<Box<RawValue>>,
}

/// How a request ended. Every request has exactly one.
#[derive(Clone, Debug, Serialize)]
pub struct Outcome {
    /// When.
    #[serde(skip)]
    pub time: Timestamp,
    /// The request.
    #[serde(flatten)]
    pub call: Call,
    /// Whether the gateway let it through.
    pub decision: Decision,
    /// Why the gateway answered by itself; null for an answer of the vendor's.
    #[serde(serialize_with = "code")]
    pub reason: Option<Code>,
    /// Why exactly. For those who read the trail; no caller sees it.
    pub detail: Option<Box<str>>,
    /// The status that the caller got; null when the caller had gone.
    pub status: Option<u16>,
    /// The status of the vendor's last answer.
    pub vendor_status: Option<u16>,
    /// `error` in the body of the vendor's last answer; 0 is success.
    pub vendor_error: Option<VendorError>,
    /// How often the request was sent to the vendor.
    pub attempts: u32,
    /// From the request's head until its answer was ready to go out, in microseconds.
    #[serde(rename = "duration_us", serialize_with = "micros")]
    pub duration: Duration,
    /// The part of it from the first attempt to the head of the vendor's last answer, or to the failure of that
    /// attempt, in microseconds; null when nothing was sent.
    #[serde(rename = "vendor_us", serialize_with = "micros_or_null")]
    pub vendor_duration: Option<Duration>,
    /// The sequence number of the request's intent; null for what needs none, or did not get that far.
    pub intent: Option<u64>,
    /// The vendor may or may not have done it: it was sent, and no answer came.
    pub outcome_unknown: bool,
    /// The caller hung up before the answer.
    pub caller_gone: bool,
}

/// Whether the gateway let a request through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// Every check was passed.
    Allowed,
    /// A check was not passed, or the caller left before the last of them; the vendor saw nothing.
    Refused,
}

/// `error` of the vendor's bodies, which one host sends in two types.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum VendorError {
    /// Of the conference service: 0 is success.
    Number(i64),
    /// Of the platform, for example `unauthorized`.
    Name(Box<str>),
}

impl Record {
    /// What the record is about.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Start(_) => Kind::Start,
            Self::Stop(_) => Kind::Stop,
            Self::Intent(_) => Kind::Intent,
            Self::Outcome(_) => Kind::Outcome,
        }
    }

    /// The record as one JSON object without a newline.
    pub(super) fn payload(&self) -> serde_json::Result<Vec<u8>> {
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
fn timestamp<S: Serializer>(time: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("{time:.6}"))
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
pub(super) fn whole_micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
