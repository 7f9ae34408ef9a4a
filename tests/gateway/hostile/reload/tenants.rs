//! Tenants and apps come and go, on connections that were there before as well.

use super::*;
use crate::support::client::Connection;

#[tokio::test]
async fn a_tenant_that_is_taken_out_is_refused_on_the_connection_it_has() {
    let tally = tally();
    let world = World::with(&[PATIENT, ("LISTEN__WORKERS", "2")]).await;
    let bearer = world.issuer.token().claim("tenant", "acme").bearer();
    let authorization = [("Authorization", bearer.as_str())];
    let mut connections = Vec::new();
    for _ in 0..8 {
        let mut connection = Connection::open(world.address).await;
        assert_eq!(connection.send("GET", "/conferences/IM3", &authorization, "").await.status, 200);
        connections.push(connection);
    }
    world.edit("[tenants.acme]", "[tenants.emca]");
    world.reload();
    until_generation(&world, 2).await;
    for connection in &mut connections {
        let answer = connection.send("GET", "/conferences/IM3", &authorization, "").await;
        tally.expect(answer.problem() == "tenant_unknown", || format!("{answer:?}"));
        let outcome = world.trail.outcome_of(answer.request_id()).await;
        let record = recorded(&world, 2).await;
        tally.expect(outcome["seq"].as_u64() > record["seq"].as_u64(), || {
            format!("{outcome} before {record}")
        });
    }
    tally.requests(16);
    assert_eq!(world.vendor.calls().len(), 8);
    assert_eq!(get(&world, "emca", "a").await.status, 200);
    let metrics = world.metrics().await;
    assert!(metrics.contains("tenant=\"emca\"") && !metrics.contains("tenant=\"acme\""), "{metrics}");
    tally.finish();
}

#[tokio::test]
async fn an_app_that_is_new_is_served_and_the_others_are_not_disturbed() {
    let tally = tally();
    let world = World::with(&[PATIENT, ("LISTEN__WORKERS", "1")]).await;
    let secret = world.directory().join("client_secret");
    let tokens = world.vendor.token_calls().len();
    assert_eq!(get(&world, "crm", "a").await.status, 200);
    let app = format!(
        "[apps.third]\nbase_url = \"{}\"\norg = \"1100181023201864\"\napp = \"third\"\nclient_id = \"YXA6third\"\n\
         client_secret_file = \"{}\"\n[tenants.third]\napp = \"third\"\nrate_limit = {{ rate = 9, per = \"1s\", burst = 9 }}\n\
         [tenants.crm]",
        world.vendor.base_url(),
        secret.display()
    );
    world.edit("[tenants.crm]", &app);
    world.reload();
    until_generation(&world, 2).await;
    assert_eq!(get(&world, "third", "a").await.status, 200);
    assert_eq!(get(&world, "crm", "a").await.status, 200);
    assert_eq!(world.until_readyz(200).await.status, 200);
    tally.requests(3);
    let calls = world.vendor.calls();
    assert!(calls[1].path.starts_with("/1100181023201864/third/"), "{calls:?}");
    assert_eq!(calls[0].connection, calls[2].connection, "connections to an app that stays are kept");
    assert_eq!(world.vendor.token_calls().len(), tokens + 1, "no token that is there is fetched again");
    tally.finish();
}

#[tokio::test]
async fn counts_go_on_where_they_were() {
    let world = World::with(&[PATIENT]).await;
    let calls = "confgate_vendor_calls_total{app=\"meet\",answer=\"2xx\"}";
    for generation in 2..5 {
        assert_eq!(get(&world, "crm", "a").await.status, 200);
        let (before, after) = (1002 - generation, 1001 - generation);
        world.edit(&format!("max_in_flight = {before}\n"), &format!("max_in_flight = {after}\n"));
        world.reload();
        until_generation(&world, generation).await;
        tells(&world, &format!("{calls} {}", generation - 1)).await;
        tells(&world, &format!("confgate_config_generation {generation}.0")).await;
    }
}

#[tokio::test]
async fn who_leaves_and_comes_back_finds_everything_as_it_was() {
    let tally = tally();
    let world = World::with(&[PATIENT, ("VENDOR__MIN_INTERVAL", "1m"), ("VENDOR__MAX_BACKOFF", "5m")]).await;
    let rate = "[tenants.acme]\napp = \"other\"\nrate_limit = { rate = 1000, per = \"1s\", burst = 1000 }\n";
    let narrow = "[tenants.acme]\napp = \"other\"\nrate_limit = { rate = 1, per = \"1h\", burst = 2 }\n";
    world.edit(rate, narrow);
    world.reload();
    until_generation(&world, 2).await;
    let statuses = async || [get(&world, "acme", "a").await.status, get(&world, "acme", "a").await.status];
    assert_eq!(statuses().await, [200, 200]);
    let tokens = world.vendor.token_calls().len();
    let text = std::fs::read_to_string(world.file()).unwrap();
    let (start, end) = (text.find("[apps.other]").unwrap(), text.find("[tenants.crm]").unwrap());
    let without = text.replace(&text[start..end], "").replace(narrow, "");
    for generation in [3, 5] {
        world.replace_file("confgate.toml", &without);
        tally.fault();
        world.reload();
        until_generation(&world, generation).await;
        assert_eq!(get(&world, "acme", "a").await.problem(), "tenant_unknown");
        world.replace_file("confgate.toml", &text);
        tally.fault();
        world.reload();
        until_generation(&world, generation + 1).await;
        assert_eq!(statuses().await, [429, 429], "no fresh burst");
        tally.requests(3);
    }
    assert_eq!(world.vendor.token_calls().len(), tokens, "the vendor was asked for a token again");
    tally.finish();
}

#[tokio::test]
async fn apps_that_move_to_another_host_and_back_are_not_asked_about_again() {
    let tally = tally();
    let world = World::with(&[PATIENT, ("VENDOR__MIN_INTERVAL", "1m"), ("VENDOR__MAX_BACKOFF", "5m")]).await;
    let (here, there) = ("base_url = \"http://127.0.0.1:", "base_url = \"http://localhost:");
    world.edit(here, there);
    world.reload();
    until_generation(&world, 2).await;
    let both = world.vendor.wait_for_tokens(4).await.len();
    assert_eq!(get(&world, "crm", "a").await.status, 200);
    for (generation, from, to) in [(3, there, here), (4, here, there), (5, there, here)] {
        world.edit(from, to);
        tally.fault();
        world.reload();
        until_generation(&world, generation).await;
        assert_eq!(get(&world, "crm", "a").await.status, 200);
    }
    tally.requests(4);
    assert_eq!(world.vendor.token_calls().len(), both, "two apps at two hosts, once each");
    tally.finish();
}
