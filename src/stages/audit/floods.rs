//! Counts equal refusals, so that a flood of them neither fills the trail nor hides what else is refused meanwhile.
//!
//! In each window the first few refusals of a kind have outcomes of their own; further ones are counted, and one record
//! tells their number when the window ends. What makes a kind is looked at in three ways, from the finest to the
//! coarsest, and the table of each is bounded: a flood that is never twice the same in the finest way (from a million
//! addresses, say) fills that table, and is then counted in a coarser one. So the records of a window are bounded
//! whatever comes, and a refusal that is odd in a coarse way (for another reason, of another action or tenant) has its
//! own outcome in any flood.
//!
//! A request brings the slot that was reserved for its outcome. The first one that is counted leaves it here, for the
//! record of the count: there always is room for it, at the sudden end of the worker too.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::{BuildHasher, Hash, RandomState};
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;

use jiff::Timestamp;

use crate::domain::{Action, Code, RequestId, TenantId};
use crate::limits::Origin;
use crate::trail::Refusals;

/// How many kinds each table holds, from the finest to the coarsest. The last one has room for every code with every
/// action, twice: for callers who waited, and for those who left.
const KINDS: [usize; 3] = [1024, 512, 512];
/// The most counts of one window.
pub(super) const MOST_COUNTS: usize = KINDS[0] + KINDS[1] + KINDS[2];

/// A request that was refused.
#[derive(Clone, Copy, Debug)]
pub(super) struct Refused<'a> {
    pub(super) time: Timestamp,
    pub(super) id: RequestId,
    pub(super) action: Option<Action>,
    pub(super) tenant: Option<&'a TenantId>,
    pub(super) subject: Option<&'a Arc<str>>,
    pub(super) client: IpAddr,
    pub(super) reason: Option<Code>,
    pub(super) detail: Option<&'a str>,
    pub(super) status: Option<u16>,
}

/// What refusals of one kind have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Kind<'a> {
    status: Option<u16>,
    reason: Option<Code>,
    action: Option<Action>,
    /// Not in the coarsest kind.
    tenant: Option<&'a TenantId>,
    /// In the finest kind alone.
    fine: Option<Fine<'a>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Fine<'a> {
    subject: Option<&'a Arc<str>>,
    origin: Origin,
    detail: Option<&'a str>,
}

impl<'a> Refused<'a> {
    /// From the finest to the coarsest.
    fn kinds(&self) -> [Kind<'a>; KINDS.len()] {
        let Self { subject, detail, status, reason, action, tenant, .. } = *self;
        let fine = Fine { subject, origin: Origin::from(self.client), detail };
        let coarse = Kind { status, reason, action, tenant, fine: None };
        [Kind { fine: Some(fine), ..coarse }, coarse, Kind { tenant: None, ..coarse }]
    }
}

/// The refusals of one window. `S` is a slot.
#[derive(Debug)]
pub(super) struct Floods<S> {
    individually: NonZeroU32,
    /// Nobody outside can tell which kinds share a hash.
    hasher: RandomState,
    tables: [HashMap<u64, Tally<S>>; KINDS.len()],
}

/// The refusals of one kind.
#[derive(Debug)]
struct Tally<S> {
    kind: OwnedKind,
    /// How many have outcomes of their own.
    alone: u32,
    /// The others.
    counted: Option<Counted<S>>,
}

/// [`Kind`], to keep.
#[derive(Debug)]
struct OwnedKind {
    status: Option<u16>,
    reason: Option<Code>,
    action: Option<Action>,
    tenant: Option<TenantId>,
    fine: Option<OwnedFine>,
}

/// [`Fine`], to keep.
#[derive(Debug)]
struct OwnedFine {
    subject: Option<Arc<str>>,
    origin: Origin,
    detail: Option<Box<str>>,
}

#[derive(Debug)]
struct Counted<S> {
    slot: S,
    count: u64,
    /// When there is more than one in the finest kind, which has a whole IPv6 network: none.
    client: Option<IpAddr>,
    first: (Timestamp, RequestId),
    last: (Timestamp, RequestId),
}

impl<S> Floods<S> {
    /// `individually` of each kind are left alone.
    pub(super) fn new(individually: NonZeroU32) -> Self {
        Self { individually, hasher: RandomState::new(), tables: Default::default() }
    }

