//! `[audit]`, `[admin]` and `[log]`: what is kept and said about the gateway's work.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::telemetry::{InvalidLogFilter, LogConfig, LogFilter, LogFormat};
use crate::trail::{CheckpointsConfig, Retention, SegmentsConfig, SigningKey, TrailConfig};

use super::file::{self, PATH};
use super::form::{Choice, Integer, Size, Span, Text};
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

const FORMAT: Choice<LogFormat> = Choice(&[("json", LogFormat::Json), ("text", LogFormat::Text)]);

/// Whether closed segments are compressed.
const COMPRESSION: Choice<bool> = Choice(&[("none", false), ("zstd", true)]);

const SECOND: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_hours(24);

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
    let heartbeat = section.need("heartbeat", &Span(SECOND..=DAY));
    let stall_timeout = section.need("stall_timeout", &Span(Duration::from_millis(100)..=DAY));
    let segments = section.section("segments").and_then(|mut segments| read_segments(&mut segments));
    let checkpoints =
        section.section("checkpoints").and_then(|mut checkpoints| read_checkpoints(&mut checkpoints));
    let retention = section.section("retention").and_then(|mut retention| read_retention(&mut retention));
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

fn read_segments(section: &mut Section<'_>) -> Reading<SegmentsConfig> {
    let max_size = section.need("max_size", &Size(64 << 10..=4 << 30));
    let max_age = section.need("max_age", &Span(SECOND..=Duration::from_hours(24 * 365)));
    let preallocate = section.need("preallocate", &Size(0..=8 << 20));
    let compression = section.need("compression", &COMPRESSION);
    Ok(SegmentsConfig {
        max_bytes: max_size? as u64,
        max_age: max_age?,
        preallocate: preallocate? as u64,
        compress: compression?,
    })
}

fn read_checkpoints(section: &mut Section<'_>) -> Reading<CheckpointsConfig> {
    let records = section.need("records", &Integer(1..=u64::MAX >> 1));
    let every = section.need("every", &Span(SECOND..=DAY));
    let file = section.maybe("key_file", &PATH);
    let key = file.and_then(|file| file.map(|file| signing_key(section, &file)).transpose());
    Ok(CheckpointsConfig { records: records?, every: every?, key: key? })
}

fn signing_key(section: &Section<'_>, path: &Path) -> Reading<Arc<SigningKey>> {
    let key = file::key(path).and_then(|pem| SigningKey::from_pem(&pem).map_err(|wrong| wrong.to_string()));
    key.map(Arc::new).map_err(|wrong| section.refuse("key_file", file::about(path, &wrong)))
}

/// Zero stands for no bound.
fn read_retention(section: &mut Section<'_>) -> Reading<Retention> {
    let max_age = section.need("max_age", &Span(Duration::ZERO..=Duration::from_hours(24 * 10_000)));
    let max_size = section.need("max_size", &Size(0..=1 << 50));
    let (max_age, max_size) = (max_age?, max_size?);
    Ok(Retention {
        max_age: (!max_age.is_zero()).then_some(max_age),
        max_bytes: (max_size > 0).then_some(max_size as u64),
    })
}
