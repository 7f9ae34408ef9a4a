//! `[tenants]`: who calls, with which app, and how much.

use std::num::NonZeroUsize;

use crate::domain::{AppKey, TenantId};
use crate::limits::Quota;

use super::form::{Count, Text};
use super::hint::suggestion;
use super::quota;
use super::reader::{Reading, Section};

/// One tenant: the value of the tenant claim, and what it may do.
#[derive(Clone, Debug)]
pub struct TenantConfig {
    /// The value of the tenant claim.
    pub id: TenantId,
    /// The app that its calls go to: one of the configured ones.
    pub app: AppKey,
    /// Calls of all its users together.
    pub rate_limit: Quota,
    /// Calls of each of its users, within the tenant's own limit.
    pub user_rate_limit: Option<Quota>,
    /// Calls that have begun and not ended.
    pub max_in_flight: NonZeroUsize,
    /// Users that are remembered for `user_rate_limit`.
    pub max_users: NonZeroUsize,
}

const MAX_IN_FLIGHT: NonZeroUsize = NonZeroUsize::MIN.saturating_add(63);
const MAX_USERS: NonZeroUsize = NonZeroUsize::MIN.saturating_add(9_999);

const APP_KEY: Text<AppKey> =
    Text { parse: |text| AppKey::parse(text).map_err(|wrong| wrong.to_string()), show: AppKey::to_string };

/// At least one tenant. `apps` are the names of the apps, right or wrong.
pub(super) fn read(root: &mut Section<'_>, apps: &[String]) -> Reading<Vec<TenantConfig>> {
    let entries = root.entries("tenants")?;
    if entries.is_empty() {
        let wrong = "is empty: add [tenants.NAME] for each value of the tenant claim that may call";
        return Err(root.refuse("tenants", wrong));
    }
    let mut tenants = Vec::new();
    for (name, mut section) in entries {
        tenants.push(read_one(&name, &mut section, apps));
    }
    tenants.into_iter().collect()
}

fn read_one(name: &str, section: &mut Section<'_>, apps: &[String]) -> Reading<TenantConfig> {
    let id = TenantId::parse(name).map_err(|wrong| section.refuse_all(wrong.to_string()));
    let app = section.need("app", &APP_KEY);
    if let Ok(app) = &app
        && !apps.is_empty()
        && !apps.iter().any(|name| name == app.as_str())
    {
        let hint = suggestion(app.as_str(), apps.iter().map(String::as_str));
        section.refuse("app", format!("is no app of [apps]{hint}"));
    }
    let rate_limit = quota::need(section, "rate_limit");
    let user_rate_limit = quota::maybe(section, "user_rate_limit");
    let max_in_flight = section.or("max_in_flight", &Count::within(1..=100_000), MAX_IN_FLIGHT);
    let max_users = section.or("max_users", &Count::within(1..=10_000_000), MAX_USERS);
    Ok(TenantConfig {
        id: id?,
        app: app?,
        rate_limit: rate_limit?,
        user_rate_limit: user_rate_limit?,
        max_in_flight: max_in_flight?,
        max_users: max_users?,
    })
}
