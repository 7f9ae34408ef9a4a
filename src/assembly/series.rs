//! Ties the numbers that other parts know about themselves to `/metrics`.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::parts::Parts;
use crate::admin::{InService, Need, Needs, Reloads};
use crate::config::Config;
use crate::limits::Loads;
use crate::server::{Capacity, ConnectionCount, Flood, Front, PhaseView};
use crate::shipping::{ConsumerStatus, Shipped};
use crate::telemetry::{Counters, MetricsBuilder, Place, Series, process, watched};
use crate::tenancy::{App, Tenant};
use crate::trail::{Retention, Trail};
use crate::vendor::BreakerState;

/// What the metrics are read from beside the parts; the same for as long as the gateway runs.
pub(super) struct Sources {
    pub(super) counters: Counters,
    pub(super) front: Front,
    pub(super) connections: ConnectionCount,
    pub(super) capacity: Arc<Capacity>,
    pub(super) phase: PhaseView,
    pub(super) started: Timestamp,
    /// How often the trail is to have a checkpoint.
    pub(super) checkpoints: Duration,
    /// How much of the trail is to be kept.
    pub(super) retention: Retention,
    pub(super) loads: Loads,
    pub(super) shipped: Shipped,
    pub(super) reloads: Arc<Reloads>,
}

/// Metrics for the tenants and apps of a configuration, as far as workers count.
pub(super) fn metrics(counters: &Counters, config: &Config) -> MetricsBuilder {
    let tenants = config.tenants.iter().map(|tenant| tenant.id.clone()).collect();
    let apps = config.apps.iter().map(|app| app.key.clone()).collect();
    MetricsBuilder::with(counters, tenants, apps)
}

impl Sources {
    /// What the admin port tells of these parts.
    pub(super) fn in_service(&self, mut metrics: MetricsBuilder, parts: &Parts) -> InService {
        let needs = Needs {
            keyring: parts.keyring.clone(),
            tenancy: Arc::clone(&parts.tenancy),
            trail: parts.trail.clone(),
            phase: self.phase.clone(),
            reloads: Arc::clone(&self.reloads),
        };
        watch_needs(&mut metrics, &needs);
        self.watch_load(&mut metrics);
        for app in parts.tenancy.apps() {
            watch_app(&mut metrics, app);
        }
        for tenant in parts.tenancy.tenants() {
            watch_tenant(&mut metrics, tenant);
        }
        watch_issuers(&mut metrics, parts);
        watch_trail(&mut metrics, &parts.trail);
        self.watch_checkpoints(&mut metrics, &parts.trail);
        self.watch_retention(&mut metrics);
        watch_front(&mut metrics, &self.front);
        watch_panics(&mut metrics);
        watch_shipping(&mut metrics, &self.shipped);
        watch_reloads(&mut metrics, &self.reloads);
        watch_process(&mut metrics, self.started);
        InService { needs, metrics: metrics.build() }
    }

    fn watch_load(&self, metrics: &mut MetricsBuilder) {
        let mut watch = |series, read: fn(&Loads) -> f64| {
            let loads = self.loads.clone();
            metrics.watch(series, &[], move || Some(read(&loads)));
        };
        watch(watched::REQUESTS_IN_FLIGHT, |loads| number(loads.in_flight() as u64));
        watch(watched::WORKER_LAG, |loads| loads.lag().as_secs_f64());
        watch(watched::WORKERS, |loads| number(loads.workers() as u64));
        let connections = self.connections.clone();
        let open = move || Some(number(connections.open() as u64));
        metrics.watch(watched::CONNECTIONS_OPEN, &["data"], open);
        let capacity = Arc::clone(&self.capacity);
        let max = move || Some(number(capacity.max_connections() as u64));
        metrics.watch(watched::CONNECTIONS_MAX, &[], max);
    }

    fn watch_checkpoints(&self, metrics: &mut MetricsBuilder, trail: &Trail) {
        let interval = self.checkpoints.as_secs_f64();
        metrics.watch(watched::AUDIT_CHECKPOINT_INTERVAL, &[], move || Some(interval));
        let known = trail.clone();
        let age = move || known.status().checkpoint.map(|last| seconds_since(last.time));
        metrics.watch(watched::AUDIT_CHECKPOINT_AGE, &[], age);
        let known = trail.clone();
        let unproved = move || Some(known.status().unproved_since.map_or(0.0, seconds_since));
        metrics.watch(watched::AUDIT_UNPROVED, &[], unproved);
    }

