//! `[audit.durability]` and `[audit.floods]`: what of a request goes on record, and how firmly.

use std::time::Duration;

use crate::stages::audit::{AuditConfig, DurabilityConfig, FloodConfig};
use crate::trail::Durability;

use super::form::{Count, Span, Text};
use super::reader::{Reading, Section};

const DURABILITY: Text<Durability> = Text {
    parse: |text| durability(text).ok_or_else(|| "must be \"sync\", \"write\" or \"queue\"".to_owned()),
    show: |durability| show_durability(*durability).to_owned(),
};

/// Of what need not be on record at all.
const DURABILITY_OR_OFF: Text<Option<Durability>> = Text {
    parse: |text| match (text, durability(text)) {
        ("off", _) => Ok(None),
        (_, Some(known)) => Ok(Some(known)),
        _ => Err("must be \"sync\", \"write\", \"queue\" or \"off\"".to_owned()),
    },
    show: |durability| durability.map_or("off", show_durability).to_owned(),
};

fn durability(text: &str) -> Option<Durability> {
    match text {
        "sync" => Some(Durability::Sync),
        "write" => Some(Durability::Write),
        "queue" => Some(Durability::Queue),
        _ => None,
    }
}

fn show_durability(durability: Durability) -> &'static str {
    match durability {
        Durability::Sync => "sync",
        Durability::Write => "write",
        Durability::Queue => "queue",
    }
}

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
