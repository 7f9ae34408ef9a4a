use std::cell::RefCell;
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout_at};

use super::config::AuditConfig;
use super::entry::Entry;
use super::floods::{Floods, MOST_COUNTS, Refused};
use super::unavailable::{unavailable, unrecorded_refusal};
use crate::domain::{Refusal, RequestId, TraceContext};
use crate::limits::Load;
use crate::stages::identify::Arrival;
use crate::telemetry::{Answered, WorkerMetrics};
use crate::trail::{Durability, Record, SideRoom, Slot, Trail};

/// How long a request waits for room in a trail that cannot be written, and how long what was refused unread waits at
/// all.
const SHORT_WAIT: Duration = Duration::from_secs(1);

/// Where a worker's requests are put on record and counted. What is counted when it is dropped goes on record then.
#[derive(Debug)]
pub struct Desk {
    trail: Trail,
    pub(super) metrics: WorkerMetrics,
    pub(super) config: AuditConfig,
    floods: RefCell<Floods<Slot>>,
    load: Arc<Load>,
    /// For the records of the counts, which wait for their window's end.
    counts: SideRoom,
}

impl Desk {
    /// Records go to `trail`, counts to `metrics`.
    pub fn new(trail: Trail, metrics: WorkerMetrics, config: AuditConfig) -> Self {
        let floods = RefCell::new(Floods::new(config.floods.individually));
        let counts = SideRoom::new(MOST_COUNTS);
        let trail = trail.with_own_lane();
        Self { trail, metrics, config, floods, load: Arc::default(), counts }
    }

    /// What the worker has to do.
    pub fn load(&self) -> &Arc<Load> {
        &self.load
    }

    /// Puts on record what was refused before it was a request, as `turned_away` does.
    pub async fn unread(
        self: &Rc<Self>,
        id: RequestId,
        client: IpAddr,
        refusal: &Refusal,
    ) -> Result<(), Refusal> {
        let trace = TraceContext::continued(None, id.entropy());
        self.turned_away(Arrival { id, trace, client, started: Instant::now() }, refusal).await
    }

    /// Puts on record what was refused before anything of it was looked at. Where the trail has no room for a moment,
    /// it is only counted: what is turned away must not stay for as long as the trail is in trouble. Gives the refusal
    /// that takes the other's place where that had to be on record first and is not.
    pub(in crate::stages) async fn turned_away(
        self: &Rc<Self>,
        arrival: Arrival,
        refusal: &Refusal,
    ) -> Result<(), Refusal> {
        let deadline = arrival.started + SHORT_WAIT;
        let slot = match self.slot(arrival.started, deadline).await {
            Ok(slot) => slot,
            Err(_) if self.config.durability.counts_refusals() => return Ok(()),
            Err(unavailable) => return Err(unavailable),
        };
        let entry = Entry::open(Rc::clone(self), Some(slot), arrival, deadline);
        entry.close_refused(refusal).await.map_err(|_| unrecorded_refusal())
    }

    /// Room for an outcome, where the trail has some that is not waited for.
    pub(super) fn slot_at_hand(&self) -> Option<Slot> {
        self.trail.try_reserve().filter(|_| !self.trail.is_closed())
    }

    /// Room for the intent of a request that has room for its outcome.
    pub(super) fn intent_slot(&self) -> Slot {
        self.trail.reserve_intent()
    }

    /// Room for an outcome. What finds none by `deadline` cannot be put on record, and is counted. A trail that is slow
    /// slows its callers; one that takes nothing would only keep them until they give up.
    pub(super) async fn slot(&self, started: Instant, deadline: Instant) -> Result<Slot, Refusal> {
        if let Some(slot) = self.slot_at_hand() {
            return Ok(slot);
        }
        let soon = started + SHORT_WAIT;
        let deadline = if self.trail.is_writable() { deadline } else { deadline.min(soon) };
        match timeout_at(deadline, self.trail.reserve()).await {
            Ok(slot) if !self.trail.is_closed() => Ok(slot),
            _ => {
                let refusal = unavailable("the trail takes no records at the moment; try again");
                self.metrics.request(None, Answered::Gateway(refusal.code), started.elapsed());
                Err(refusal)
            }
        }
    }

    /// Counts a refusal, or gives its slot back: it is to have an outcome of its own.
    pub(super) fn count(&self, refused: &Refused<'_>, slot: Slot) -> Option<Slot> {
        if !self.config.durability.counts_refusals() {
            return Some(slot);
        }
        self.floods.borrow_mut().note(refused, slot, |slot| self.counts.keep(slot))
    }

    /// Puts on record what was counted, at the end of each window. While the trail cannot be written, the window goes
    /// on: a flood then takes no more memory than before. Never returns.
    pub async fn keep_counts(&self) {
        let every = self.config.floods.every;
        let mut windows = interval_at(Instant::now() + every, every);
        windows.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            windows.tick().await;
            if self.trail.is_writable() {
                self.end_window();
            }
        }
    }

    fn end_window(&self) {
        for (slot, refusals) in self.floods.borrow_mut().end_window(Timestamp::now()) {
            // Queued, so without a receipt.
            let _ = slot.record(&Record::Refusals(refusals), Durability::Queue);
        }
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        self.end_window();
    }
}

#[cfg(test)]
mod tests {
    use uuid::ContextV7;

    use super::super::config::DurabilityConfig;
    use super::*;
    use crate::domain::Code;
    use crate::telemetry::MetricsBuilder;
    use crate::trail::TrailConfig;

    #[tokio::test(start_paused = true)]
    async fn what_was_refused_unread_does_not_wait_for_a_trail_without_room() {
        for (refusals, is_told) in [(Durability::Queue, true), (Durability::Write, false)] {
            let directory = tempfile::tempdir().unwrap();
            let config = TrailConfig { queue: 1, ..TrailConfig::new(directory.path().to_owned()) };
            let (trail, thread) = Trail::open(&config).unwrap();
            let metrics = MetricsBuilder::new(vec![], vec![]);
            let config = AuditConfig::with(DurabilityConfig { refusals, ..DurabilityConfig::DEFAULT });
            let desk = Rc::new(Desk::new(trail.clone(), metrics.worker(), config));
            let taken = trail.reserve().await;
            let refusal = Refusal::new(Code::RequestMalformed, "no HTTP");
            let unread = desk.unread(RequestId::generate(&ContextV7::new()), [127, 0, 0, 1].into(), &refusal);
            let told = tokio::time::timeout(Duration::from_mins(1), unread).await.expect("an end");
            assert_eq!(told.is_ok(), is_told);
            let counted = "confgate_requests_total{action=\"none\",code=\"audit_unavailable\"} 1";
            let metrics = metrics.build().render();
            assert!(metrics.contains(counted), "{metrics}");
            drop((taken, desk));
            thread.close().unwrap();
        }
    }
}