    fn watch_retention(&self, metrics: &mut MetricsBuilder) {
        let max = self.retention.max_bytes.map(number);
        metrics.watch(watched::AUDIT_MAX, &[], move || max);
    }
}

/// No less than 0, however the clock was set meanwhile.
fn seconds_since(time: Timestamp) -> f64 {
    Timestamp::now().duration_since(time).as_secs_f64().max(0.0)
}

fn watch_needs(metrics: &mut MetricsBuilder, needs: &Needs) {
    for need in Need::ALL {
        let needs = needs.clone();
        let met = move || Some(f64::from(u8::from(needs.are_met(need))));
        metrics.watch(watched::READY, &[need.as_str()], met);
    }
}

/// Of the process as such, by the names that programs share.
fn watch_process(metrics: &mut MetricsBuilder, started: Timestamp) {
    let started = Duration::from_millis(started.as_millisecond().unsigned_abs()).as_secs_f64();
    metrics.watch(watched::PROCESS_START, &[], move || Some(started));
    metrics.watch(watched::PROCESS_CPU, &[], || Some(process::cpu_seconds()));
    let mut watch =
        |series, read: fn() -> Option<u64>| metrics.watch(series, &[], move || read().map(number));
    watch(watched::PROCESS_MEMORY, process::resident_bytes);
    watch(watched::PROCESS_THREADS, process::threads);
    watch(watched::PROCESS_FDS, process::open_descriptors);
    watch(watched::PROCESS_FDS_MAX, process::max_descriptors);
}

fn watch_reloads(metrics: &mut MetricsBuilder, reloads: &Arc<Reloads>) {
    let known = Arc::clone(reloads);
    metrics.watch(watched::CONFIG_GENERATION, &[], move || Some(number(known.generation())));
    let known = Arc::clone(reloads);
    metrics.watch(watched::CONFIG_RELOADS, &["ok"], move || Some(number(known.succeeded())));
    let known = Arc::clone(reloads);
    metrics.watch(watched::CONFIG_RELOADS, &["failed"], move || Some(number(known.failed())));
    let known = Arc::clone(reloads);
    metrics.watch(watched::CONFIG_CURRENT, &[], move || Some(f64::from(u8::from(known.is_current()))));
}

/// Counts fit a float exactly up to 2⁵³.
#[expect(clippy::cast_precision_loss, reason = "a scrape has floats, and the loss begins at 2⁵³")]
fn number(count: u64) -> f64 {
    count as f64
}

fn watch_tenant(metrics: &mut MetricsBuilder, tenant: &Arc<Tenant>) {
    let id = tenant.id.as_str();
    let known = Arc::clone(tenant);
    let in_flight = move || Some(number(known.in_flight.current() as u64));
    metrics.watch(watched::TENANT_IN_FLIGHT, &[id], in_flight);
    let max = number(tenant.in_flight.max() as u64);
    metrics.watch(watched::TENANT_IN_FLIGHT_MAX, &[id], move || Some(max));
    let limit = tenant.rate.quota().per_second();
    metrics.watch(watched::TENANT_LIMIT, &[id], move || Some(limit));
}

fn watch_panics(metrics: &mut MetricsBuilder) {
    for place in Place::ALL {
        metrics.watch(watched::PANICS, &[place.as_str()], move || Some(number(place.panics())));
    }
}

/// Adds the series of what stands before every request.
fn watch_front(metrics: &mut MetricsBuilder, front: &Front) {
    if let Some(certificates) = front.tls.clone() {
        let left = move || Some(certificates.current().expires_in());
        metrics.watch(watched::TLS_CERTIFICATE_EXPIRY, &[], left);
    }
    let misbehaviour = front.misbehaviour.clone();
    let handshakes = move || Some(number(misbehaviour.handshakes()));
    metrics.watch(watched::TLS_HANDSHAKES_FAILED, &[], handshakes);
    for kind in Flood::ALL {
        let misbehaviour = front.misbehaviour.clone();
        let floods = move || Some(number(misbehaviour.floods(kind)));
        metrics.watch(watched::FRAME_FLOODS, &[kind.as_str()], floods);
    }
}

