//! One call to the vendor, with the few second attempts that are safe: after a 401 with a new token, and for a get on
//! a connection that turned out to be dead.

use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use jiff::Timestamp;
use tokio::time::{Instant, timeout_at};

use super::failure::{Failure, Sign, Time, sign_of_answer, vendor_answer};
use super::{ProxyConfig, answer};
use crate::domain::{Action, Call, Code, Refusal};
use crate::limits::InFlightGuard;
use crate::stages::audit::Entry;
use crate::stages::intent::Recorded;
use crate::stages::reply::Reply;
use crate::telemetry::VendorAnswer;
use crate::tenancy::{App, Caller};
use crate::upstream::{Lease, Party, Pool, PooledAnswer, Stage, retry_after};
use crate::vendor::Passage;

/// Of a vendor's token.
type Generation = u64;

/// What the vendor answered.
struct Answer {
    response: PooledAnswer,
    /// Of the token that it was asked with.
    generation: Generation,
    /// When the head was there.
    at: Instant,
}

pub(super) struct Exchange {
    config: ProxyConfig,
    pool: Pool,
    entry: Rc<Entry>,
    caller: Rc<Caller>,
    action: Action,
    call: Call<Bytes>,
    in_flight: InFlightGuard,
    passage: Passage,
    /// By when the answer must be complete.
    due: Instant,
}

impl Exchange {
    /// Of what begins `now`.
    pub(super) fn new(config: ProxyConfig, pool: Pool, recorded: Recorded, now: Instant) -> Self {
        let (authorized, passage) = recorded.into_parts();
        let (entry, caller, call, in_flight) = authorized.into_parts();
        entry.allowed();
        let due = entry.deadline().min(now + config.total_timeout);
        Self {
            config,
            pool,
            caller,
            action: call.action(),
            call: call.map_create(|create| create.to_json()),
            entry,
            in_flight,
            passage,
            due,
        }
    }

    fn app(&self) -> &App {
        &self.caller.tenant.app
    }

    fn party(&self) -> Party {
        let tenant = &self.caller.tenant;
        Party { tenant: tenant.slot.index(), alone: tenant.alone }
    }

    pub(super) async fn run(self, now: Instant) -> Result<Reply, Refusal> {
        let Answer { response, at, .. } = match self.answered(now).await {
            Ok(answer) => answer,
            Err(failure) => {
                let refusal = self.refusal(&failure);
                tell(&self.caller.tenant.app, self.passage, failure.sign());
                return Err(refusal);
            }
        };
        if matches!(response.status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE) {
            let asked = response.fields.get("retry-after");
            self.app().pause.open(asked.and_then(|asked| retry_after(asked, Timestamp::now())));
        }
        let (status, (_, time)) = (response.status, self.limit(at));
        let Self { config, entry, caller, in_flight, passage, due, action, .. } = self;
        let reply = answer::reply(response, &entry, action, in_flight, config.held_bytes, due).await;
        tell(&caller.tenant.app, passage, sign_of_answer(status, &reply, time));
        reply
    }

    /// The vendor's answer, after a 401 the one to a new token.
    async fn answered(&self, now: Instant) -> Result<Answer, Failure> {
        let answer = self.attempt(now).await?;
        if answer.response.status != StatusCode::UNAUTHORIZED {
            return Ok(answer);
        }
        drop(answer.response);
        timeout_at(self.due, self.app().token.replace(answer.generation))
            .await
            .map_err(|_| Failure::RefusedCredentials("no new token came in time".into()))?
            .map_err(|error| Failure::RefusedCredentials(error.to_string().into()))?;
        // The vendor counts it too. What was refused for the gateway's token is not refused once more for the budget.
        let _ = self.app().budget.check();
        let answer = self.attempt(Instant::now()).await?;
        if answer.response.status == StatusCode::UNAUTHORIZED {
            return Err(Failure::RefusedCredentials("401 with a new token as well".into()));
        }
        Ok(answer)
    }

    /// Sends the call. A get goes out once more where the connection was an old one that the vendor had closed:
    /// sending it twice does no harm, and the vendor has most likely not seen it.
    async fn attempt(&self, now: Instant) -> Result<Answer, Failure> {
        match self.send(false, now).await {
            Err(Failure::Broken(error))
                if error.reused && error.stage == Stage::Sent && self.action == Action::Get =>
            {
                self.send(true, Instant::now()).await
            }
            outcome => outcome,
        }
    }

