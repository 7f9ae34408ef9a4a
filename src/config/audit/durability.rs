//! `[audit.durability]`: what of a request goes on record, and how firmly.

use crate::config::form::Choice;
use crate::config::reader::{Reading, Section};
use crate::stages::audit::DurabilityConfig;
use crate::trail::Durability;

const DURABILITY: Choice<Durability> =
    Choice(&[("sync", Durability::Sync), ("write", Durability::Write), ("queue", Durability::Queue)]);

/// Of what need not be on record at all.
const DURABILITY_OR_OFF: Choice<Option<Durability>> = Choice(&[
    ("sync", Some(Durability::Sync)),
    ("write", Some(Durability::Write)),
    ("queue", Some(Durability::Queue)),
    ("off", None),
]);

pub(super) fn read(section: &mut Section<'_>) -> Reading<DurabilityConfig> {
    let mutations = section.need("mutations", &DURABILITY);
    let reads = section.need("reads", &DURABILITY_OR_OFF);
    let refusals = section.need("refusals", &DURABILITY);
    Ok(DurabilityConfig { mutations: mutations?, reads: reads?, refusals: refusals? })
}