fn watch_app(metrics: &mut MetricsBuilder, app: &App) {
    let key = app.key.as_str();
    let seconds = |duration: Option<Duration>| duration.map(|duration| duration.as_secs_f64());
    let token = app.token.clone();
    metrics.watch(watched::VENDOR_TOKEN_AGE, &[key], move || seconds(token.status().age));
    let token = app.token.clone();
    metrics.watch(watched::VENDOR_TOKEN_EXPIRY, &[key], move || seconds(token.status().expires_in));
    let token = app.token.clone();
    let succeeded = move || {
        let status = token.status();
        Some(number(status.fetches - status.failed_fetches))
    };
    metrics.watch(watched::VENDOR_TOKEN_FETCHES, &[key, "ok"], succeeded);
    let token = app.token.clone();
    let failed = move || Some(number(token.status().failed_fetches));
    metrics.watch(watched::VENDOR_TOKEN_FETCHES, &[key, "failed"], failed);
    for state in BreakerState::ALL {
        let breaker = Arc::clone(&app.breaker);
        let is_in = move || Some(f64::from(u8::from(breaker.status().state == state)));
        metrics.watch(watched::VENDOR_CIRCUIT, &[key, state.as_str()], is_in);
    }
    let breaker = Arc::clone(&app.breaker);
    metrics.watch(watched::VENDOR_CIRCUIT_OPENINGS, &[key], move || Some(number(breaker.status().openings)));
    let pause = Arc::clone(&app.pause);
    metrics.watch(watched::VENDOR_PAUSES, &[key], move || Some(number(pause.begun())));
    let budget = app.budget.quota().per_second();
    metrics.watch(watched::VENDOR_BUDGET, &[key], move || Some(budget));
}

fn watch_issuers(metrics: &mut MetricsBuilder, parts: &Parts) {
    for (index, issuer) in parts.keyring.status().into_iter().enumerate() {
        let keyring = parts.keyring.clone();
        let age = move || keyring.status().get(index).and_then(|issuer| issuer.age_seconds).map(number);
        metrics.watch(watched::JWKS_AGE, &[&issuer.issuer], age);
        let keyring = parts.keyring.clone();
        let left =
            move || keyring.status().get(index).and_then(|issuer| issuer.expires_in_seconds).map(number);
        metrics.watch(watched::JWKS_EXPIRY, &[&issuer.issuer], left);
        let keyring = parts.keyring.clone();
        let keys = move || keyring.status().get(index).map(|issuer| number(issuer.keys as u64));
        metrics.watch(watched::JWKS_KEYS, &[&issuer.issuer], keys);
    }
}

/// `read` takes a number out of a consumer's status.
fn watch_consumers(
    metrics: &mut MetricsBuilder,
    shipped: &Shipped,
    series: Series,
    read: fn(&ConsumerStatus) -> f64,
) {
    for (index, consumer) in shipped.status().iter().enumerate() {
        let shipped = shipped.clone();
        let value = move || shipped.status().get(index).map(read);
        metrics.watch(series, &[&consumer.consumer], value);
    }
}

fn watch_shipping(metrics: &mut MetricsBuilder, shipped: &Shipped) {
    watch_consumers(metrics, shipped, watched::AUDIT_SHIP_LAG, |status| number(status.lag_records));
    watch_consumers(metrics, shipped, watched::AUDIT_SHIP_AGE, |status| status.lag_seconds);
    watch_consumers(metrics, shipped, watched::AUDIT_SHIPPED, |status| number(status.shipped_records));
    watch_consumers(metrics, shipped, watched::AUDIT_SHIP_FAILURES, |status| number(status.failures));
}

fn watch_trail(metrics: &mut MetricsBuilder, trail: &Trail) {
    let mut watch = |series, read: fn(&Trail) -> f64| {
        let trail = trail.clone();
        metrics.watch(series, &[], move || Some(read(&trail)));
    };
    watch(watched::AUDIT_SEQUENCE, |trail| number(trail.status().last_sequence));
    watch(watched::AUDIT_QUEUE, |trail| number(trail.status().queued));
    watch(watched::AUDIT_WRITABLE, |trail| f64::from(u8::from(trail.is_writable())));
    watch(watched::AUDIT_SYNCS, |trail| number(trail.status().syncs));
    watch(watched::AUDIT_SYNC_SECONDS, |trail| Duration::from_micros(trail.status().sync_us).as_secs_f64());
    watch(watched::AUDIT_FAULTS, |trail| number(trail.status().faults));
    watch(watched::AUDIT_SEGMENTS, |trail| number(trail.kept().segments));
    watch(watched::AUDIT_BYTES, |trail| number(trail.kept().bytes));
    watch(watched::AUDIT_AVAILABLE, |trail| number(trail.kept().available_bytes));
}