    /// The token is chosen last: one that ran out while the call waited is not sent.
    /// The clock is looked at again only where something was waited for.
    async fn send(&self, fresh: bool, now: Instant) -> Result<Answer, Failure> {
        let at_hand = if fresh { None } else { self.pool.at_hand(self.party(), now) };
        let (lease, started) = match at_hand {
            Some(lease) => (lease, now),
            None => (Box::pin(self.wait_for_connection(fresh)).await?, Instant::now()),
        };
        let token = self.app().token.current_at(started).ok_or(Failure::NoToken)?;
        let request = self.app().calls.request(&self.call, &token, self.entry.trace());
        let (limit, time) = self.limit(started);
        self.entry.attempted(started);
        let outcome = match timeout_at(limit, lease.send(&request)).await {
            Ok(outcome) => outcome.map_err(Failure::Broken),
            Err(_) => Err(Failure::TimedOut { time }),
        };
        let at = Instant::now();
        self.entry.attempt_ended(vendor_answer(&outcome), started, at);
        let response = outcome?;
        self.entry.vendor_answered(response.status);
        Ok(Answer { response, generation: token.generation(), at })
    }

    async fn wait_for_connection(&self, fresh: bool) -> Result<Lease, Failure> {
        let (limit, _) = self.limit(Instant::now());
        let turn = timeout_at(limit, self.pool.turn(self.party())).await.map_err(|_| Failure::NoTurn)?;
        let started = Instant::now();
        let (limit, time) = self.limit(started);
        let lease = match timeout_at(limit, self.pool.connect(turn, fresh)).await {
            Ok(lease) => lease.map_err(Failure::Broken),
            Err(_) => Err(Failure::NoConnection { time }),
        };
        if lease.is_err() {
            self.entry.attempt_ended(VendorAnswer::None, started, Instant::now());
        }
        lease
    }

    /// By when something must have come of what begins now, and whether that is as long as is configured.
    fn limit(&self, now: Instant) -> (Instant, Time) {
        let configured = self.config.first_byte_timeout;
        let whole = now + configured;
        if whole <= self.due {
            return (whole, Time::Whole);
        }
        // total_timeout may be as short as first_byte_timeout, and begins a little earlier.
        let is_whole = self.due.duration_since(now) >= configured.mul_f32(0.9);
        (self.due, if is_whole { Time::Whole } else { Time::CutShort })
    }

    /// What a failure means for the caller, and whether the call may have happened all the same.
    fn refusal(&self, failure: &Failure) -> Refusal {
        let unknown = failure.may_have_happened() && self.action.is_mutation();
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
            Failure::TimedOut { .. } => Refusal::new(Code::VendorTimeout, detail),
            Failure::Broken(error) if error.malformed => {
                Refusal::new(Code::VendorBadAnswer, detail).because(error.to_string())
            }
            Failure::Broken(error) => {
                Refusal::new(Code::VendorUnreachable, detail).because(error.to_string())
            }
            Failure::NoTurn => Refusal::new(Code::Overloaded, detail)
                .retry_after(Duration::from_secs(1))
                .because("no connection to the vendor became free in time"),
            Failure::NoConnection { .. } => {
                Refusal::new(Code::VendorUnreachable, detail).because("no connection was made in time")
            }
            Failure::NoToken => Refusal::new(Code::VendorTokenUnavailable, detail)
                .retry_after(Duration::from_secs(1))
                .because("the token ran out while the call waited"),
            Failure::RefusedCredentials(reason) => Refusal::new(
                Code::VendorRefusedCredentials,
                "nothing was changed; this is for the operator: the gateway's own credentials are not accepted",
            )
            .because(reason.clone()),
        }
    }
}

/// What the call says about the vendor, for the app's circuit breaker.
fn tell(app: &App, passage: Passage, sign: Sign) {
    match sign {
        Sign::Alive => app.breaker.succeeded(passage),
        Sign::Dead => app.breaker.failed(passage),
        Sign::Unclear => drop(passage),
    }
}
