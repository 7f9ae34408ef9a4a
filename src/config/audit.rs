//! `[audit]`, `[admin]` and `[log]`: what is kept and said about the gateway's work.

use std::net::SocketAddr;

use crate::telemetry::{InvalidLogFilter, LogConfig, LogFilter, LogFormat};
use crate::trail::TrailConfig;

use super::file::PATH;
use super::form::{Integer, Text};
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
