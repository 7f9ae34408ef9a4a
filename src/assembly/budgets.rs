//! Whether an app's budget is enough for its tenants. Where it is not, a tenant that keeps within its own limit can use
//! up what the vendor grants to all of them, and the others are answered 503: no limit of theirs, and none of its own,
//! stands against it.

use crate::config::{AppConfig, Config, TenantConfig};
use crate::limits::Quota;

/// Says for which apps that is so, where several tenants share one.
pub(super) fn warn_of_small_budgets(config: &Config) {
    for app in &config.apps {
        let tenants: Vec<_> = config.tenants.iter().filter(|tenant| tenant.app == app.key).collect();
        if tenants.len() > 1 && !suffices(app, &tenants) {
            tracing::warn!(
                app = %app.key,
                tenants = tenants.len(),
                "the tenants of this app may call more often together than its budget allows: while one of them does, \
                 the others are refused; lower their rate_limit"
            );
        }
    }
}

fn suffices(app: &AppConfig, tenants: &[&TenantConfig]) -> bool {
    let wanted: f64 = tenants.iter().map(|tenant| each_second(&tenant.rate_limit)).sum();
    // Rates that add up to the budget exactly may differ from it in the last digit.
    wanted <= each_second(&app.budget) * 1.000_001
}

fn each_second(quota: &Quota) -> f64 {
    quota.interval().as_secs_f64().recip()
}
