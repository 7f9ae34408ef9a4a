//! Sums over the trail.

use std::collections::HashMap;
use std::io;
use std::ops::ControlFlow;
use std::path::Path;

use serde::Serialize;

use super::entry::Entry;
use super::filter::Filter;
use super::histogram::Histogram;
use super::search::{Damage, search_compiled};
use crate::domain::{Action, RequestId};
use crate::trail::record::{Decision, Kind};

/// For how many tenants there are sums. What further ones did is summed up as of none: tenants are named by whoever
/// issues tokens, and memory is bounded.
const MAX_TENANTS: usize = 2_000;

/// How many announced changes without an outcome are kept in mind.
const MAX_OPEN: usize = 100_000;

/// What was done by one tenant with one action; `None` where the trail does not name them.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Sums {
    /// The tenant.
    pub tenant: Option<String>,
    /// The call.
    pub action: Option<Action>,
    /// Requests that have ended, counted refusals among them.
    pub requests: u64,
    /// How many of them were let through.
    pub allowed: u64,
    /// How many were not.
    pub refused: u64,
    /// Changes of which nobody knows whether they were made, because no answer came or the gateway crashed. The latter
    /// are not among the requests that have ended.
    pub unknown: u64,
    /// Requests that the vendor answered with a status from 400 on, or with an error inside a 200.
    pub vendor_errors: u64,
    /// Half of the requests that have an outcome of their own took no longer, in microseconds, rounded up by an eighth
    /// at most.
    pub p50_us: Option<u64>,
    /// 99 of 100 took no longer.
    pub p99_us: Option<u64>,
    #[serde(skip)]
    durations: Histogram,
}

impl Sums {
    fn add(&mut self, entry: &Entry<'_>) {
        let requests = entry.requests();
        self.requests += requests;
        match entry.decision() {
            Some(Decision::Allowed) => self.allowed += requests,
            Some(Decision::Refused) => self.refused += requests,
            None => {}
        }
        self.unknown += u64::from(entry.outcome_unknown);
        self.vendor_errors += u64::from(entry.is_vendor_error());
        if let Some(duration) = entry.duration_us {
            self.durations.add(duration);
        }
    }

    fn merge(&mut self, other: &Self) {
        self.requests += other.requests;
        self.allowed += other.allowed;
        self.refused += other.refused;
        self.unknown += other.unknown;
        self.vendor_errors += other.vendor_errors;
        self.durations.merge(&other.durations);
    }

    fn settled(mut self) -> Self {
        self.p50_us = self.durations.quantile(50);
        self.p99_us = self.durations.quantile(99);
        self
    }
}

/// Sums by tenant and action, in the order of their names, and over all.
#[derive(Clone, Debug)]
pub struct Stats {
    /// One for each tenant and action that the trail has.
    pub groups: Vec<Sums>,
    /// Over all of them.
    pub total: Sums,
    /// What could not be read.
    pub damage: Damage,
}

/// Sums up what passes `filter`. Changes that a crash left unknown count for the tenant and action of their intents;
/// where the intent lies outside of the filter, they count only if it asks for nothing that it could have said.
pub fn stats(directory: &Path, filter: &Filter) -> io::Result<Stats> {
    let mut tally = Tally { counts_strangers: filter.is_open_to_all_requests(), ..Tally::default() };
    let compiled = filter.compile().with_recoveries();
    let damage = search_compiled(directory, &compiled, |_, entry| {
        tally.add(entry);
        ControlFlow::Continue(())
    })?;
    let mut groups: Vec<Sums> = tally.sums.into_values().flat_map(HashMap::into_values).collect();
    groups.sort_by(|a, b| {
        (&a.tenant, a.action.map(Action::as_str)).cmp(&(&b.tenant, b.action.map(Action::as_str)))
    });
    let mut total = Sums::default();
    for sums in &groups {
        total.merge(sums);
    }
    let groups = groups.into_iter().map(Sums::settled).collect();
    Ok(Stats { groups, total: total.settled(), damage })
}

/// The sums so far.
#[derive(Default)]
struct Tally {
    /// By tenant, whose name is empty where there is none.
    sums: HashMap<String, HashMap<Option<Action>, Sums>>,
    /// The changes that were announced and have no outcome yet: whose they are.
    open: HashMap<RequestId, (String, Option<Action>)>,
    /// Whether unknown changes count whose intents have not been seen.
    counts_strangers: bool,
}

impl Tally {
    fn add(&mut self, entry: &Entry<'_>) {
        let tenant = entry.tenant.unwrap_or_default();
        let id = entry.request_id.and_then(|id| RequestId::parse(id).ok());
        match entry.kind {
            Kind::Intent => {
                if let Some(id) = id.filter(|_| self.open.len() < MAX_OPEN) {
                    self.open.insert(id, (tenant.to_owned(), entry.action));
                }
            }
            Kind::Outcome | Kind::Refusals => {
                if let Some(id) = id.filter(|_| entry.action.is_some_and(Action::is_mutation)) {
                    self.open.remove(&id);
                }
                self.of(tenant, entry.action).add(entry);
            }
            Kind::Recovered => entry.unknown.iter().for_each(|open| self.add_unknown(open.request_id)),
            Kind::Start | Kind::Stop | Kind::Checkpoint | Kind::Heartbeat | Kind::Reload => {}
        }
    }

    fn add_unknown(&mut self, request_id: RequestId) {
        if let Some((tenant, action)) = self.open.remove(&request_id) {
            self.of(&tenant, action).unknown += 1;
        } else if self.counts_strangers {
            self.of("", None).unknown += 1;
        }
    }

    fn of(&mut self, tenant: &str, action: Option<Action>) -> &mut Sums {
        let is_new = !self.sums.contains_key(tenant);
        let tenant = if is_new && self.sums.len() >= MAX_TENANTS { "" } else { tenant };
        let of_tenant = self.sums.entry(tenant.to_owned()).or_default();
        of_tenant.entry(action).or_insert_with(|| {
            let tenant = Some(tenant.to_owned()).filter(|tenant| !tenant.is_empty());
            Sums { tenant, action, ..Sums::default() }
        })
    }
}
