//! `[audit.segments]`: the files of the trail.

use std::time::Duration;

use super::SECOND;
use crate::config::form::{Choice, Size, Span};
use crate::config::reader::{Reading, Section};
use crate::trail::SegmentsConfig;

/// Whether closed segments are compressed.
const COMPRESSION: Choice<bool> = Choice(&[("none", false), ("zstd", true)]);

pub(super) fn read(section: &mut Section<'_>) -> Reading<SegmentsConfig> {
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
