//! Files as they really change: swapped by Kubernetes, half-written, wrong, gone.

use std::fs;
use std::io::Write;
use std::time::{Duration, Instant};

use serde_json::json;

use super::*;
use crate::support::projected::Projected;

/// In how many pieces a file is written.
const PIECES: usize = 40;

#[tokio::test]
async fn a_secret_that_kubernetes_swaps_is_used_for_the_next_token() {
    let tally = tally();
    let world = World::with(&[WATCHFUL]).await;
    let path = world.directory().join("secrets");
    let mut volume =
        Projected::new(path.clone(), [("meet".into(), "canary-first".into())].into(), 0o644, None);
    let old = format!("client_secret_file = \"{}\"", world.directory().join("client_secret").display());
    let new = format!("client_secret_file = \"{}\"", path.join("meet").display());
    world.edit(&format!("client_id = \"YXA6test\"\n{old}"), &format!("client_id = \"YXA6test\"\n{new}"));
    until_generation(&world, 2).await;
    world.vendor.server().wait_for("a token by the first secret", |calls| sent(calls, "canary-first")).await;
    let fetches = world.vendor.fetches_for_crm();

    volume.set("meet", "canary-second\n");
    tally.fault();
    until_generation(&world, 3).await;
    world
        .vendor
        .server()
        .wait_for("a token by the second secret", |calls| sent(calls, "canary-second"))
        .await;
    assert_eq!(world.vendor.fetches_for_crm(), fetches + 1, "one fetch for one change");
    assert_eq!(get(&world, "crm", "a").await.status, 200);
    tally.requests(1);

    let record = recorded(&world, 3).await;
    assert_eq!(record["changes"], json!([changed("apps.meet.client_secret_file", Value::Null, Value::Null)]));
    assert_eq!(record["cause"], "files");
    assert!(!world.trail.lines().join("\n").contains("canary"), "a secret in the trail");
    assert!(!world.status().await.to_string().contains("canary"), "a secret in /status");
    tally.finish();
}

fn sent(calls: &[crate::support::server::Call], secret: &str) -> bool {
    calls.iter().any(|call| String::from_utf8_lossy(&call.body).contains(secret))
}

#[tokio::test]
async fn what_cannot_be_used_changes_nothing_and_says_why() {
    let tally = tally();
    let world = World::with(&[PATIENT]).await;
    let good = fs::read_to_string(world.file()).unwrap();
    let half = &good[..good.len() / 2];
    let cases: &[(&str, &str)] = &[
        (half, ""),
        ("", "authn.issuers"),
        ("[listen", "confgate.toml"),
        (&good.replace("app = \"meet\"", "app = \"meat\""), "tenants.crm.app"),
        (&good.replace("max_in_flight = 1000", "max_in_flight = \"many\""), "max_in_flight"),
        (&good.replace("[tenants.crm]", "[tenants.crm]\nunknown = 1"), "unknown"),
        (&good.replace("client_secret\"", "client_secret_of_nobody\""), "client_secret_of_nobody"),
        (&good.replace("base_url = \"http://", "base_url = \"ftp://"), "apps.meet.base_url"),
        (&"x".repeat(5 << 20), "larger"),
        ("\u{0}\u{1}\u{2}", ""),
    ];
    for (count, (text, why)) in (1_u32..).zip(cases) {
        tally.input();
        world.replace_file("confgate.toml", text);
        world.reload();
        let count = f64::from(count);
        let failed = "confgate_config_reloads_total{result=\"failed\"}";
        crate::support::admin::until_metric(world.admin, failed, |failures| failures >= count).await;
        until_refused(&world, why).await;
        let answer = get(&world, "crm", "a").await;
        tally.requests(1);
        tally.expect(answer.status == 200, || format!("case {count}: {answer:?}"));
        let status = world.status().await;
        tally.expect(status["configuration"]["generation"] == 1, || format!("case {count}: {status}"));
    }
    tells(&world, "confgate_config_current 0.0").await;
    world.replace_file("confgate.toml", &good);
    world.reload();
    world.until_status("no fault", |status| status["configuration"]["last_error"].is_null()).await;
    tells(&world, "confgate_config_current 1.0").await;
    assert!(world.trail.records().iter().all(|record| record["kind"] != "reload"), "nothing was changed");
    tally.finish();
}

fn another_tenant(number: usize) -> String {
    format!(
        "\n[tenants.more{number}]\napp = \"meet\"\nmax_in_flight = 10\n\
         rate_limit = {{ rate = 10, per = \"1s\", burst = 10 }}\n"
    )
}

#[tokio::test]
async fn a_file_that_is_written_bit_by_bit_is_read_when_it_is_whole() {
    let tally = tally();
    let mut attempt = 0;
    let world = loop {
        let world = World::with(&[("RELOAD__EVERY", "500ms")]).await;
        tally.fault();
        if write_bit_by_bit(&world).await < LOOK {
            break world;
        }
        attempt += 1;
        assert!(attempt < 20, "this machine stops for half a second, again and again");
    };
    until_generation(&world, 2).await;
    for number in [1, PIECES] {
        assert_eq!(get(&world, &format!("more{number}"), "a").await.status, 200);
    }
    tally.requests(2);
    let records = world.trail.records();
    let generations: Vec<_> = records.iter().filter(|record| record["kind"] == "reload").collect();
    tally.expect(generations.len() == 1, || format!("{generations:?}"));
    tally.finish();
}

/// How long one look at a file is from the next, at least.
const LOOK: Duration = Duration::from_millis(500);

/// Writes a file in pieces, each of which leaves a configuration that could be used, while it is looked at several
/// times. Tells the longest pause between two pieces: only where each is shorter than a look is from the next was the
/// file never still while it was written.
async fn write_bit_by_bit(world: &World) -> Duration {
    let mut file = fs::OpenOptions::new().append(true).open(world.file()).unwrap();
    let mut longest = Duration::ZERO;
    let mut last = Instant::now();
    for number in 1..=PIECES {
        file.write_all(another_tenant(number).as_bytes()).unwrap();
        longest = longest.max(last.elapsed());
        last = Instant::now();
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
    longest
}

#[tokio::test]
async fn a_file_that_comes_later_mends_it_without_being_asked() {
    let tally = tally();
    let world = World::with(&[WATCHFUL]).await;
    fs::remove_file(world.directory().join("client_secret")).unwrap();
    tally.fault();
    until_refused(&world, "there is no such file").await;
    assert_eq!(get(&world, "crm", "a").await.status, 200);
    world.replace_file("client_secret", "canary-new");
    until_generation(&world, 2).await;
    let status = world.status().await;
    assert!(status["configuration"]["last_error"].is_null(), "{status}");
    tally.requests(1);
    tally.finish();
}

#[tokio::test]
async fn without_watching_only_being_asked_counts() {
    let world = World::with(&[PATIENT]).await;
    world.edit("tenants.acme", "tenants.emca");
    // Its first look is at what the start has read, and could have missed.
    until_settled(&world).await;
    world.edit("tenants.emca", "tenants.mace");
    for _ in 0..20 {
        assert_eq!(get(&world, "mace", "a").await.problem(), "tenant_unknown");
    }
    let before = world.status().await["configuration"]["generation"].as_u64().unwrap();
    world.reload();
    until_generation(&world, before + 1).await;
    assert_eq!(get(&world, "mace", "a").await.status, 200);
}

/// Waits for the end of a reading that is asked for now.
async fn until_settled(world: &World) {
    world.reload();
    until_generation(world, 2).await;
}
