//! `[authn]`: whose tokens are accepted, and within which bounds. What would weaken this does not start.

use std::num::NonZeroUsize;
use std::time::Duration;

use crate::jwt::JwtConfig;
use crate::limits::Quota;

use super::form::{Count, Integer, Size, Span};
use super::reader::{Reading, Section};
use super::{issuers, quota};

/// Who is let in.
#[derive(Clone, Debug)]
pub struct AuthnConfig {
    /// Issuers, and what holds for all their tokens.
    pub jwt: JwtConfig,
    /// One fetch of a key set as a whole.
    pub fetch_timeout: Duration,
    /// Bad tokens from one address, before signatures are no longer checked for it.
    pub address_limit: Quota,
    /// Addresses that are remembered for it.
    pub max_addresses: NonZeroUsize,
}

pub(super) fn read(section: &mut Section<'_>) -> Reading<AuthnConfig> {
    let fetch_timeout =
        section.need("fetch_timeout", &Span(Duration::from_millis(100)..=Duration::from_mins(1)));
    let address_limit = quota::need(section, "address_limit");
    let max_addresses = section.need("max_addresses", &Count::within(1024..=10_000_000));
    let jwt = read_jwt(section);
    Ok(AuthnConfig {
        jwt: jwt?,
        fetch_timeout: fetch_timeout?,
        address_limit: address_limit?,
        max_addresses: max_addresses?,
    })
}

fn read_jwt(section: &mut Section<'_>) -> Reading<JwtConfig> {
    let (second, minute, hour) = (Duration::from_secs(1), Duration::from_mins(1), Duration::from_hours(1));
    let leeway = section.need("leeway", &Span(Duration::ZERO..=minute * 5));
    let max_lifetime = section.need("max_lifetime", &Span(minute..=hour * 24));
    let max_token_bytes = section.need("max_token_bytes", &Size(512..=64 << 10));
    let refresh_interval = section.need("refresh_interval", &Span(second..=hour));
    let unknown_key_cooldown = section.need("unknown_key_cooldown", &Span(second..=hour));
    let keys_max_age = section.need("keys_max_age", &Span(second..=hour * 24));
    let max_jwks_bytes = section.need("max_jwks_bytes", &Size(1 << 10..=16 << 20));
    let cache_capacity = section.need("cache_capacity", &Integer(0..=10_000_000));
    if let (Ok(interval), Ok(age)) = (refresh_interval, keys_max_age)
        && age < interval
    {
        section.refuse(
            "keys_max_age",
            "is shorter than refresh_interval: keys would run out before each refresh",
        );
    }
    let issuers = issuers::read(section);
    Ok(JwtConfig {
        issuers: issuers?,
        leeway: leeway?,
        max_lifetime: max_lifetime?,
        max_token_bytes: max_token_bytes?,
        refresh_interval: refresh_interval?,
        unknown_key_cooldown: unknown_key_cooldown?,
        keys_max_age: keys_max_age?,
        max_jwks_bytes: max_jwks_bytes?,
        cache_capacity: cache_capacity?,
    })
}