    /// Counts a refusal, or gives its slot back: it is to have an outcome of its own. `keep` is asked to find another
    /// place for the slot that waits here for the window's end.
    pub(super) fn note(
        &mut self,
        refused: &Refused<'_>,
        slot: S,
        keep: impl FnOnce(S) -> Result<S, S>,
    ) -> Option<S> {
        for ((kind, table), most) in refused.kinds().into_iter().zip(&mut self.tables).zip(KINDS) {
            let full = table.len() >= most;
            let tally = match table.entry(self.hasher.hash_one(kind)) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(_) if full => continue,
                Entry::Vacant(place) => place.insert(Tally::new(kind)),
            };
            if tally.kind.borrowed() != kind {
                // Two kinds with one hash: neither hides in the other's count.
                return Some(slot);
            }
            return tally.note(refused, self.individually, slot, keep);
        }
        Some(slot)
    }

    /// Ends the window: gives the record of each count with its slot, in the order in which the counts began.
    pub(super) fn end_window(&mut self, time: Timestamp) -> Vec<(S, Refusals)> {
        let tallies = self.tables.iter_mut().flat_map(|table| table.drain().map(|(_, tally)| tally));
        let mut records: Vec<_> = tallies.filter_map(|tally| tally.into_record(time)).collect();
        records.sort_by_key(|(_, record)| record.first_time);
        records
    }
}

impl<S> Tally<S> {
    fn new(kind: Kind<'_>) -> Self {
        Self { kind: OwnedKind::from(kind), alone: 0, counted: None }
    }

    fn note(
        &mut self,
        refused: &Refused<'_>,
        individually: NonZeroU32,
        slot: S,
        keep: impl FnOnce(S) -> Result<S, S>,
    ) -> Option<S> {
        if self.alone < individually.get() {
            self.alone += 1;
            return Some(slot);
        }
        if let Some(counted) = &mut self.counted {
            counted.add(refused);
            return None;
        }
        match keep(slot) {
            Ok(slot) => {
                self.counted = Some(Counted::first(refused, slot));
                None
            }
            Err(slot) => Some(slot),
        }
    }

    fn into_record(self, time: Timestamp) -> Option<(S, Refusals)> {
        let OwnedKind { status, reason, action, tenant, fine } = self.kind;
        let Counted { slot, count, client, first, last } = self.counted?;
        let client = client.filter(|_| fine.is_some());
        let (subject, detail) = fine.map(|fine| (fine.subject, fine.detail)).unwrap_or_default();
        let ((first_time, first_request_id), (last_time, last_request_id)) = (first, last);
        let record = Refusals {
            time,
            action,
            tenant,
            subject,
            client,
            reason,
            detail,
            status,
            count,
            first_time,
            first_request_id,
            last_time,
            last_request_id,
        };
        Some((slot, record))
    }
}

impl<S> Counted<S> {
    fn first(refused: &Refused<'_>, slot: S) -> Self {
        let at = (refused.time, refused.id);
        Self { slot, count: 1, client: Some(refused.client), first: at, last: at }
    }

    fn add(&mut self, refused: &Refused<'_>) {
        self.count += 1;
        self.client = self.client.filter(|client| *client == refused.client);
        self.last = (refused.time, refused.id);
    }
}

impl From<Kind<'_>> for OwnedKind {
    fn from(kind: Kind<'_>) -> Self {
        let Kind { status, reason, action, tenant, fine } = kind;
        let fine = fine.map(|Fine { subject, origin, detail }| OwnedFine {
            subject: subject.cloned(),
            origin,
            detail: detail.map(Into::into),
        });
        Self { status, reason, action, tenant: tenant.cloned(), fine }
    }
}

impl OwnedKind {
    fn borrowed(&self) -> Kind<'_> {
        let Self { status, reason, action, ref tenant, ref fine } = *self;
        let fine = fine.as_ref().map(|OwnedFine { subject, origin, detail }| Fine {
            subject: subject.as_ref(),
            origin: *origin,
            detail: detail.as_deref(),
        });
        Kind { status, reason, action, tenant: tenant.as_ref(), fine }
    }
}

#[cfg(test)]
mod tests;
