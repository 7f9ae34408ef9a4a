//! `[reload]`: when the configuration is read again.

use std::time::Duration;

use super::form::Span;
use super::reader::{Reading, Section};

/// When the configuration is read again while the gateway runs; on SIGHUP in any case.
#[derive(Clone, Copy, Debug)]
pub struct ReloadConfig {
    /// How often its files are looked at for changes; none to wait for SIGHUP alone.
    pub every: Option<Duration>,
}

pub(super) fn read(section: &mut Section<'_>) -> Reading<ReloadConfig> {
    let every = section.need("every", &Span(Duration::ZERO..=Duration::from_hours(1)))?;
    Ok(ReloadConfig { every: Some(every).filter(|every| !every.is_zero()) })
}
