//! The admin port: what probes, Prometheus and people are told.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::support::client::{self, Answer};
use crate::support::configuration::CLIENT_SECRET;
use crate::support::issuer::Issuer;
use crate::support::server::Reply;
use crate::support::vendor::Vendor;
use crate::support::world::World;
use crate::support::{CREATE, admin};

async fn get(world: &World, path: &str) -> Answer {
    client::send(world.admin, "GET", path, &[], "").await
}

/// Every sample by name and labels, after checking each line of the text.
fn samples(text: &str) -> BTreeMap<String, f64> {
    let body = text.strip_suffix("# EOF\n").expect("the end is marked");
    let (mut samples, mut family, mut families) = (BTreeMap::new(), "", Vec::new());
    for line in body.lines() {
        if let Some(comment) = line.strip_prefix("# ") {
            let mut words = comment.splitn(3, ' ');
            let (kind, name, rest) = (words.next(), words.next().expect(line), words.next().expect(line));
            match kind {
                Some("TYPE") => assert!(["counter", "gauge", "histogram", "info"].contains(&rest), "{line}"),
                Some("HELP") => assert!(rest.ends_with('.'), "{line}"),
                _ => panic!("{line}"),
            }
            if name != family {
                assert!(!families.contains(&name), "{name} is declared twice");
                families.push(name);
            }
            family = name;
            continue;
        }
        let (sample, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("{line:?}"));
        let name = sample.split('{').next().expect("a name");
        assert!(name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'), "{line}");
        let is_ours = name.starts_with("confgate_") || name.starts_with("process_");
        assert!(is_ours && name.starts_with(family), "{line}");
        if let Some(labels) = sample.strip_prefix(name).filter(|labels| !labels.is_empty()) {
            let labels = labels.strip_prefix('{').and_then(|labels| labels.strip_suffix('}')).expect(line);
            for label in labels.split("\",") {
                let (key, value) = label.split_once("=\"").unwrap_or_else(|| panic!("{line}"));
                assert!(key.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'), "{line}");
                assert!(!value.contains('\\'), "{line}");
            }
        }
        let value: f64 = value.parse().unwrap_or_else(|error| panic!("{error} in {line}"));
        assert_eq!(samples.insert(sample.to_owned(), value), None, "{sample} comes twice");
    }
    samples
}

#[tokio::test]
async fn the_metrics_are_well_formed_and_agree_with_what_was_done() {
    let world = World::start().await;
    let before = samples(&world.metrics().await);
    assert_eq!(before.get(r#"confgate_requests_total{action="create",code="ok"}"#), Some(&0.0));
    world.vendor.script(Reply::status(500));
    assert_eq!(world.call("POST", "/conferences", CREATE).await.status, 500);
    for _ in 0..2 {
        assert_eq!(world.call("POST", "/conferences", CREATE).await.status, 200);
    }
    assert_eq!(world.call("GET", "/conferences/IM3", "").await.status, 200);
    assert_eq!(world.call("GET", "/nothing", "").await.status, 404);
    assert_eq!(world.call_as("Bearer x", "DELETE", "/conferences/IM3", "").await.status, 401);
    let mut malformed = client::Connection::open(world.address).await;
    malformed.write("GARBAGE\r\n\r\n").await;
    assert_eq!(malformed.answer("GET").await.status, 400);
    world
        .trail
        .wait_until("seven outcomes", |records| {
            (records.iter().filter(|record| record["kind"] == "outcome").count() == 7).then_some(())
        })
        .await;

    // A line is counted a moment after it is in the file.
    let written = |records: f64| records.to_string() == world.trail.records().len().to_string();
    admin::until_metric(world.admin, "confgate_audit_records_total", written).await;
    let answer = get(&world, "/metrics").await;
    assert!(
        answer.header("content-type").is_some_and(|value| value.starts_with("application/openmetrics-text"))
    );
    let after = samples(&answer.text());
    let records = world.trail.records();
    #[expect(clippy::cast_precision_loss, reason = "a handful")]
    let last = records.len() as f64;
    for (sample, value) in [
        (r#"confgate_requests_total{action="create",code="ok"}"#, 3.0),
        (r#"confgate_requests_total{action="get",code="ok"}"#, 1.0),
        (r#"confgate_requests_total{action="none",code="route_unknown"}"#, 1.0),
        (r#"confgate_requests_total{action="none",code="request_malformed"}"#, 1.0),
        (r#"confgate_requests_total{action="dissolve",code="token_malformed"}"#, 1.0),
        (r#"confgate_request_duration_seconds_count{action="create"}"#, 3.0),
        (r#"confgate_vendor_calls_total{app="meet",answer="2xx"}"#, 3.0),
        (r#"confgate_vendor_calls_total{app="meet",answer="5xx"}"#, 1.0),
        (r#"confgate_vendor_calls_total{app="other",answer="2xx"}"#, 0.0),
        (r#"confgate_vendor_token_fetches_total{app="meet",result="ok"}"#, 1.0),
        (r#"confgate_jwks_keys{issuer="https://issuer.test"}"#, 4.0),
        (r#"confgate_tenant_in_flight{tenant="crm"}"#, 0.0),
        ("confgate_audit_records_total", last),
        ("confgate_audit_writable", 1.0),
        ("confgate_audit_queue_records", 0.0),
    ] {
        assert_eq!(after.get(sample), Some(&value), "{sample} in {}", answer.text());
    }
    let requests = after.iter().filter(|(name, _)| name.starts_with("confgate_requests_total"));
    assert_eq!(requests.map(|(_, count)| count).sum::<f64>().to_string(), "7");
    for (sample, value) in &before {
        let counts = sample.contains("_total") || sample.contains("_count") || sample.contains("_bucket");
        assert!(!counts || after[sample] >= *value, "{sample} went back");
    }
}

#[tokio::test]
async fn a_gateway_that_serves_is_alive_and_ready() {
    let world = World::start().await;
    let live = get(&world, "/livez").await;
    assert_eq!((live.status, live.text().as_str()), (200, "ok\n"));
    let ready = get(&world, "/readyz").await;
    assert_eq!((ready.status, ready.header("content-type")), (200, Some("application/json")));
    let checks = json!({
        "ready": true, "serving": "ok", "keys": "ok", "trail": "ok", "vendor_tokens": "ok",
        "vendor_token/meet": "ok", "vendor_token/other": "ok",
    });
    assert_eq!(ready.json(), checks);
}

#[tokio::test]
async fn the_trouble_of_one_app_turns_nobody_elses_callers_away() {
    let (vendor, issuer) = (Vendor::start().await, Issuer::start().await);
    vendor.script_token(Reply::json(400, &json!({"error": "invalid_grant"})));
    let world =
        World::around(vendor, issuer, &[("VENDOR__MIN_INTERVAL", "1h"), ("VENDOR__MAX_BACKOFF", "1h")]).await;
    // It is ready as soon as one of them has its token; what became of the other may be known later.
    let apps = ["vendor_token/meet", "vendor_token/other"];
    let refused = |checks: &Value| apps.iter().any(|app| checks[app].to_string().contains("400"));
    let known = |answer: &Answer| answer.status == 200 && refused(&answer.json());
    let checks = admin::until_readyz(world.admin, known).await.json();
    let told = apps.map(|app| &checks[app]);
    assert_eq!(checks["ready"], true);
    assert_eq!(told.iter().filter(|told| **told == "ok").count(), 1, "{checks}");
    let call = async |tenant: &str| {
        let token = world.issuer.token().claim("tenant", tenant).bearer();
        world.call_as(&token, "GET", "/conferences/IM3", "").await.status
    };
    let mut statuses = [call("crm").await, call("acme").await];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 503]);
}

#[tokio::test]
async fn a_gateway_without_keys_or_tokens_is_alive_and_says_what_it_lacks() {
    let (vendor, issuer) = (Vendor::start().await, Issuer::start().await);
    issuer.answer_with(Reply::status(500));
    let refusal =
        json!({"error": "invalid_grant", "error_description": "client_id or client_secret is wrong"});
    for _ in 0..4 {
        vendor.script_token(Reply::json(400, &refusal));
    }
    let world =
        World::around(vendor, issuer, &[("VENDOR__MIN_INTERVAL", "1h"), ("VENDOR__MAX_BACKOFF", "1h")]).await;
    world.vendor.wait_for_tokens(2).await;
    world.issuer.wait_for_fetches(1).await;
    let looking = async {
        loop {
            let checks = get(&world, "/readyz").await;
            let text = checks.text();
            if text.matches("400").count() == 2 && text.contains("500") {
                break checks;
            }
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    };
    let checks = crate::support::within("the reasons to be told", looking).await;
    assert_eq!((checks.status, &checks.json()["ready"]), (503, &json!(false)));
    assert!(checks.json()["keys"].as_str().is_some_and(|told| told.contains("https://issuer.test")));
    assert_eq!(
        (checks.json()["serving"].clone(), checks.json()["trail"].clone()),
        (json!("ok"), json!("ok"))
    );
    assert_eq!(get(&world, "/livez").await.status, 200);
    let status = world.status().await;
    assert_eq!(status["ready"]["ready"], false);
    assert_eq!(status["apps"][0]["token"]["present"], false);
}

#[tokio::test]
async fn the_status_tells_what_there_is() {
    let world = World::with(&[
        ("TENANTS__CRM__USER_RATE_LIMIT__RATE", "500"),
        ("TENANTS__CRM__USER_RATE_LIMIT__PER", "1s"),
        ("TENANTS__CRM__USER_RATE_LIMIT__BURST", "500"),
    ])
    .await;
    assert_eq!(world.call("GET", "/conferences/IM3", "").await.status, 200);
    let status = world.status().await;
    assert_eq!(
        (&status["version"], &status["phase"]),
        (&json!(env!("CARGO_PKG_VERSION")), &json!("serving"))
    );
    assert_eq!(status["issuers"][0]["issuer"], "https://issuer.test");
    let apps: Vec<_> =
        status["apps"].as_array().expect("apps").iter().map(|app| app["app"].clone()).collect();
    assert_eq!(apps, [json!("meet"), json!("other")]);
    let meet = &status["apps"][0];
    assert_eq!((&meet["token"]["present"], &meet["token"]["fetches"]), (&json!(true), &json!(1)));
    assert_eq!((&meet["token"]["last_error"], &meet["paused_for_seconds"]), (&json!(null), &json!(null)));
    let crm = status["tenants"].as_array().expect("tenants").iter().find(|tenant| tenant["tenant"] == "crm");
    let crm = crm.expect("tenant crm");
    assert_eq!(
        (&crm["app"], &crm["users_remembered"], &crm["in_flight"]),
        (&json!("meet"), &json!(1), &json!(0))
    );
    assert_eq!(crm["rate_limit"], json!({"rate": 1000, "per_seconds": 1.0, "burst": 1000}));
    assert_eq!((&status["trail"]["writable"], &status["trail"]["last_error"]), (&json!(true), &json!(null)));
}

#[tokio::test]
async fn it_is_for_reading_alone() {
    let world = World::start().await;
    for path in ["/livez", "/readyz", "/metrics", "/status"] {
        let (head, whole) = (client::send(world.admin, "HEAD", path, &[], "").await, get(&world, path).await);
        assert_eq!((head.status, whole.status), (200, 200), "{path}");
        assert_eq!(head.header("content-type"), whole.header("content-type"), "{path}");
        assert_eq!(whole.header("cache-control"), Some("no-store"), "{path}");
        for method in ["POST", "PUT", "DELETE", "OPTIONS"] {
            let answer = client::send(world.admin, method, path, &[], "").await;
            assert_eq!((answer.status, answer.header("allow")), (405, Some("GET, HEAD")), "{method} {path}");
        }
    }
    for path in ["/", "/livez/", "/status.json", "/conferences/IM3", "/debug/pprof"] {
        assert_eq!(get(&world, path).await.status, 404, "{path}");
    }
    assert_eq!(client::send(world.address, "GET", "/metrics", &[], "").await.status, 404, "not for callers");
}

#[tokio::test]
async fn nothing_secret_is_told() {
    let world = World::start().await;
    let bearer = world.issuer.token().bearer();
    let body = r#"{"confrType":10,"password":"canary-password"}"#;
    assert_eq!(world.call_as(&bearer, "POST", "/conferences", body).await.status, 200);
    let signature = bearer.rsplit('.').next().expect("a signature");
    for path in ["/livez", "/readyz", "/metrics", "/status"] {
        let text = get(&world, path).await.text();
        for secret in [CLIENT_SECRET, "canary", "YWMt-test", signature, "YXA6test"] {
            assert!(!text.contains(secret), "{secret} in {path}: {text}");
        }
    }
}
