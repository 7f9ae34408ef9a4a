use std::cell::{Cell, RefCell};
use std::net::IpAddr;
use std::rc::Rc;
use std::time::Duration;

use http::StatusCode;
use jiff::Timestamp;
use serde_json::value::RawValue;
use tokio::time::{Instant, timeout_at};

use super::config::Class;
use super::desk::Desk;
use super::facts::{Announced, Ending, Facts, Verdict};
use super::unavailable::{unrecorded_change, unrecorded_read, unrecorded_refusal};
use crate::domain::{Call, Code, ConferenceId, Refusal, RequestId, TraceContext, UserName};
use crate::http1::Fields;
use crate::limits::headers::Standings;
use crate::stages::identify::Arrival;
use crate::telemetry::{Limit, VendorAnswer};
use crate::tenancy::{Caller, Tenant};
use crate::trail::{Durability, IntentView, Receipt, Slot, VendorError};

/// How long past its deadline an answer may be held back by a disk that does not take its outcome.
const OUTCOME_PATIENCE: Duration = Duration::from_secs(5);

/// The entry of one request, which every stage holds and adds to. Its outcome is written when the answer goes out, or
/// when the last stage lets go of the request because the caller has hung up.
#[derive(Debug)]
pub struct Entry {
    desk: Rc<Desk>,
    arrival: Arrival,
    deadline: Instant,
    facts: RefCell<Facts>,
    /// Room for the outcome; none where it may not need any, and when it is used.
    slot: RefCell<Option<Slot>>,
    /// Whether the request has ended, and been put on record.
    is_closed: Cell<bool>,
}

impl Entry {
    pub(super) fn open(desk: Rc<Desk>, slot: Option<Slot>, arrival: Arrival, deadline: Instant) -> Self {
        let (slot, facts) = (RefCell::new(slot), RefCell::default());
        Self { desk, arrival, deadline, facts, slot, is_closed: Cell::new(false) }
    }

    pub(in crate::stages) fn id(&self) -> RequestId {
        self.arrival.id
    }

    pub(in crate::stages) fn trace(&self) -> &TraceContext {
        &self.arrival.trace
    }

    pub(in crate::stages) fn client(&self) -> IpAddr {
        self.arrival.client
    }

    /// When the request came.
    pub(in crate::stages) fn started(&self) -> Instant {
        self.arrival.started
    }

    /// When the answer is due.
    pub(in crate::stages) fn deadline(&self) -> Instant {
        self.deadline
    }

    pub(in crate::stages) fn routed(&self, call: &Call<()>) {
        self.facts.borrow_mut().call = Some(call.clone());
    }

    pub(in crate::stages) fn authenticated(&self, caller: &Rc<Caller>) {
        self.facts.borrow_mut().caller = Some(Rc::clone(caller));
    }

    /// Where the caller stands with its limits, for the answer's headers.
    pub(in crate::stages) fn stands(&self, standings: Standings) {
        self.facts.borrow_mut().standings = standings;
    }

    /// A signature was checked for it.
    pub(in crate::stages) fn signature_checked(&self, good: bool) {
        self.desk.metrics.signature_checked(good);
    }

    /// The tenant's limits let it through.
    pub(in crate::stages) fn admitted(&self, tenant: &Tenant) {
        self.desk.metrics.admitted(tenant.slot);
    }

    pub(in crate::stages) fn limited(&self, limit: Limit) {
        if let Some(caller) = &self.facts.borrow().caller {
            self.desk.metrics.limited(caller.tenant.slot, limit);
        }
    }

    pub(in crate::stages) fn creates_for(&self, creator: Option<&UserName>) {
        self.facts.borrow_mut().creator = creator.cloned();
    }

    /// The intent is on record, as line `sequence` where that is known.
    pub(in crate::stages) fn announced(&self, sequence: Option<u64>) {
        self.facts.borrow_mut().intent = Some(Announced::Recorded(sequence));
    }

    pub(in crate::stages) fn is_announced(&self) -> bool {
        matches!(self.facts.borrow().intent, Some(Announced::Recorded(_)))
    }

    /// The caller does not wait any more.
    pub(in crate::stages) fn left(&self) {
        self.facts.borrow_mut().left = true;
    }

    pub(in crate::stages) fn is_left(&self) -> bool {
        self.facts.borrow().left
    }

    /// Every check is passed: the vendor is asked as soon as it can be.
    pub(in crate::stages) fn allowed(&self) {
        self.facts.borrow_mut().allowed = true;
    }

    /// The vendor is about to be asked, `now`.
    pub(in crate::stages) fn attempted(&self, now: Instant) {
        let mut facts = self.facts.borrow_mut();
        facts.attempts += 1;
        facts.first_attempt.get_or_insert(now);
        facts.vendor_status = None;
    }

