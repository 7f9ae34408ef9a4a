//! `{ rate = 20, per = "1s", burst = 40 }`

use std::time::Duration;

use crate::limits::{InvalidQuota, Quota};

use super::form::{Count, Span, quoted};
use super::reader::{Reading, Section};
use super::units::show_duration;

const MAX_RATE: u64 = 1_000_000;

/// A quota that must be there.
pub(super) fn need(section: &mut Section<'_>, key: &'static str) -> Reading<Quota> {
    const ADVICE: &str = "is missing, and has no default: write { rate = 20, per = \"1s\", burst = 40 }";
    maybe(section, key)?.ok_or_else(|| section.refuse(key, ADVICE))
}

/// A quota, or the default one.
pub(super) fn or(
    section: &mut Section<'_>,
    key: &'static str,
    default: Result<Quota, InvalidQuota>,
) -> Reading<Quota> {
    let quota = match read(section, key)? {
        Some(given) => given,
        None => default.map_err(|wrong| section.refuse(key, wrong.to_string()))?,
    };
    section.record(key, Some(toml(&quota)));
    Ok(quota)
}

/// A quota, or none.
pub(super) fn maybe(section: &mut Section<'_>, key: &'static str) -> Reading<Option<Quota>> {
    let quota = read(section, key)?;
    section.record(key, quota.as_ref().map(toml));
    Ok(quota)
}

fn read(section: &mut Section<'_>, key: &'static str) -> Reading<Option<Quota>> {
    let Some(mut table) = section.inline(key)? else {
        return Ok(None);
    };
    let rate = table.need("rate", &Count::within(1..=MAX_RATE));
    let per = table.need("per", &Span(Duration::from_millis(1)..=Duration::from_hours(24)));
    let burst = table.need("burst", &Count::within(1..=MAX_RATE));
    let quota = Quota::new(rate?, per?, burst?);
    quota.map(Some).map_err(|wrong| table.refuse_all(wrong.to_string()))
}

fn toml(quota: &Quota) -> String {
    let per = quoted(&show_duration(quota.per()));
    format!("{{ rate = {}, per = {per}, burst = {} }}", quota.rate(), quota.burst())
}
