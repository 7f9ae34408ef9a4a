//! What is said of a request: before the vendor sees it, and when it has ended.

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::json::Members;
use super::{Change, Kind, Recordable, whole_micros};
#[cfg(test)]
use super::{code, micros, micros_or_null};
use crate::domain::{Action, AppKey, Code, ConferenceId, RequestId, TenantId, TraceContext, UserName};

// What is derived here is what the text that is written by hand is held against.

/// What intent and outcome say about the request. What is not known (yet), or not of this action, is null.
#[derive(Clone, Debug)]
#[cfg_attr(test, derive(Serialize))]
pub struct Call {
    /// The id that the caller got too.
    pub request_id: RequestId,
    /// The trace that the request belongs to.
    #[cfg_attr(test, serde(rename = "trace_id"))]
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
#[derive(Clone, Debug)]
#[cfg_attr(test, derive(Serialize))]
pub struct Intent {
    /// When it was decided.
    #[cfg_attr(test, serde(skip))]
    pub time: Timestamp,
    /// The request.
    #[cfg_attr(test, serde(flatten))]
    pub call: Call,
    /// The body of a create as it is sent, without its password.
    pub body: Option<Box<RawValue>>,
}

/// How a request ended. Every request has exactly one, unless it is one of many that were refused alike and are counted
/// in [`Refusals`](super::Refusals), or a read where reads leave none.
#[derive(Clone, Debug)]
#[cfg_attr(test, derive(Serialize))]
pub struct Outcome {
    /// When.
    #[cfg_attr(test, serde(skip))]
    pub time: Timestamp,
    /// The request.
    #[cfg_attr(test, serde(flatten))]
    pub call: Call,
    /// Whether the gateway let it through.
    pub decision: Decision,
    /// Why the gateway answered by itself; null for an answer of the vendor's.
    #[cfg_attr(test, serde(serialize_with = "code"))]
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
    #[cfg_attr(test, serde(rename = "duration_us", serialize_with = "micros"))]
    pub duration: Duration,
    /// The part of it from the first attempt to the head of the vendor's last answer, or to the failure of that
    /// attempt, in microseconds; null when nothing was sent.
    #[cfg_attr(test, serde(rename = "vendor_us", serialize_with = "micros_or_null"))]
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
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(test, derive(Serialize), serde(untagged))]
pub enum VendorError {
    /// Of the conference service: 0 is success.
    Number(i64),
    /// Of the platform, for example `unauthorized`.
    Name(Box<str>),
}

/// [`Call`], borrowed from whoever knows it.
#[derive(Clone, Copy, Debug)]
#[expect(missing_docs, reason = "each is described in `Call`")]
pub struct CallView<'a> {
    pub request_id: RequestId,
    pub trace: TraceContext,
    pub action: Option<Action>,
    pub tenant: Option<&'a TenantId>,
    pub subject: Option<&'a str>,
    pub issuer: Option<&'a str>,
    pub token_id: Option<&'a str>,
    pub client: IpAddr,
    pub app: Option<&'a AppKey>,
    pub conference: Option<&'a ConferenceId>,
    pub user: Option<&'a UserName>,
    pub creator: Option<&'a UserName>,
}

/// [`Intent`], borrowed from whoever knows it.
#[derive(Clone, Copy, Debug)]
#[expect(missing_docs, reason = "each is described in `Intent`")]
pub struct IntentView<'a> {
    pub time: Timestamp,
    pub call: CallView<'a>,
    pub body: Option<&'a RawValue>,
}

/// [`Outcome`], borrowed from whoever knows it: every request leaves one.
#[derive(Clone, Copy, Debug)]
#[expect(missing_docs, reason = "each is described in `Outcome`")]
pub struct OutcomeView<'a> {
    pub time: Timestamp,
    pub call: CallView<'a>,
    pub decision: Decision,
    pub reason: Option<Code>,
    pub detail: Option<&'a str>,
    pub status: Option<u16>,
    pub vendor_status: Option<u16>,
    pub vendor_error: Option<&'a VendorError>,
    pub attempts: u32,
    pub duration: Duration,
    pub vendor_duration: Option<Duration>,
    pub intent: Option<u64>,
    pub outcome_unknown: bool,
    pub caller_gone: bool,
}