    /// Whether the vendor may have acted on the call, or be about to.
    pub(in crate::stages) fn may_have_happened(&self) -> bool {
        self.facts.borrow().may_have_happened()
    }

    /// The vendor was asked when the attempt `started`, and has `ended` it with this result.
    pub(in crate::stages) fn attempt_ended(&self, answer: VendorAnswer, started: Instant, ended: Instant) {
        let mut facts = self.facts.borrow_mut();
        facts.vendor_duration = facts.first_attempt.map(|first| ended.saturating_duration_since(first));
        let took = ended.saturating_duration_since(started);
        if let Some(caller) = &facts.caller {
            self.desk.metrics.vendor_call(caller.tenant.app.slot, answer, took);
        }
    }

    pub(in crate::stages) fn vendor_answered(&self, status: StatusCode) {
        self.facts.borrow_mut().vendor_status = Some(status);
    }

    pub(in crate::stages) fn vendor_error(&self, error: VendorError) {
        self.facts.borrow_mut().vendor_error = Some(error);
    }

    pub(in crate::stages) fn created(&self, id: ConferenceId) {
        self.facts.borrow_mut().created = Some(id);
    }

    /// The vendor may have done what it was asked for, and nobody knows.
    pub(in crate::stages) fn outcome_unknown(&self) {
        self.facts.borrow_mut().outcome_unknown = true;
    }

    /// The vendor's call has ended, whether somebody still waits for the answer or not.
    pub(in crate::stages) fn settled(&self, refusal: Option<&Refusal>) {
        self.facts.borrow_mut().settled = Some(refusal.map(Verdict::from).unwrap_or_default());
    }

    /// Tells the trail of a change, with the body of a create, before the vendor is asked. Its room comes before the
    /// outcome's. The receipt is that of [`Slot::announce`].
    pub(in crate::stages) fn announce(
        &self,
        body: Option<&RawValue>,
        durability: Durability,
    ) -> Option<Receipt> {
        let slot = self.desk.intent_slot();
        self.facts.borrow_mut().intent = Some(Announced::Stated);
        let facts = self.facts.borrow();
        let intent = IntentView { time: Timestamp::now(), call: facts.call(&self.arrival), body };
        slot.announce(&intent, durability)
    }

    /// The refusal with a wait that is long enough for the caller's limits too: they have counted the request by now,
    /// whatever refused it after them.
    pub(super) fn with_whole_wait(&self, mut refusal: Refusal) -> Refusal {
        let of_limits = self.facts.borrow().standings.wait();
        refusal.retry_after = refusal.retry_after.map(|wait| wait.max(of_limits));
        refusal
    }

    /// Puts the limits' fields on an answer.
    pub(super) fn put_standings(&self, fields: &mut Fields) {
        let facts = self.facts.borrow();
        if let Some(caller) = &facts.caller {
            facts.standings.put(&caller.tenant.policies, fields);
        }
    }

    /// The vendor's answer goes out. Returns when it is on record as firmly as it has to be, or with what goes out
    /// instead.
    pub(super) async fn close_answered(&self, status: StatusCode) -> Result<(), Refusal> {
        self.close(status.as_u16(), None).await
    }

    /// A refusal goes out; the same.
    pub(super) async fn close_refused(&self, refusal: &Refusal) -> Result<(), Refusal> {
        self.close(refusal.code.status(), Some(refusal)).await
    }

    async fn close(&self, status: u16, refusal: Option<&Refusal>) -> Result<(), Refusal> {
        if self.is_closed.get() {
            return Ok(());
        }
        let class = self.facts.borrow().class(refusal.is_none());
        let firmness = self.desk.config.durability.of_outcome(class);
        if firmness.is_some() && self.slot.borrow().is_none() {
            let slot = self.desk.slot(self.arrival.started, self.deadline).await;
            // Where there is none, the desk has counted the request.
            self.is_closed.set(slot.is_err());
            self.slot.replace(Some(slot?));
        }
        let _ = self.facts.borrow_mut().settle();
        let ending = Ending {
            status: Some(status),
            code: refusal.map(|refusal| refusal.code),
            detail: refusal.and_then(|refusal| refusal.reason.as_deref()),
            took: self.arrival.started.elapsed(),
        };
        let Some(receipt) = self.put(&ending, class, firmness) else { return Ok(()) };
        // Where this fails the record is kept, and written when the trail has healed.
        match timeout_at(self.deadline + OUTCOME_PATIENCE, receipt).await {
            Ok(Ok(_)) => Ok(()),
            _ => Err(self.unrecorded(refusal)),
        }
    }

