//! A fault on demand: which call goes wrong, how, and how often.

use std::time::Duration;

use http::StatusCode;
use serde::{Deserialize, Deserializer, Serialize};

use super::answer::{Answer, ConferenceError, PlatformError};
use super::call::{Call, Kind};
use crate::smallserver::Break;

const MAX_DELAY: Duration = Duration::from_mins(10);
const MAX_BYTES: u64 = 1 << 30;

/// Which calls an order is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum On {
    Create,
    Get,
    Dissolve,
    Kick,
    Token,
    /// All of them, and unknown paths, too.
    Any,
}

impl On {
    fn covers(self, kind: Kind) -> bool {
        match self {
            Self::Any => true,
            Self::Create => kind == Kind::Create,
            Self::Get => kind == Kind::Get,
            Self::Dissolve => kind == Kind::Dissolve,
            Self::Kick => kind == Kind::Kick,
            Self::Token => kind == Kind::Token,
        }
    }
}

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Fault {
    /// The call's own answer, late.
    Delay,
    #[serde(rename = "401")]
    Unauthorized,
    #[serde(rename = "429")]
    TooManyRequests,
    #[serde(rename = "500")]
    InternalError,
    #[serde(rename = "502")]
    BadGateway,
    #[serde(rename = "503")]
    Unavailable,
    /// A TCP reset instead of an answer.
    Reset,
    /// 502 as a proxy in front answers it.
    Html,
    /// No answer for as long as the caller waits.
    Hang,
    /// Bytes that are no HTTP.
    Garbage,
    /// An answer that breaks off within its body.
    Truncated,
    /// 200 with a negative `error`.
    #[serde(rename = "failure_in_200")]
    FailureIn200,
    /// 200 with a huge JSON body.
    Oversized,
}

/// An order for a fault: the control API's body for it, and how it is listed.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Order {
    on: On,
    #[serde(deserialize_with = "name_or_number")]
    fault: Fault,
    /// How many calls it still hits; null: all until it is cleared.
    #[serde(default)]
    pub(super) times: Option<u32>,
    /// Waited before the answer, with any fault.
    #[serde(default)]
    delay_ms: u64,
    /// Seconds for `Retry-After`.
    #[serde(default)]
    retry_after: Option<u64>,
    /// `org/app`; null: every application.
    #[serde(default)]
    app: Option<String>,
    /// Whether the call is carried out although its answer is lost.
    #[serde(default)]
    effect: bool,
    /// The size of an oversized body.
    #[serde(default = "default_bytes")]
    bytes: u64,
}

fn default_bytes() -> u64 {
    8 << 20
}

/// Takes `401` for `"401"`.
fn name_or_number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Fault, D::Error> {
    use serde::de::Error;
    let value = match serde_json::Value::deserialize(deserializer)? {
        serde_json::Value::Number(number) => serde_json::Value::String(number.to_string()),
        other => other,
    };
    serde_json::from_value(value).map_err(D::Error::custom)
}

impl Order {
    /// What is wrong with the order, if anything.
    pub(super) fn problem(&self) -> Option<String> {
        let retryable = matches!(self.fault, Fault::TooManyRequests | Fault::Unavailable);
        if self.times == Some(0) {
            Some("times must be at least 1, or null for all calls until the order is cleared".into())
        } else if self.fault == Fault::Delay && self.delay_ms == 0 {
            Some("a delay needs delay_ms".into())
        } else if self.delay() > MAX_DELAY {
            Some(format!("delay_ms must be at most {}", MAX_DELAY.as_millis()))
        } else if self.retry_after.is_some() && !retryable {
            Some("retry_after goes with the faults 429 and 503 only".into())
        } else if self.bytes > MAX_BYTES {
            Some(format!("bytes must be at most {MAX_BYTES}"))
        } else {
            None
        }
    }

    /// Whether the order is for such a call.
    pub(super) fn covers(&self, call: &Call) -> bool {
        let app = self.app.as_deref().map(|app| app.split_once('/'));
        self.on.covers(call.kind()) && app.is_none_or(|app| app == Some((call.org, call.app)))
    }

    /// The name in the log.
    pub(super) fn name(&self) -> String {
        serde_json::to_string(&self.fault).unwrap_or_default()
    }

    /// Whether the call is carried out all the same.
    pub(super) fn lets_through(&self) -> bool {
        self.effect || self.fault == Fault::Delay
    }

    /// How long the caller waits first.
    pub(super) fn delay(&self) -> Duration {
        Duration::from_millis(self.delay_ms)
    }

    /// What the caller gets in place of `answer`.
    pub(super) fn spoil(&self, answer: Option<Answer>) -> Outcome {
        let faulty = match self.fault {
            Fault::Delay => return answer.map_or(Outcome::Silence, Outcome::Answer),
            Fault::Hang => return Outcome::Silence,
            Fault::Reset => return Outcome::Break(Break::Reset),
            Fault::Garbage => return Outcome::Break(Break::Raw(GARBAGE)),
            Fault::Truncated => return Outcome::Break(Break::Raw(TRUNCATED)),
            Fault::Oversized => return Outcome::Oversized(self.bytes),
            Fault::Unauthorized => PlatformError::Unauthorized.answer("Unable to authenticate (OAuth)"),
            Fault::TooManyRequests => PlatformError::ReachLimit.answer("You have exceeded the limit"),
            Fault::InternalError => PlatformError::Internal.answer("Internal server error"),
            Fault::BadGateway | Fault::Html => Answer::html(StatusCode::BAD_GATEWAY),
            Fault::Unavailable => PlatformError::Unavailable.answer("The service is unavailable"),
            Fault::FailureIn200 => ConferenceError::InArrears.answer(),
        };
        Outcome::Answer(Answer { retry_after: self.retry_after, ..faulty })
    }
}

const GARBAGE: &[u8] = b"\x15\x03\x01\x00\x02\x02\x28 this is not HTTP\r\n\r\n";
const TRUNCATED: &[u8] =
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 300\r\n\r\n{\"error\":0,\"id\":\"IM3SK";

/// What a caller gets.
#[derive(Debug)]
pub(super) enum Outcome {
    /// An answer.
    Answer(Answer),
    /// 200 with so many bytes of JSON.
    Oversized(u64),
    /// The end of the connection.
    Break(Break),
    /// Nothing, for as long as the caller waits.
    Silence,
}

impl Outcome {
    /// The status that the caller sees, if any.
    pub(super) fn status(&self) -> Option<StatusCode> {
        match self {
            Self::Answer(answer) => Some(answer.status),
            Self::Oversized(_) => Some(StatusCode::OK),
            Self::Break(_) | Self::Silence => None,
        }
    }
}
