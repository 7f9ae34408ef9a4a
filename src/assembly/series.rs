//! Ties the numbers that other parts know about themselves to `/metrics`.

use std::sync::Arc;
use std::time::Duration;

use super::parts::Parts;
use crate::admin::{InService, Reloads};
use crate::config::Config;
use crate::limits::Loads;
use crate::server::{ConnectionCount, Flood, Front};
use crate::shipping::{ConsumerStatus, Shipped};
use crate::telemetry::{Counters, MetricsBuilder, Place, Series, watched};
use crate::trail::Trail;
use crate::vendor::BreakerState;

/// What the metrics are read from beside the parts; the same for as long as the gateway runs.
pub(super) struct Sources {
    pub(super) counters: Counters,
    pub(super) front: Front,
    pub(super) connections: ConnectionCount,
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
        watch(&mut metrics, parts, &self.connections, &self.loads);
        watch_front(&mut metrics, &self.front);
        watch_shipping(&mut metrics, &self.shipped);
        watch_reloads(&mut metrics, &self.reloads);
        InService {
            keyring: parts.keyring.clone(),
            tenancy: Arc::clone(&parts.tenancy),
            metrics: metrics.build(),
        }
    }
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

fn watch(metrics: &mut MetricsBuilder, parts: &Parts, connections: &ConnectionCount, loads: &Loads) {
    watch_apps(metrics, parts);
    watch_issuers(metrics, parts);
    watch_trail(metrics, &parts.trail);
    for tenant in parts.tenancy.tenants() {
        let known = Arc::clone(tenant);
        let in_flight = move || Some(number(known.in_flight.current() as u64));
        metrics.watch(watched::TENANT_IN_FLIGHT, &[tenant.id.as_str()], in_flight);
    }
    for place in Place::ALL {
        metrics.watch(watched::PANICS, &[place.as_str()], move || Some(number(place.panics())));
    }
    let busy = loads.clone();
    metrics.watch(watched::REQUESTS_IN_FLIGHT, &[], move || Some(number(busy.in_flight() as u64)));
    let lagging = loads.clone();
    metrics.watch(watched::WORKER_LAG, &[], move || Some(lagging.lag().as_secs_f64()));
    let connections = connections.clone();
    let open = move || Some(number(connections.open() as u64));
    metrics.watch(watched::CONNECTIONS_OPEN, &["data"], open);
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

fn watch_apps(metrics: &mut MetricsBuilder, parts: &Parts) {
    for app in parts.tenancy.apps() {
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
        let openings = move || Some(number(breaker.status().openings));
        metrics.watch(watched::VENDOR_CIRCUIT_OPENINGS, &[key], openings);
    }
}

fn watch_issuers(metrics: &mut MetricsBuilder, parts: &Parts) {
    for (index, issuer) in parts.keyring.status().into_iter().enumerate() {
        let keyring = parts.keyring.clone();
        let age = move || keyring.status().get(index).and_then(|issuer| issuer.age_seconds).map(number);
        metrics.watch(watched::JWKS_AGE, &[&issuer.issuer], age);
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
