//! Numbers that alerts need, held to what happens.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::support::admin::until_metric;
use crate::support::issuer::Issuer;
use crate::support::server::Reply;
use crate::support::vendor::Vendor;
use crate::support::world::World;

#[tokio::test]
async fn what_readiness_lacks_is_a_number_each() {
    let (vendor, issuer) = (Vendor::start().await, Issuer::start().await);
    issuer.answer_with(Reply::status(500));
    let world = World::around(vendor, issuer, &[]).await;
    world.issuer.wait_for_fetches(1).await;
    for (check, met) in [("serving", "1"), ("keys", "0"), ("trail", "1"), ("vendor_tokens", "1")] {
        until_metric(world.admin, &format!("confgate_ready{{check=\"{check}\"}}"), |value| {
            value.to_string() == met
        })
        .await;
    }
    assert!(!world.metrics().await.contains("confgate_jwks_expires_in_seconds{"), "there are no keys");

    let mut world = World::start().await;
    for check in ["serving", "keys", "trail", "vendor_tokens"] {
        assert_eq!(world.metric(&format!("confgate_ready{{check=\"{check}\"}}")).await.to_string(), "1");
    }
    let left = world.metric(r#"confgate_jwks_expires_in_seconds{issuer="https://issuer.test"}"#).await;
    assert!((3_500.0..=3_600.0).contains(&left), "{left} of authn.keys_max_age");
    assert!(!world.ended().await);
}

#[tokio::test]
async fn a_tenants_requests_are_counted_beside_its_limits() {
    let changes = [("TENANTS__CRM__RATE_LIMIT__PER", "24h"), ("TENANTS__CRM__RATE_LIMIT__BURST", "2")];
    let world = World::with(&changes).await;
    let mut statuses = Vec::new();
    for _ in 0..3 {
        statuses.push(world.call("GET", "/conferences/IM3", "").await.status);
    }
    assert_eq!(statuses, [200, 200, 429]);
    assert_eq!(world.vendor.calls().len(), 2);
    assert_eq!(world.call("DELETE", "/nothing", "").await.status, 404);
    for (sample, value) in [
        (r#"confgate_tenant_admitted_total{tenant="crm"}"#, "2"),
        (r#"confgate_tenant_admitted_total{tenant="acme"}"#, "0"),
        (r#"confgate_tenant_limited_total{tenant="crm",limit="tenant"}"#, "1"),
        (r#"confgate_tenant_limit_requests_per_second{tenant="acme"}"#, "1000"),
        (r#"confgate_tenant_in_flight_max{tenant="crm"}"#, "1000"),
        (r#"confgate_vendor_budget_requests_per_second{app="meet"}"#, "10000"),
    ] {
        assert_eq!(world.metric(sample).await.to_string(), value, "{sample}");
    }
    let daily = world.metric(r#"confgate_tenant_limit_requests_per_second{tenant="crm"}"#).await;
    assert!((daily - 1_000.0 / 86_400.0).abs() < 1e-9, "{daily}");

    world.edit("max_in_flight = 1000", "max_in_flight = 7");
    world.reload();
    until_metric(world.admin, r#"confgate_tenant_in_flight_max{tenant="crm"}"#, |max| max.to_string() == "7")
        .await;
    assert_eq!(world.metric(r#"confgate_tenant_admitted_total{tenant="crm"}"#).await.to_string(), "2");
}

#[tokio::test]
async fn a_pause_that_the_vendor_asks_for_is_counted() {
    let world = World::start().await;
    let pauses = r#"confgate_vendor_pauses_total{app="meet"}"#;
    assert_eq!(world.metric(pauses).await.to_string(), "0");
    world.vendor.script(Reply::status(429));
    assert_eq!(world.call("GET", "/conferences/IM3", "").await.status, 429);
    assert_eq!(world.call("GET", "/conferences/IM3", "").await.status, 503);
    assert_eq!(world.vendor.calls().len(), 1);
    assert_eq!(world.metric(pauses).await.to_string(), "1");
    assert_eq!(world.metric(r#"confgate_vendor_pauses_total{app="other"}"#).await.to_string(), "0");
}

#[tokio::test]
async fn records_are_without_a_checkpoint_until_there_is_one() {
    let world = World::with(&[("AUDIT__CHECKPOINTS__EVERY", "1h")]).await;
    // The start is vouched for by a checkpoint at once.
    until_metric(world.admin, "confgate_audit_unproved_seconds", |age| age <= 0.0).await;
    assert_eq!(world.call("GET", "/conferences/IM3", "").await.status, 200);
    until_metric(world.admin, "confgate_audit_unproved_seconds", |age| age > 0.0).await;
    assert_eq!(world.metric("confgate_audit_checkpoint_interval_seconds").await.to_string(), "3600");
    let age = world.metric("confgate_audit_checkpoint_age_seconds").await;
    assert!(age >= world.metric("confgate_audit_unproved_seconds").await - 1.0, "{age}");

    let world = World::with(&[("AUDIT__CHECKPOINTS__EVERY", "1s")]).await;
    assert_eq!(world.call("GET", "/conferences/IM3", "").await.status, 200);
    let outcome = |records: &[serde_json::Value]| {
        records.iter().find(|record| record["kind"] == "outcome").and_then(|record| record["seq"].as_u64())
    };
    let recorded = world.trail.wait_until("the outcome", outcome).await;
    let proved =
        |status: &serde_json::Value| status["trail"]["checkpoint"]["sequence"].as_u64() >= Some(recorded);
    world.until_status("a checkpoint after it", proved).await;
    until_metric(world.admin, "confgate_audit_unproved_seconds", |age| age <= 0.0).await;
    let unproved = &world.status().await["trail"]["unproved_since"];
    assert!(unproved.is_null(), "{unproved}");
}

#[tokio::test]
async fn what_the_trail_may_take_up_is_told_as_it_is_in_effect() {
    let world = World::with(&[("AUDIT__RETENTION__MAX_SIZE", "768MiB")]).await;
    let max = world.metric("confgate_audit_max_bytes").await;
    assert_eq!(max.to_string(), (768 << 20).to_string());
    assert!(world.metric("confgate_audit_bytes").await < max);

    let world = World::start().await;
    world.edit("[audit.floods]", "[audit.retention]\nmax_size = \"1GiB\"\n\n[audit.floods]");
    world.reload();
    let waits = |status: &serde_json::Value| {
        status["configuration"]["needs_restart"] == serde_json::json!(["audit.retention.max_size"])
    };
    world.until_status("a limit that takes a restart", waits).await;
    assert!(!world.metrics().await.contains("\nconfgate_audit_max_bytes"), "nothing is removed yet");
}

#[tokio::test]
async fn the_process_tells_what_it_takes_up() {
    let world = World::with(&[("LISTEN__MAX_CONNECTIONS", "123")]).await;
    assert_eq!(world.metric("confgate_workers").await.to_string(), "2");
    assert_eq!(world.metric("confgate_connections_max").await.to_string(), "123");
    assert!(world.metric("process_cpu_seconds_total").await > 0.0);
    assert!(world.metric("process_resident_memory_bytes").await > 1_000_000.0);
    assert!(world.metric("process_threads").await > 2.0);
    let (open, max) = (world.metric("process_open_fds").await, world.metric("process_max_fds").await);
    assert!(3.0 < open && open < max, "{open} of {max}");
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock").as_secs_f64();
    let started = world.metric("process_start_time_seconds").await;
    assert!(started <= now && now - started < 60.0, "{started} is not just before {now}");
}
