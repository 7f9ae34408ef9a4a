//! `[log]`: the operational log.

use crate::telemetry::{InvalidLogFilter, LogConfig, LogFilter, LogFormat};

use super::form::{Choice, Text};
use super::reader::{Reading, Section};

const FILTER: Text<LogFilter> = Text {
    parse: |text| text.parse().map_err(|wrong: InvalidLogFilter| wrong.to_string()),
    show: LogFilter::to_string,
};

const FORMAT: Choice<LogFormat> = Choice(&[("json", LogFormat::Json), ("text", LogFormat::Text)]);

pub(super) fn read(section: &mut Section<'_>) -> Reading<LogConfig> {
    let filter = section.need("level", &FILTER);
    let format = section.need("format", &FORMAT);
    Ok(LogConfig { filter: filter?, format: format? })
}
