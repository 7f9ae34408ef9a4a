use std::rc::Rc;
use std::time::Duration;

use http::StatusCode;
use jiff::Timestamp;
use tokio::time::Instant;

use super::config::Class;
use super::floods::Refused;
use crate::domain::{Action, Call, Code, ConferenceId, Refusal, UserName};
use crate::limits::headers::Standings;
use crate::stages::identify::Arrival;
use crate::telemetry::Answered;
use crate::tenancy::Caller;
use crate::trail::{CallView, Decision, OutcomeView, VendorError};

/// What the stages have found out so far about one request, and what the trail says of it.
#[derive(Debug, Default)]
pub(super) struct Facts {
    pub(super) call: Option<Call<()>>,
    pub(super) caller: Option<Rc<Caller>>,
    pub(super) standings: Standings,
    pub(super) creator: Option<UserName>,
    pub(super) created: Option<ConferenceId>,
    /// What the trail was told of it before.
    pub(super) intent: Option<Announced>,
    /// Whether the caller has hung up.
    pub(super) left: bool,
    pub(super) allowed: bool,
    pub(super) attempts: u32,
    pub(super) first_attempt: Option<Instant>,
    pub(super) vendor_duration: Option<Duration>,
    /// Of the last attempt; none while it has no answer.
    pub(super) vendor_status: Option<StatusCode>,
    pub(super) vendor_error: Option<VendorError>,
    pub(super) outcome_unknown: bool,
    /// How the vendor's call ended, where that is known before the answer is made.
    pub(super) settled: Option<Verdict>,
}

/// How far an intent has come.
#[derive(Clone, Copy, Debug)]
pub(super) enum Announced {
    /// It was handed over. The trail may have it whatever became of it: a line whose write failed keeps its number.
    Stated,
    /// It is as firmly on record as it has to be, as this line; not known of one that nobody has waited for.
    Recorded(Option<u64>),
}

/// Why the gateway answered by itself; nothing where it did not.
#[derive(Clone, Debug, Default)]
pub(super) struct Verdict {
    pub(super) code: Option<Code>,
    pub(super) detail: Option<Box<str>>,
}

impl From<&Refusal> for Verdict {
    fn from(refusal: &Refusal) -> Self {
        Self { code: Some(refusal.code), detail: refusal.reason.as_deref().map(Into::into) }
    }
}

/// How a request has ended.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ending<'a> {
    /// What the caller gets; none where the caller has gone.
    pub(super) status: Option<u16>,
    /// Why, where it is not by the vendor's answer.
    pub(super) code: Option<Code>,
    /// Why exactly.
    pub(super) detail: Option<&'a str>,
    pub(super) took: Duration,
}

impl Ending<'_> {
    pub(super) fn answered(&self) -> Answered {
        match (self.code, self.status) {
            (Some(code), _) => Answered::Gateway(code),
            (None, Some(_)) => Answered::Vendor,
            (None, None) => Answered::Nobody,
        }
    }
}

impl Facts {
    /// The number of the intent's line, where there is one and it is known.
    fn sequence(&self) -> Option<u64> {
        match self.intent {
            Some(Announced::Recorded(sequence)) => sequence,
            _ => None,
        }
    }

    /// How the vendor's call ended, where it was one. What changes something and was cut off between the question and
    /// the answer, by the end of the gateway or by a panic, may have happened.
    pub(super) fn settle(&mut self) -> Option<Verdict> {
        let settled = self.settled.take();
        let changes = self.call.as_ref().is_some_and(|call| call.action().is_mutation());
        self.outcome_unknown |= changes && self.may_have_happened() && settled.is_none();
        settled
    }

    /// Not while no byte of it has left, and not between a 401, which says that nothing was done, and the next attempt.
    pub(super) fn may_have_happened(&self) -> bool {
        self.attempts > 0 && self.vendor_status != Some(StatusCode::UNAUTHORIZED)
    }

    /// What intent and outcome say alike.
    pub(super) fn call(&self, arrival: &Arrival) -> CallView<'_> {
        let principal = self.caller.as_ref().map(|caller| &caller.principal);
        let call = self.call.as_ref();
        let named = call.and_then(Call::conference);
        CallView {
            request_id: arrival.id,
            trace: arrival.trace,
            action: call.map(Call::action),
            tenant: principal.map(|principal| &principal.tenant),
            subject: principal.map(|principal| &*principal.subject),
            issuer: principal.map(|principal| &*principal.issuer),
            token_id: principal.and_then(|principal| principal.token_id.as_deref()),
            client: arrival.client,
            app: self.caller.as_ref().map(|caller| &caller.tenant.app.key),
            conference: self.created.as_ref().or(named),
            user: call.and_then(Call::user),
            creator: self.creator.as_ref(),
        }
    }

    pub(super) fn action(&self) -> Option<Action> {
        self.call.as_ref().map(Call::action)
    }

    /// Of a request that ends here. What was answered has been let through.
    pub(super) fn class(&self, is_answered: bool) -> Class {
        match self.action() {
            _ if !self.allowed && !is_answered => Class::Refusal,
            Some(action) if action.is_mutation() => Class::Mutation,
            _ => Class::Read,
        }
    }

    /// The refusal, as of now.
    pub(super) fn refused<'a>(&'a self, arrival: &Arrival, ending: &Ending<'a>) -> Refused<'a> {
        let principal = self.caller.as_ref().map(|caller| &caller.principal);
        Refused {
            time: Timestamp::now(),
            id: arrival.id,
            action: self.action(),
            tenant: principal.map(|principal| &principal.tenant),
            subject: principal.map(|principal| &principal.subject),
            client: arrival.client,
            reason: ending.code,
            detail: ending.detail,
            status: ending.status,
        }
    }

    /// The outcome, as of now.
    pub(super) fn outcome<'a>(&'a self, arrival: &Arrival, ending: &Ending<'a>) -> OutcomeView<'a> {
        OutcomeView {
            time: Timestamp::now(),
            call: self.call(arrival),
            decision: if self.allowed { Decision::Allowed } else { Decision::Refused },
            reason: ending.code,
            detail: ending.detail,
            status: ending.status,
            vendor_status: self.vendor_status.map(|status| status.as_u16()),
            vendor_error: self.vendor_error.as_ref(),
            attempts: self.attempts,
            duration: ending.took,
            vendor_duration: self.vendor_duration,
            intent: self.sequence(),
            outcome_unknown: self.outcome_unknown,
            caller_gone: ending.status.is_none(),
        }
    }
}
