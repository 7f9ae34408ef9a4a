//! `[vendor]`: how the vendor's tokens are fetched, and how it is spared.

use std::time::Duration;

use crate::vendor::{BreakerConfig, PauseConfig, TokenConfig};

use super::apps::AppConfig;
use super::endpoint::is_loopback;
use super::form::{Fraction, Integer, Span};
use super::reader::{Reading, Section};

/// How the vendor's tokens are fetched, the same for every app.
#[derive(Clone, Debug)]
pub struct VendorConfig {
    /// One fetch as a whole.
    pub fetch_timeout: Duration,
    /// When the next one is due.
    pub tokens: TokenConfig,
    /// For how long the vendor is left alone when it says that it is asked too much.
    pub pause: PauseConfig,
    /// When it is taken for dead.
    pub breaker: BreakerConfig,
}

/// Closer together, fetches for an account at the vendor can get it banned.
const SAFE_INTERVAL: Duration = Duration::from_secs(10);

/// `apps` are those that could be read.
pub(super) fn read(section: &mut Section<'_>, apps: &[AppConfig]) -> Reading<VendorConfig> {
    let intervals = || Span(Duration::from_millis(10)..=Duration::from_hours(1));
    let fetch_timeout =
        section.need("fetch_timeout", &Span(Duration::from_millis(100)..=Duration::from_mins(1)));
    let min_interval = section.need("min_interval", &intervals());
    let max_backoff = section.need("max_backoff", &intervals());
    let refresh_at = section.need("refresh_at", &Fraction(0.1..=0.9));
    let expiry_margin = section.need("expiry_margin", &Span(Duration::ZERO..=Duration::from_mins(10)));
    let pause = read_pause(section);
    let breaker = read_breaker(section);
    if let (Ok(min), Ok(max)) = (min_interval, max_backoff)
        && min > max
    {
        section.refuse("min_interval", "is longer than max_backoff");
    }
    // A sandbox on this machine bans nobody.
    let is_vendor = apps.iter().any(|app| !is_loopback(&app.credentials.endpoint));
    if is_vendor && min_interval.is_ok_and(|interval| interval < SAFE_INTERVAL) {
        let wrong = "is under 10s, and the vendor bans accounts that ask for tokens too often: \
                     less is for apps on this machine";
        section.refuse("min_interval", wrong);
    }
    let tokens = TokenConfig {
        min_interval: min_interval?,
        max_backoff: max_backoff?,
        refresh_at: refresh_at?,
        expiry_margin: expiry_margin?,
        ..TokenConfig::default()
    };
    Ok(VendorConfig { fetch_timeout: fetch_timeout?, tokens, pause: pause?, breaker: breaker? })
}

fn read_pause(section: &mut Section<'_>) -> Reading<PauseConfig> {
    let pauses = || Span(Duration::from_millis(100)..=Duration::from_hours(1));
    let default = section.need("pause", &pauses());
    let longest = section.need("max_pause", &pauses());
    let (default, longest) = (default?, longest?);
    if default > longest {
        return Err(section.refuse("pause", "is longer than max_pause"));
    }
    Ok(PauseConfig { default, longest })
}

fn read_breaker(section: &mut Section<'_>) -> Reading<BreakerConfig> {
    let pauses = || Span(Duration::from_millis(10)..=Duration::from_hours(1));
    let failures = section.need("breaker_failures", &Integer(0..=1_000_000));
    let pause = section.need("breaker_pause", &pauses());
    let longest = section.need("breaker_max_pause", &pauses());
    let (pause, longest) = (pause?, longest?);
    if pause > longest {
        return Err(section.refuse("breaker_pause", "is longer than breaker_max_pause"));
    }
    Ok(BreakerConfig { failures: failures?, pause, longest })
}
