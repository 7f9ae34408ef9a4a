//! `[audit.durability]` and `[audit.floods]`: what of a request goes on record, and how firmly.

use std::time::Duration;

use crate::stages::audit::{AuditConfig, DurabilityConfig, FloodConfig};
use crate::trail::Durability;

use super::form::{Choice, Count, Span};
use super::reader::{Reading, Section};

const DURABILITY: Choice<Durability> =
    Choice(&[("sync", Durability::Sync), ("write", Durability::Write), ("queue", Durability::Queue)]);

/// Of what need not be on record at all.
const DURABILITY_OR_OFF: Choice<Option<Durability>> = Choice(&[
    ("sync", Some(Durability::Sync)),
    ("write", Some(Durability::Write)),
    ("queue", Some(Durability::Queue)),
    ("off", None),
]);

/// The sections below `[audit]`.
pub(super) fn read(audit: &mut Section<'_>) -> Reading<AuditConfig> {
    let durability = audit.section("durability").and_then(|mut section| read_durability(&mut section));
    let floods = audit.section("floods").and_then(|mut section| read_floods(&mut section));
    Ok(AuditConfig { durability: durability?, floods: floods? })
}

fn read_durability(section: &mut Section<'_>) -> Reading<DurabilityConfig> {
    let mutations = section.need("mutations", &DURABILITY);
    let reads = section.need("reads", &DURABILITY_OR_OFF);
    let refusals = section.need("refusals", &DURABILITY);
    Ok(DurabilityConfig { mutations: mutations?, reads: reads?, refusals: refusals? })
}

fn read_floods(section: &mut Section<'_>) -> Reading<FloodConfig> {
    let individually = section.need("individually", &Count::within(1..=1_000_000));
    let every = section.need("every", &Span(Duration::from_millis(100)..=Duration::from_hours(1)));
    Ok(FloodConfig { individually: individually?, every: every? })
}
