//! One call to the vendor, with the few second attempts that are safe: after a 401 with a new token, and for a get on
//! a connection that turned out to be dead.

use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use http::{Response, StatusCode};
use jiff::Timestamp;
use tokio::time::{Instant, timeout_at};

use super::{ProxyConfig, answer};
use crate::domain::{Action, Call, Code, Refusal};
use crate::limits::InFlightGuard;
use crate::stages::audit::Entry;
use crate::stages::intent::Recorded;
use crate::stages::reply::Reply;
use crate::telemetry::VendorAnswer;
use crate::tenancy::{App, Caller};
use crate::upstream::{Lease, Party, Pool, PooledBody, SendError, Stage, Turn, retry_after};

/// Of a vendor's token.
type Generation = u64;

pub(super) struct Exchange {
    config: ProxyConfig,
    pool: Pool,
    entry: Rc<Entry>,
    caller: Rc<Caller>,
    action: Action,
    call: Call<Bytes>,
    in_flight: InFlightGuard,
    /// By when the answer must be complete.
    due: Instant,
}

impl Exchange {
    pub(super) fn new(config: ProxyConfig, pool: Pool, recorded: Recorded) -> Self {
        let (entry, caller, call, in_flight) = recorded.into_authorized().into_parts();
        entry.allowed();
        let due = entry.deadline().min(Instant::now() + config.total_timeout);
        Self {
            config,
            pool,
            caller,
            action: call.action(),
            call: call.map_create(|create| create.to_json()),
            entry,
            in_flight,
            due,
        }
    }

    fn app(&self) -> &App {
        &self.caller.tenant.app
    }

    fn party(&self) -> Party {
        let tenant = &self.caller.tenant;
        Party { tenant: tenant.id.clone(), alone: tenant.alone }
    }

    pub(super) async fn run(self) -> Result<Reply, Refusal> {
        let response = self.answered().await?;
        if matches!(response.status(), StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE) {
            self.app().pause.open(retry_after(response.headers(), Timestamp::now()));
        }
        let Self { config, entry, in_flight, due, action, .. } = self;
        answer::reply(response, &entry, action, in_flight, config.held_bytes, due).await
    }

    /// The vendor's answer, after a 401 the one to a new token.
    async fn answered(&self) -> Result<Response<PooledBody>, Refusal> {
        let (response, generation) = self.attempt().await?;
        if response.status() != StatusCode::UNAUTHORIZED {
            return Ok(response);
        }
        drop(response);
        timeout_at(self.due, self.app().token.replace(generation))
            .await
            .map_err(|_| refused_credentials("no new token came in time"))?
            .map_err(|error| refused_credentials(error.to_string()))?;
        // The vendor counts it too. What was refused for the gateway's token is not refused once more for the budget.
        let _ = self.app().budget.check();
        let (response, _) = self.attempt().await?;
        if response.status() == StatusCode::UNAUTHORIZED {
            return Err(refused_credentials("401 with a new token as well"));
        }
        Ok(response)
    }

    /// Sends the call. A get goes out once more where the connection was an old one that the vendor had closed:
    /// sending it twice does no harm, and the vendor has most likely not seen it.
    async fn attempt(&self) -> Result<(Response<PooledBody>, Generation), Refusal> {
        match self.send(false).await {
            Err(Failure::Broken(error))
                if error.reused && error.stage == Stage::Sent && self.action == Action::Get =>
            {
                self.send(true).await
            }
            outcome => outcome,
        }
        .map_err(|failure| self.refusal(&failure))
    }

    /// The token is chosen last: one that ran out while the call waited is not sent.
    async fn send(&self, fresh: bool) -> Result<(Response<PooledBody>, Generation), Failure> {
        let party = self.party();
        let turn = timeout_at(self.limit(), self.pool.turn(&party));
        let turn = turn.await.map_err(|_| Failure::NoTurn)?;
        let lease = self.connect(turn, fresh).await?;
        let token = self.app().token.current().ok_or(Failure::NoToken)?;
        let request = self
            .app()
            .calls
            .request(&self.call, &token, self.entry.trace())
            .map_err(|_| Failure::Unspeakable)?;
        let started = Instant::now();
        self.entry.attempted();
        let outcome = match timeout_at(self.limit(), lease.send(request)).await {
            Ok(outcome) => outcome.map_err(Failure::Broken),
            Err(_) => Err(Failure::TimedOut),
        };
        self.entry.attempt_ended(vendor_answer(&outcome), started.elapsed());
        let response = outcome?;
        self.entry.vendor_answered(response.status());
        Ok((response, token.generation()))
    }

    async fn connect(&self, turn: Turn, fresh: bool) -> Result<Lease, Failure> {
        let started = Instant::now();
        let lease = match timeout_at(self.limit(), self.pool.connect(turn, fresh)).await {
            Ok(lease) => lease.map_err(Failure::Broken),
            Err(_) => Err(Failure::NoConnection),
        };
        if lease.is_err() {
            self.entry.attempt_ended(VendorAnswer::None, started.elapsed());
        }
        lease
    }

    /// By when something must have come of what begins now.
    fn limit(&self) -> Instant {
        self.due.min(Instant::now() + self.config.first_byte_timeout)
    }

    /// What a failure means for the caller, and whether the call may have happened all the same.
    fn refusal(&self, failure: &Failure) -> Refusal {
        let may_have_happened = match failure {
            Failure::TimedOut => true,
            Failure::Broken(error) => error.stage == Stage::Sent,
            Failure::NoTurn | Failure::NoConnection | Failure::NoToken | Failure::Unspeakable => false,
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
            Failure::TimedOut => Refusal::new(Code::VendorTimeout, detail),
            Failure::Broken(error) if error.malformed => {
                Refusal::new(Code::VendorBadAnswer, detail).because(error.to_string())
            }
            Failure::Broken(error) => {
                Refusal::new(Code::VendorUnreachable, detail).because(error.to_string())
            }
            Failure::NoTurn => Refusal::new(Code::Overloaded, detail)
                .retry_after(Duration::from_secs(1))
                .because("no connection to the vendor became free in time"),
            Failure::NoConnection => {
                Refusal::new(Code::VendorUnreachable, detail).because("no connection was made in time")
            }
            Failure::NoToken => Refusal::new(Code::VendorTokenUnavailable, detail)
                .retry_after(Duration::from_secs(1))
                .because("the token ran out while the call waited"),
            Failure::Unspeakable => Refusal::internal("the call's path is no URI"),
        }
    }
}

enum Failure {
    /// All connections were in use by other calls: no byte of it left.
    NoTurn,
    /// None could be opened in time.
    NoConnection,
    /// The vendor's token ran out in the meantime, and there is no newer one.
    NoToken,
    TimedOut,
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
