//! `[audit]`, `[admin]` and `[log]`: what is kept and said about the gateway's work.

use std::net::SocketAddr;
use std::time::Duration;

use crate::stages::audit::{AuditConfig, DurabilityConfig, FloodConfig};
use crate::telemetry::{InvalidLogFilter, LogConfig, LogFilter, LogFormat};
use crate::trail::{Durability, TrailConfig};

use super::file::PATH;
use super::form::{Count, Integer, Span, Text};
use super::listen::ADDRESS;
use super::reader::{Reading, Section};

/// The admin port.
#[derive(Clone, Debug)]
pub struct AdminConfig {
    /// Where probes and metrics are answered. Not for callers.
    pub address: SocketAddr,
}

const FILTER: Text<LogFilter> = Text {
    parse: |text| text.parse().map_err(|wrong: InvalidLogFilter| wrong.to_string()),
    show: LogFilter::to_string,
};

const FORMAT: Text<LogFormat> = Text {
    parse: |text| match text {
        "json" => Ok(LogFormat::Json),
        "text" => Ok(LogFormat::Text),
        _ => Err("must be \"json\" or \"text\"".to_owned()),
    },
    show: |format| match format {
        LogFormat::Json => "json".to_owned(),
        LogFormat::Text => "text".to_owned(),
    },
};

pub(super) fn read_admin(section: &mut Section<'_>) -> Reading<AdminConfig> {
    let address = section.need("address", &ADDRESS)?;
    Ok(AdminConfig { address })
}

pub(super) fn read_log(section: &mut Section<'_>) -> Reading<LogConfig> {
    let filter = section.need("level", &FILTER);
    let format = section.need("format", &FORMAT);
    Ok(LogConfig { filter: filter?, format: format? })
}

pub(super) fn read(section: &mut Section<'_>) -> Reading<TrailConfig> {
    let directory = section.need("directory", &PATH);
    let queue = section.need("queue", &Integer(64..=1_000_000));
    Ok(TrailConfig { directory: directory?, queue: queue? })
}

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

/// `[audit.durability]` and `[audit.floods]`.
pub(super) fn read_recording(audit: &mut Section<'_>) -> Reading<AuditConfig> {
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