impl Call {
    /// It, borrowed.
    pub fn view(&self) -> CallView<'_> {
        CallView {
            request_id: self.request_id,
            trace: self.trace,
            action: self.action,
            tenant: self.tenant.as_ref(),
            subject: self.subject.as_deref(),
            issuer: self.issuer.as_deref(),
            token_id: self.token_id.as_deref(),
            client: self.client,
            app: self.app.as_ref(),
            conference: self.conference.as_ref(),
            user: self.user.as_ref(),
            creator: self.creator.as_ref(),
        }
    }
}

impl CallView<'_> {
    fn write(&self, members: &mut Members<'_>) {
        members.plain(",\"request_id\":", Some(self.request_id.encode(&mut [0; 36])));
        members.hexadecimal(",\"trace_id\":", self.trace.trace_id());
        members.plain(",\"action\":", self.action.map(Action::as_str));
        members.plain(",\"tenant\":", self.tenant.map(TenantId::as_str));
        members.text(",\"subject\":", self.subject);
        members.text(",\"issuer\":", self.issuer);
        members.text(",\"token_id\":", self.token_id);
        members.address(",\"client\":", self.client);
        members.plain(",\"app\":", self.app.map(AppKey::as_str));
        members.plain(",\"conference\":", self.conference.map(ConferenceId::as_str));
        members.plain(",\"user\":", self.user.map(UserName::as_str));
        members.plain(",\"creator\":", self.creator.map(UserName::as_str));
    }
}

impl Intent {
    /// It, borrowed.
    pub fn view(&self) -> IntentView<'_> {
        IntentView { time: self.time, call: self.call.view(), body: self.body.as_deref() }
    }
}

impl Recordable for IntentView<'_> {
    fn kind(&self) -> Kind {
        Kind::Intent
    }

    fn change(&self) -> Change {
        Change::Announced(self.call.request_id)
    }

    fn write(&self, text: &mut Vec<u8>) -> serde_json::Result<()> {
        let mut members = Members::begin(text, self.time, Kind::Intent.as_str());
        self.call.write(&mut members);
        // A raw body may have newlines between its members, where a space says the same; inside a string, JSON has
        // none.
        let body = self.body.map(|body| match body.get() {
            body if body.contains('\n') => Cow::Owned(body.replace('\n', " ")),
            body => Cow::Borrowed(body),
        });
        members.raw(",\"body\":", body.as_deref());
        members.end();
        Ok(())
    }
}

impl Outcome {
    /// It, borrowed.
    pub fn view(&self) -> OutcomeView<'_> {
        OutcomeView {
            time: self.time,
            call: self.call.view(),
            decision: self.decision,
            reason: self.reason,
            detail: self.detail.as_deref(),
            status: self.status,
            vendor_status: self.vendor_status,
            vendor_error: self.vendor_error.as_ref(),
            attempts: self.attempts,
            duration: self.duration,
            vendor_duration: self.vendor_duration,
            intent: self.intent,
            outcome_unknown: self.outcome_unknown,
            caller_gone: self.caller_gone,
        }
    }
}

impl OutcomeView<'_> {
    fn write_members(&self, members: &mut Members<'_>) {
        self.call.write(members);
        members.plain(",\"decision\":", Some(self.decision.as_str()));
        members.plain(",\"reason\":", self.reason.map(Code::as_str));
        members.text(",\"detail\":", self.detail);
        members.number(",\"status\":", self.status.map(Into::into));
        members.number(",\"vendor_status\":", self.vendor_status.map(Into::into));
        match self.vendor_error {
            Some(VendorError::Number(number)) => members.displayed(",\"vendor_error\":", number),
            Some(VendorError::Name(name)) => members.text(",\"vendor_error\":", Some(name)),
            None => members.raw(",\"vendor_error\":", None),
        }
        members.number(",\"attempts\":", Some(self.attempts.into()));
        members.number(",\"duration_us\":", Some(whole_micros(self.duration)));
        members.number(",\"vendor_us\":", self.vendor_duration.map(whole_micros));
        members.number(",\"intent\":", self.intent);
        members.flag(",\"outcome_unknown\":", self.outcome_unknown);
        members.flag(",\"caller_gone\":", self.caller_gone);
    }
}

impl Recordable for OutcomeView<'_> {
    fn kind(&self) -> Kind {
        Kind::Outcome
    }

    fn change(&self) -> Change {
        match self.call.action {
            Some(action) if action.is_mutation() => Change::Ended(self.call.request_id),
            _ => Change::None,
        }
    }

    fn write(&self, text: &mut Vec<u8>) -> serde_json::Result<()> {
        let mut members = Members::begin(text, self.time, Kind::Outcome.as_str());
        self.write_members(&mut members);
        members.end();
        Ok(())
    }
}
