use std::cell::Cell;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;

use super::histogram::{Count, Histogram};
use crate::domain::{Action, Code};

/// Every action, and `None` for a request that got no action.
pub(super) const ACTIONS: [Option<Action>; 5] =
    [None, Some(Action::Create), Some(Action::Get), Some(Action::Dissolve), Some(Action::Kick)];
/// Every code, and a place each for the vendor's answers and for callers who left.
pub(super) const OUTCOMES: usize = Code::ALL.len() + 2;

/// What a signature of a token turned out to be, good or not, as the label has it.
pub(super) const SIGNATURES: [(bool, &str); 2] = [(false, "bad"), (true, "good")];

/// Who answered a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answered {
    /// The vendor; its label is `ok`, whatever the answer was.
    Vendor,
    /// Nobody: the caller had left; its label is `caller_gone`.
    Nobody,
    /// The gateway; its label is the code.
    Gateway(Code),
}

impl Answered {
    /// In the order of their places in the counters.
    pub(super) fn all() -> impl Iterator<Item = Self> {
        [Self::Vendor, Self::Nobody].into_iter().chain(Code::ALL.iter().copied().map(Self::Gateway))
    }

    /// The label's value.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Vendor => "ok",
            Self::Nobody => "caller_gone",
            Self::Gateway(code) => code.as_str(),
        }
    }

    fn index(self) -> usize {
        match self {
            Self::Vendor => 0,
            Self::Nobody => 1,
            Self::Gateway(code) => code as usize + 2,
        }
    }
}

/// Which of a tenant's limits was crossed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// The tenant's rate.
    Tenant,
    /// A user's rate within the tenant.
    User,
    /// The tenant's requests in flight.
    InFlight,
}

impl Limit {
    pub(super) const ALL: [Self; 3] = [Self::Tenant, Self::User, Self::InFlight];

    /// The label's value.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tenant => "tenant",
            Self::User => "user",
            Self::InFlight => "in_flight",
        }
    }
}

/// How a call to the vendor ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VendorAnswer {
    /// 2xx
    Success,
    /// 4xx
    ClientError,
    /// 5xx
    ServerError,
    /// Any other status.
    Other,
    /// No answer: unreachable, timed out or broken off.
    None,
}

impl VendorAnswer {
    pub(super) const ALL: [Self; 5] =
        [Self::Success, Self::ClientError, Self::ServerError, Self::Other, Self::None];

    /// The class of an HTTP status.
    pub fn of_status(status: u16) -> Self {
        match status {
            200..=299 => Self::Success,
            400..=499 => Self::ClientError,
            500..=599 => Self::ServerError,
            _ => Self::Other,
        }
    }

    /// The label's value.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Success => "2xx",
            Self::ClientError => "4xx",
            Self::ServerError => "5xx",
            Self::Other => "other",
            Self::None => "none",
        }
    }
}

/// A tenant's place in the counters, found when a configuration is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TenantSlot(pub(super) usize);

impl TenantSlot {
    /// A number of the tenant's own, the same for as long as the process runs, whatever is configured meanwhile.
    pub fn index(self) -> usize {
        self.0
    }
}

/// An app's place in the counters, found when a configuration is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AppSlot(pub(super) usize);

/// One worker's counters. It may be sent to the worker's thread and not be shared with another: each number has one
/// writer, so counting is a plain addition in memory that no other CPU writes.
#[derive(Debug)]
pub struct WorkerMetrics {
    counts: Arc<Counts>,
    one_writer: PhantomData<Cell<()>>,
}

/// Aligned to two cache lines, which is what CPUs fetch at once.
#[derive(Debug)]
#[repr(align(128))]
pub(super) struct Counts {
    pub(super) requests: [[Count; OUTCOMES]; ACTIONS.len()],
    pub(super) request_duration: [Histogram; ACTIONS.len()],
    /// By [`SIGNATURES`].
    pub(super) signatures: [Count; SIGNATURES.len()],
    /// By slot. They grow when a configuration brings new names; a slot's counts stay what they are.
    pub(super) tenants: Slots<TenantCounts>,
    pub(super) apps: Slots<AppCounts>,
}

