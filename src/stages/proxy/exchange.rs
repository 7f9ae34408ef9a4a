//! One call to the vendor, with the few second attempts that are safe: after a 401 with a new token, and for a get on
//! a connection that turned out to be dead.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;

use http::{Response, StatusCode};
use jiff::Timestamp;
use tokio::time::{Instant, timeout_at};

use super::{ProxyConfig, answer, internal};
use crate::domain::{Action, Code, Refusal};
use crate::limits::InFlightGuard;
use crate::stages::audit::Entry;
use crate::stages::authz::AllowedCall;
use crate::stages::intent::Recorded;
use crate::stages::reply::Reply;
use crate::telemetry::VendorAnswer;
use crate::tenancy::App;
use crate::upstream::{Pool, PooledBody, SendError, Stage};
use crate::vendor::{VendorCall, VendorToken, retry_after};

/// Whether the vendor may be about to act on the call. Until it is, who asked for it can take it back.
#[derive(Clone, Debug, Default)]
pub(super) struct Sent(Rc<Cell<bool>>);

impl Sent {
    pub(super) fn is_so(&self) -> bool {
        self.0.get()
    }

    fn set(&self, sent: bool) {
        self.0.set(sent);
    }
}

pub(super) struct Exchange {
    config: ProxyConfig,
    pool: Pool,
    entry: Rc<Entry>,
    app: Arc<App>,
    action: Action,
    call: VendorCall,
    token: Arc<VendorToken>,
    in_flight: InFlightGuard,
    sent: Sent,
    /// By when the answer must be complete.
    due: Instant,
}

impl Exchange {
    pub(super) fn new(config: ProxyConfig, pool: Pool, recorded: Recorded, sent: Sent) -> Self {
        let cleared = recorded.cleared;
        let authorized = cleared.authorized;
        let due = authorized.entry.deadline().min(Instant::now() + config.total_timeout);
        Self {
            config,
            pool,
            app: Arc::clone(&authorized.tenant.app),
            action: authorized.call.action(),
            call: vendor_call(authorized.call),
            entry: authorized.entry,
            token: cleared.token,
            in_flight: authorized.in_flight,
            sent,
            due,
        }
    }

    pub(super) async fn run(self) -> Result<Reply, Refusal> {
        let response = self.answered().await?;
        if matches!(response.status(), StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE) {
            self.app.pause.open(retry_after(response.headers(), Timestamp::now()));
        }
        let Self { config, entry, in_flight, due, action, .. } = self;
        answer::reply(response, &entry, action, in_flight, config.held_bytes, due).await
    }

    /// The vendor's answer, after a 401 the one to a new token.
    async fn answered(&self) -> Result<Response<PooledBody>, Refusal> {
        let response = self.attempt(&self.token).await?;
        if response.status() != StatusCode::UNAUTHORIZED {
            return Ok(response);
        }
        drop(response);
        self.sent.set(false);
        let newer = timeout_at(self.due, self.app.token.replace(self.token.generation()))
            .await
            .map_err(|_| refused_credentials("no new token came in time"))?
            .map_err(|error| refused_credentials(error.to_string()))?;
        let response = self.attempt(&newer).await?;
        if response.status() == StatusCode::UNAUTHORIZED {
            return Err(refused_credentials("401 with a new token as well"));
        }
        Ok(response)
    }

    /// Sends the call. A get goes out once more where the connection was an old one that the vendor had closed:
    /// sending it twice does no harm, and the vendor has most likely not seen it.
    async fn attempt(&self, token: &VendorToken) -> Result<Response<PooledBody>, Refusal> {
        match self.send(token, false).await {
            Err(Failure::Broken(error))
                if error.reused && error.stage == Stage::Sent && self.action == Action::Get =>
            {
                self.send(token, true).await
            }
            outcome => outcome,
        }
        .map_err(|failure| self.refusal(&failure))
    }

    async fn send(&self, token: &VendorToken, fresh: bool) -> Result<Response<PooledBody>, Failure> {
        let request = self
            .app
            .calls
            .request(&self.call, token, self.entry.trace())
            .map_err(|_| Failure::Unspeakable)?;
        let begun = Instant::now();
        let limit = self.due.min(begun + self.config.first_byte_timeout);
        let lease = timeout_at(limit, self.pool.lease(fresh)).await;
        self.sent.set(true);
        self.entry.attempted(begun);
        let outcome = match lease {
            Ok(Ok(lease)) => match timeout_at(limit, lease.send(request)).await {
                Ok(outcome) => outcome.map_err(Failure::Broken),
                Err(_) => Err(Failure::TimedOut(Stage::Sent)),
            },
            Ok(Err(error)) => Err(Failure::Broken(error)),
            Err(_) => Err(Failure::TimedOut(Stage::Connect)),
        };
        self.entry.attempt_ended(vendor_answer(&outcome), begun.elapsed());
        if let Ok(response) = &outcome {
            self.entry.vendor_answered(response.status());
        }
        outcome
    }

    /// What a failure means for the caller, and whether the call may have happened all the same.
    fn refusal(&self, failure: &Failure) -> Refusal {
        let may_have_happened = match failure {
            Failure::TimedOut(stage) => *stage == Stage::Sent,
            Failure::Broken(error) => error.stage == Stage::Sent,
            Failure::Unspeakable => false,
        };
        let unknown = may_have_happened && self.action.is_mutation();
        if unknown {
            self.entry.outcome_unknown();
        }
        let detail = match (unknown, self.action) {
            (true, Action::Create) => {
                "the outcome is unknown: the conference may exist; an empty one ends by itself after its delay"
            }
            (true, _) => "the outcome is unknown: look at the conference before you try again",
            (false, _) => "nothing was changed; try again",
        };
        match failure {
            Failure::TimedOut(Stage::Sent) => Refusal::new(Code::VendorTimeout, detail),
            Failure::TimedOut(_) => {
                Refusal::new(Code::VendorTimeout, detail).because("no connection was free in time")
            }
            Failure::Broken(error) if error.malformed => {
                Refusal::new(Code::VendorBadAnswer, detail).because(error.to_string())
            }
            Failure::Broken(error) => {
                Refusal::new(Code::VendorUnreachable, detail).because(error.to_string())
            }
            Failure::Unspeakable => internal("the call's path is no URI"),
        }
    }
}

enum Failure {
    /// How far the call had come by then.
    TimedOut(Stage),
    Broken(SendError),
    /// The ids make no URI: their types do not allow that.
    Unspeakable,
}

fn vendor_answer(outcome: &Result<Response<PooledBody>, Failure>) -> VendorAnswer {
    match outcome {
        Ok(response) => VendorAnswer::of_status(response.status().as_u16()),
        Err(_) => VendorAnswer::None,
    }
}

fn refused_credentials(reason: impl Into<std::borrow::Cow<'static, str>>) -> Refusal {
    let detail =
        "nothing was changed; this is for the operator: the gateway's own credentials are not accepted";
    Refusal::new(Code::VendorRefusedCredentials, detail).because(reason)
}

fn vendor_call(call: AllowedCall) -> VendorCall {
    match call {
        AllowedCall::Create(create) => VendorCall::Create(create.to_json()),
        AllowedCall::Get(id) => VendorCall::Get(id),
        AllowedCall::Dissolve(id) => VendorCall::Dissolve(id),
        AllowedCall::Kick(id, user) => VendorCall::Kick(id, user),
    }
}
