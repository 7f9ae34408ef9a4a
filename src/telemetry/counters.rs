//! The workers' counters, which outlive the configurations: what was counted under one is not lost with the next.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::worker::{AppSlot, Counts, TenantSlot, WorkerMetrics, grow};
use crate::domain::{AppKey, TenantId};

/// All workers' counters, and which slot belongs to whom: a name keeps its slot for good, configured or not. Clones are
/// the same. For the control plane; workers do not come here.
#[derive(Clone, Debug, Default)]
pub struct Counters(Arc<Mutex<Ledger>>);

#[derive(Debug, Default)]
struct Ledger {
    tenants: HashMap<TenantId, TenantSlot>,
    apps: HashMap<AppKey, AppSlot>,
    workers: Vec<Arc<Counts>>,
}

impl Counters {
    /// Counters of one more worker's own.
    pub fn worker(&self) -> WorkerMetrics {
        let mut ledger = self.ledger();
        let counts = Arc::new(Counts::default());
        ledger.workers.push(Arc::clone(&counts));
        ledger.make_room();
        WorkerMetrics::new(counts)
    }

    /// Where workers count for these tenants.
    pub(super) fn tenants(&self, names: Vec<TenantId>) -> BTreeMap<TenantId, TenantSlot> {
        let mut ledger = self.ledger();
        let slots = names.into_iter().map(|name| {
            let next = TenantSlot(ledger.tenants.len());
            (name.clone(), *ledger.tenants.entry(name).or_insert(next))
        });
        let slots = slots.collect();
        ledger.make_room();
        slots
    }

    /// Where workers count for these apps.
    pub(super) fn apps(&self, names: Vec<AppKey>) -> BTreeMap<AppKey, AppSlot> {
        let mut ledger = self.ledger();
        let slots = names.into_iter().map(|name| {
            let next = AppSlot(ledger.apps.len());
            (name.clone(), *ledger.apps.entry(name).or_insert(next))
        });
        let slots = slots.collect();
        ledger.make_room();
        slots
    }

    /// Every worker's.
    pub(super) fn workers(&self) -> Vec<Arc<Counts>> {
        self.ledger().workers.clone()
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ledger {
    /// In each worker's counters, for every slot.
    fn make_room(&self) {
        for counts in &self.workers {
            grow(&counts.tenants, self.tenants.len());
            grow(&counts.apps, self.apps.len());
        }
    }
}
