use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

use super::counters::Counters;
use super::series::{Series, Watched};
use super::totals::Totals;
use super::worker::{AppSlot, TenantSlot, WorkerMetrics};
use crate::domain::{AppKey, TenantId};

/// The media type of [`Metrics::render`]: the text format of `OpenMetrics` 1.0.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Gathers what is to be told, for each configuration anew. Labels are the configured names and closed lists, so
/// nothing that callers send makes it grow.
#[derive(Debug)]
pub struct MetricsBuilder {
    totals: Totals,
    watched: Vec<Watched>,
}

impl MetricsBuilder {
    /// Counters for these tenants and apps, with no worker yet.
    pub fn new(tenants: Vec<TenantId>, apps: Vec<AppKey>) -> Self {
        Self::with(&Counters::default(), tenants, apps)
    }

    /// Of `counters`, those for these tenants and apps.
    pub fn with(counters: &Counters, tenants: Vec<TenantId>, apps: Vec<AppKey>) -> Self {
        let (tenants, apps) = (counters.tenants(tenants), counters.apps(apps));
        let totals = Totals { tenants, apps, counters: counters.clone() };
        Self { totals, watched: Vec::new() }
    }

    /// Counters of one more worker's own.
    pub fn worker(&self) -> WorkerMetrics {
        self.totals.counters.worker()
    }

    /// Where workers count for `tenant`; `None` when it is not configured.
    pub fn tenant(&self, tenant: &TenantId) -> Option<TenantSlot> {
        self.totals.tenants.get(tenant).copied()
    }

    /// Where workers count for `app`; `None` when it is not configured.
    pub fn app(&self, app: &AppKey) -> Option<AppSlot> {
        self.totals.apps.get(app).copied()
    }

    /// Adds a sample of `series` with the `values` of its labels. `read` is asked at each scrape, on the control
    /// plane; the sample is left out when it says `None`.
    pub fn watch(
        &mut self,
        series: Series,
        values: &[&str],
        read: impl Fn() -> Option<f64> + Send + Sync + 'static,
    ) {
        let read = Box::new(read);
        if let Some(watched) = self.watched.iter_mut().find(|watched| watched.is_of(&series)) {
            watched.add(values, read);
        } else {
            let mut watched = Watched::new(series);
            watched.add(values, read);
            self.watched.push(watched);
        }
    }

    /// Ends the gathering.
    pub fn build(self) -> Metrics {
        let mut all = Registry::default();
        let (process, watched): (Vec<_>, Vec<_>) = self.watched.into_iter().partition(Watched::is_of_process);
        for watched in process {
            all.register_collector(Box::new(watched));
        }
        let registry = all.sub_registry_with_prefix("confgate");
        let version = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
        registry.register("build", "The program that runs", version);
        registry.register_collector(Box::new(self.totals));
        for watched in watched {
            registry.register_collector(Box::new(watched));
        }
        Metrics { registry: all }
    }
}

/// Every number that the program tells about itself.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
}

