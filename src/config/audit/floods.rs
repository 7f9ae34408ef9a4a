//! `[audit.floods]`: from when on equal refusals are counted.

use std::time::Duration;

use crate::config::form::{Count, Span};
use crate::config::reader::{Reading, Section};
use crate::stages::audit::FloodConfig;

pub(super) fn read(section: &mut Section<'_>) -> Reading<FloodConfig> {
    let individually = section.need("individually", &Count::within(1..=1_000_000));
    let every = section.need("every", &Span(Duration::from_millis(100)..=Duration::from_hours(1)));
    Ok(FloodConfig { individually: individually?, every: every? })
}