    /// Puts the end on record, alone or counted, and counts the request.
    fn put(&self, ending: &Ending<'_>, class: Class, firmness: Option<Durability>) -> Option<Receipt> {
        self.is_closed.set(true);
        let facts = self.facts.borrow();
        self.desk.metrics.request(facts.action(), ending.answered(), ending.took);
        let mut slot = self.slot.take()?;
        let firmness = firmness?;
        // What was announced has an end of its own.
        if class == Class::Refusal && facts.intent.is_none() {
            slot = self.desk.count(&facts.refused(&self.arrival, ending), slot)?;
        }
        slot.record(&facts.outcome(&self.arrival, ending), firmness)
    }

    /// What goes out in place of an answer that is not on record.
    fn unrecorded(&self, refusal: Option<&Refusal>) -> Refusal {
        let facts = self.facts.borrow();
        match (facts.class(refusal.is_none()), refusal) {
            (Class::Mutation, None) => unrecorded_change(
                "the call was made, but its outcome could not be put on record; look before you try again",
            ),
            (Class::Mutation, Some(_)) => {
                unrecorded_change("the outcome could not be put on record; look before you try again")
            }
            (Class::Read, _) => unrecorded_read(),
            // It says so already, and better.
            (Class::Refusal, Some(refusal)) if refusal.code == Code::AuditUnavailable => refusal.clone(),
            (Class::Refusal, _) => unrecorded_refusal(),
        }
    }

    /// The end of a request whose caller did not stay to hear it. Nobody waits for its record.
    fn abandon(&self) {
        let settled = self.facts.borrow_mut().settle().unwrap_or_default();
        let class = self.facts.borrow().class(false);
        let firmness = self.desk.config.durability.of_outcome(class);
        if firmness.is_some() && self.slot.borrow().is_none() {
            self.slot.replace(self.desk.slot_at_hand());
        }
        let took = self.arrival.started.elapsed();
        let ending = Ending { status: None, code: settled.code, detail: settled.detail.as_deref(), took };
        let _ = self.put(&ending, class, firmness.map(|_| Durability::Queue));
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        if !self.is_closed.get() {
            self.abandon();
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;
    use uuid::ContextV7;

    use super::super::config::{AuditConfig, DurabilityConfig};
    use super::*;
    use crate::telemetry::MetricsBuilder;
    use crate::trail::{Trail, TrailConfig};

    /// The outcome that a dissolve leaves, once it has gone through this.
    async fn outcome_after(what: impl AsyncFnOnce(&Entry)) -> Value {
        let directory = tempfile::tempdir().unwrap();
        let config = TrailConfig { queue: 4, ..TrailConfig::new(directory.path().to_owned()) };
        let (trail, thread) = Trail::open(&config).unwrap();
        let desk = Rc::new(Desk::new(
            trail.clone(),
            MetricsBuilder::new(vec![], vec![]).worker(),
            AuditConfig::with(DurabilityConfig::DEFAULT),
        ));
        let id = RequestId::generate(&ContextV7::new());
        let (trace, started) = (TraceContext::continued(None, id.entropy()), Instant::now());
        let arrival = Arrival { id, trace, client: [127, 0, 0, 1].into(), started };
        let entry = Entry::open(desk, Some(trail.reserve().await), arrival, started);
        let conference = ConferenceId::parse("IM3").unwrap();
        entry.routed(&Call::Dissolve(conference));
        what(&entry).await;
        drop(entry);
        thread.close().unwrap();
        let segment = directory.path().join("audit-00000000000000000001.jsonl");
        let text = std::fs::read_to_string(segment).unwrap();
        let records = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let mut outcomes = records.filter(|record| record["kind"] == "outcome");
        let outcome = outcomes.next().unwrap();
        assert_eq!(outcomes.next(), None);
        outcome
    }

    #[tokio::test]
    async fn a_change_that_was_cut_off_after_it_was_sent_is_unknown() {
        let internal = Refusal::new(Code::Internal, "a panic");
        let panicked = outcome_after(async |entry| {
            entry.attempted(Instant::now());
            entry.close_refused(&internal).await.unwrap();
        });
        assert_eq!(panicked.await["outcome_unknown"], true);
        let ended = outcome_after(async |entry| entry.attempted(Instant::now()));
        assert_eq!(ended.await["outcome_unknown"], true);
    }

    #[tokio::test]
    async fn one_that_was_answered_or_never_sent_is_not() {
        let refusal = Refusal::new(Code::VendorUnreachable, "nobody there");
        let settled = outcome_after(async |entry| {
            entry.attempted(Instant::now());
            entry.settled(Some(&refusal));
            entry.close_refused(&refusal).await.unwrap();
        });
        assert_eq!(settled.await["outcome_unknown"], false);
        let unsent = outcome_after(async |entry| entry.close_refused(&refusal).await.unwrap());
        assert_eq!(unsent.await["outcome_unknown"], false);
        let left = outcome_after(async |_| ()).await;
        assert_eq!((&left["outcome_unknown"], &left["caller_gone"]), (&false.into(), &true.into()));
    }
}