impl Metrics {
    /// All of it now, as [`CONTENT_TYPE`].
    pub fn render(&self) -> String {
        let mut text = String::new();
        if encode(&mut text, &self.registry).is_err() {
            tracing::error!("the metrics could not be rendered whole");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, HashSet};
    use std::sync::Arc;
    use std::time::Duration;

    use super::super::watched::{AUDIT_SYNCS, PROCESS_CPU, VENDOR_TOKEN_AGE};
    use super::super::worker::{Answered, Limit, VendorAnswer};
    use super::*;
    use crate::domain::{Action, Code};

    fn builder() -> MetricsBuilder {
        let tenants = ["crm", "shop"].map(|name| TenantId::parse(name).unwrap());
        MetricsBuilder::new(tenants.to_vec(), vec![AppKey::parse("meet").unwrap()])
    }

    /// Every sample by its name and labels as written, after checking the form: each sample belongs to the family
    /// declared before it, no family or sample comes twice, and the text ends as it must.
    fn samples(text: &str) -> BTreeMap<String, f64> {
        let body = text.strip_suffix("# EOF\n").expect("the end is marked");
        let (mut families, mut samples, mut family) = (HashSet::new(), BTreeMap::new(), "");
        for line in body.lines() {
            if let Some(declared) = line.strip_prefix("# TYPE ") {
                family = declared.split(' ').next().unwrap();
                assert!(families.insert(family), "{family} comes twice");
            } else if !line.starts_with('#') {
                let (name, value) = line.rsplit_once(' ').unwrap();
                let is_ours = name.starts_with("confgate_") || name.starts_with("process_");
                assert!(is_ours && name.starts_with(family), "{line}");
                let previous = samples.insert(name.to_owned(), value.parse().unwrap());
                assert_eq!(previous, None, "{name} comes twice");
            }
        }
        samples
    }

    #[test]
    fn workers_add_up() {
        let builder = builder();
        let (tenant, app) = (TenantId::parse("shop").unwrap(), AppKey::parse("meet").unwrap());
        let (tenant, app) = (builder.tenant(&tenant).unwrap(), builder.app(&app).unwrap());
        let workers = [builder.worker(), builder.worker()];
        let metrics = builder.build();
        for worker in &workers {
            worker.request(Some(Action::Kick), Answered::Vendor, Duration::from_millis(3));
            worker.request(None, Answered::Gateway(Code::RouteUnknown), Duration::ZERO);
            worker.vendor_call(app, VendorAnswer::of_status(404), Duration::from_millis(2));
            worker.limited(tenant, Limit::User);
            worker.admitted(tenant);
            worker.signature_checked(true);
        }
        let samples = samples(&metrics.render());
        let expected = [
            (r#"confgate_requests_total{action="kick",code="ok"}"#, 2.0),
            (r#"confgate_requests_total{action="none",code="route_unknown"}"#, 2.0),
            (r#"confgate_requests_total{action="get",code="ok"}"#, 0.0),
            (r#"confgate_request_duration_seconds_count{action="kick"}"#, 2.0),
            (r#"confgate_request_duration_seconds_bucket{le="0.0025",action="kick"}"#, 0.0),
            (r#"confgate_request_duration_seconds_bucket{le="0.005",action="kick"}"#, 2.0),
            (r#"confgate_request_duration_seconds_bucket{le="+Inf",action="kick"}"#, 2.0),
            (r#"confgate_request_duration_seconds_sum{action="kick"}"#, 0.006),
            (r#"confgate_vendor_calls_total{app="meet",answer="4xx"}"#, 2.0),
            (r#"confgate_vendor_duration_seconds_sum{app="meet"}"#, 0.004),
            (r#"confgate_signatures_checked_total{result="good"}"#, 2.0),
            (r#"confgate_signatures_checked_total{result="bad"}"#, 0.0),
            (r#"confgate_tenant_admitted_total{tenant="shop"}"#, 2.0),
            (r#"confgate_tenant_admitted_total{tenant="crm"}"#, 0.0),
            (r#"confgate_tenant_limited_total{tenant="shop",limit="user"}"#, 2.0),
            (r#"confgate_tenant_limited_total{tenant="crm",limit="user"}"#, 0.0),
        ];
        for (name, value) in expected {
            assert_eq!(samples.get(name), Some(&value), "{name} in {samples:#?}");
        }
        assert!(
            samples
                .contains_key(&format!(r#"confgate_build_info{{version="{}"}}"#, env!("CARGO_PKG_VERSION")))
        );
    }

    #[test]
    fn what_was_counted_outlives_a_configuration() {
        let name = |name| TenantId::parse(name).unwrap();
        let counters = Counters::default();
        let first = MetricsBuilder::with(&counters, vec![name("crm"), name("shop")], vec![]);
        let worker = first.worker();
        worker.limited(first.tenant(&name("shop")).unwrap(), Limit::Tenant);
        let second = MetricsBuilder::with(&counters, vec![name("new"), name("shop")], vec![]);
        worker.limited(second.tenant(&name("new")).unwrap(), Limit::Tenant);
        worker.limited(second.tenant(&name("shop")).unwrap(), Limit::Tenant);
        assert_eq!(second.tenant(&name("crm")), None);
        let samples = samples(&second.build().render());
        let limited = |tenant| {
            samples.get(&format!(r#"confgate_tenant_limited_total{{tenant="{tenant}",limit="tenant"}}"#))
        };
        assert_eq!((limited("new"), limited("shop"), limited("crm")), (Some(&1.0), Some(&2.0), None));
    }

    #[test]
    fn what_others_know_is_read_at_each_scrape() {
        let mut builder = builder();
        let reads = Arc::new(std::sync::atomic::AtomicU32::new(0));
        let read = Arc::clone(&reads);
        let next = move || Some(f64::from(read.fetch_add(1, std::sync::atomic::Ordering::Relaxed)));
        builder.watch(VENDOR_TOKEN_AGE, &["meet"], || Some(1.5));
        builder.watch(AUDIT_SYNCS, &[], next);
        builder.watch(VENDOR_TOKEN_AGE, &["other"], || Some(2.5));
        builder.watch(VENDOR_TOKEN_AGE, &["without"], || None);
        builder.watch(PROCESS_CPU, &[], || Some(0.25));
        let metrics = builder.build();
        for scrape in [0.0, 1.0] {
            let samples = samples(&metrics.render());
            assert_eq!(samples.get("confgate_audit_syncs_total"), Some(&scrape));
            assert_eq!(samples.get("process_cpu_seconds_total"), Some(&0.25), "a name that programs share");
            let ages: Vec<_> = samples.iter().filter(|(name, _)| name.contains("token_age")).collect();
            assert_eq!(
                ages,
                [
                    (&r#"confgate_vendor_token_age_seconds{app="meet"}"#.to_owned(), &1.5),
                    (&r#"confgate_vendor_token_age_seconds{app="other"}"#.to_owned(), &2.5),
                ]
            );
        }
    }

    #[test]
    fn unknown_names_have_no_place() {
        assert_eq!(builder().tenant(&TenantId::parse("stranger").unwrap()), None);
        assert_eq!(builder().app(&AppKey::parse("stranger").unwrap()), None);
    }
}
