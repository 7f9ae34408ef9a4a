//! `[audit]`: the trail, what of a request goes into it, and who gets it.

mod checkpoints;
mod durability;
mod floods;
mod retention;
mod segments;
mod ship;

use std::time::Duration;

use crate::shipping::ConsumerConfig;
use crate::stages::audit::AuditConfig;
use crate::trail::TrailConfig;

use super::file::PATH;
use super::form::{Integer, Span};
use super::reader::{Reading, Section};
use super::section;

const SECOND: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_hours(24);

/// The trail, what goes into it, and its consumers.
pub(super) fn read(audit: &mut Section<'_>) -> Reading<(TrailConfig, AuditConfig, Vec<ConsumerConfig>)> {
    let trail = read_trail(audit);
    let recording = read_recording(audit);
    let consumers = ship::read(audit);
    Ok((trail?, recording?, consumers?))
}

fn read_trail(audit: &mut Section<'_>) -> Reading<TrailConfig> {
    let directory = audit.need("directory", &PATH);
    let queue = audit.need("queue", &Integer(64..=1_000_000));
    let heartbeat = audit.need("heartbeat", &Span(SECOND..=DAY));
    let stall_timeout = audit.need("stall_timeout", &Span(Duration::from_millis(100)..=DAY));
    let segments = section(audit, "segments", segments::read);
    let checkpoints = section(audit, "checkpoints", checkpoints::read);
    let retention = section(audit, "retention", retention::read);
    Ok(TrailConfig {
        directory: directory?,
        queue: queue?,
        segments: segments?,
        checkpoints: checkpoints?,
        heartbeat: heartbeat?,
        stall_timeout: stall_timeout?,
        retention: retention?,
    })
}

fn read_recording(audit: &mut Section<'_>) -> Reading<AuditConfig> {
    let durability = section(audit, "durability", durability::read);
    let floods = section(audit, "floods", floods::read);
    Ok(AuditConfig { durability: durability?, floods: floods? })
}