/// Counts by slot, read without a lock while the control plane adds some.
pub(super) type Slots<T> = ArcSwap<Vec<Arc<T>>>;

/// Makes room for `slots`.
pub(super) fn grow<T: Default>(counts: &Slots<T>, slots: usize) {
    let known = counts.load();
    if known.len() < slots {
        let new = (known.len()..slots).map(|_| Arc::default());
        counts.store(Arc::new(known.iter().cloned().chain(new).collect()));
    }
}

/// Written with every request, so that workers must not share a cache line.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(super) struct TenantCounts {
    pub(super) admitted: Count,
    pub(super) limited: [Count; Limit::ALL.len()],
}

#[derive(Debug, Default)]
#[repr(align(128))]
pub(super) struct AppCounts {
    pub(super) answers: [Count; VendorAnswer::ALL.len()],
    pub(super) duration: Histogram,
}

impl Default for Counts {
    fn default() -> Self {
        Self {
            requests: std::array::from_fn(|_| std::array::from_fn(|_| Count::default())),
            request_duration: Default::default(),
            signatures: Default::default(),
            tenants: ArcSwap::default(),
            apps: ArcSwap::default(),
        }
    }
}

impl WorkerMetrics {
    pub(super) fn new(counts: Arc<Counts>) -> Self {
        Self { counts, one_writer: PhantomData }
    }

    /// Counts a request that has ended.
    pub fn request(&self, action: Option<Action>, answered: Answered, took: Duration) {
        let row = action_index(action);
        if let Some(count) = self.counts.requests.get(row).and_then(|row| row.get(answered.index())) {
            count.add(1);
        }
        if let Some(histogram) = self.counts.request_duration.get(row) {
            histogram.record(took);
        }
    }

    /// Counts one call to the vendor, from its first byte out to its answer's head or its failure.
    pub fn vendor_call(&self, app: AppSlot, answer: VendorAnswer, took: Duration) {
        let apps = self.counts.apps.load();
        let Some(counts) = apps.get(app.0) else {
            return;
        };
        if let Some(count) = counts.answers.get(answer as usize) {
            count.add(1);
        }
        counts.duration.record(took);
    }

    /// Counts a token's signature that was checked.
    pub fn signature_checked(&self, good: bool) {
        if let Some(count) = self.counts.signatures.get(usize::from(good)) {
            count.add(1);
        }
    }

    /// Counts a request that the tenant's limits let through.
    pub fn admitted(&self, tenant: TenantSlot) {
        if let Some(tenant) = self.counts.tenants.load().get(tenant.0) {
            tenant.admitted.add(1);
        }
    }

    /// Counts a request that one of the tenant's limits turned away.
    pub fn limited(&self, tenant: TenantSlot, limit: Limit) {
        let tenants = self.counts.tenants.load();
        let counts = tenants.get(tenant.0);
        if let Some(count) = counts.and_then(|tenant| tenant.limited.get(limit as usize)) {
            count.add(1);
        }
    }
}

fn action_index(action: Option<Action>) -> usize {
    action.map_or(0, |action| action as usize + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_is_the_place_in_the_list() {
        for (index, action) in ACTIONS.into_iter().enumerate() {
            assert_eq!(action_index(action), index);
        }
        assert_eq!(Answered::all().count(), OUTCOMES);
        for (index, answered) in Answered::all().enumerate() {
            assert_eq!(answered.index(), index);
        }
        assert!(SIGNATURES.iter().enumerate().all(|(index, (good, _))| usize::from(*good) == index));
        assert!(Limit::ALL.iter().enumerate().all(|(index, limit)| *limit as usize == index));
        assert!(VendorAnswer::ALL.iter().enumerate().all(|(index, answer)| *answer as usize == index));
    }
}
