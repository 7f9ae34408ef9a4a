//! What is said of a request: before the vendor sees it, and when it has ended.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{code, micros, micros_or_null};
use crate::domain::{Action, AppKey, Code, ConferenceId, RequestId, TenantId, TraceContext, UserName};

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

/// How a request ended. Every request has exactly one, unless it is one of many that were refused alike and are counted
/// in [`Refusals`](super::Refusals), or a read where reads leave none.
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
    /// The sequence number of the request's intent; null for what needs none, or did not get that far, and where the
    /// intent was queued: the request id tells which it is.
    pub intent: Option<u64>,
    /// The vendor may or may not have done it: it was sent, and no answer came.
    pub outcome_unknown: bool,
    /// The caller hung up before the answer.
    pub caller_gone: bool,
}

/// Whether the gateway let a request through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// Every check was passed.
    Allowed,
    /// A check was not passed, or the caller left before the last of them; the vendor saw nothing.
    Refused,
}

impl Decision {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Allowed, Self::Refused];

    /// The value of `decision`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::Refused => "refused",
        }
    }
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
