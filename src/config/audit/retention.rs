//! `[audit.retention]`: what of the trail is kept.

use std::time::Duration;

use crate::config::form::{Size, Span};
use crate::config::reader::{Reading, Section};
use crate::trail::Retention;

/// Zero stands for no bound.
pub(super) fn read(section: &mut Section<'_>) -> Reading<Retention> {
    let max_age = section.need("max_age", &Span(Duration::ZERO..=Duration::from_hours(24 * 10_000)));
    let max_size = section.need("max_size", &Size(0..=1 << 50));
    let (max_age, max_size) = (max_age?, max_size?);
    Ok(Retention {
        max_age: (!max_age.is_zero()).then_some(max_age),
        max_bytes: (max_size > 0).then_some(max_size as u64),
    })
}
