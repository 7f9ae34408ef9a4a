//! Limits change without giving out fresh bursts, and keep their state where they do not change.

use serde_json::json;

use super::*;

const RATE: &str = "rate_limit = { rate = 1000, per = \"1s\", burst = 1000 }\nmax_in_flight";

#[tokio::test]
async fn a_limit_that_changes_gives_nobody_a_fresh_burst() {
    let tally = tally();
    let world = World::with(&[PATIENT]).await;
    // One an hour, so that time gives nothing back while the test runs.
    world.edit(RATE, "rate_limit = { rate = 1, per = \"1h\", burst = 3 }\nmax_in_flight");
    world.reload();
    until_generation(&world, 2).await;
    for _ in 0..3 {
        assert_eq!(get(&world, "crm", "a").await.status, 200);
    }
    assert_eq!(get(&world, "crm", "a").await.problem(), "tenant_rate_limited");

    world.edit("per = \"1h\", burst = 3 }", "per = \"1h\", burst = 30 }");
    world.reload();
    until_generation(&world, 3).await;
    let refused = get(&world, "crm", "a").await;
    assert_eq!(refused.problem(), "tenant_rate_limited", "{}", refused.text());
    assert!(refused.header("ratelimit-policy").is_some_and(|policy| policy.contains("q=30")), "{refused:?}");
    assert_eq!(get(&world, "acme", "b").await.status, 200, "another tenant is none of this");
    tally.requests(6);

    let record = recorded(&world, 3).await;
    let (from, to) = ("{ rate = 1, per = \"1h\", burst = 3 }", "{ rate = 1, per = \"1h\", burst = 30 }");
    assert_eq!(record["changes"], json!([changed("tenants.crm.rate_limit", from, to)]));
    assert_eq!((&record["cause"], &record["further_changes"]), (&json!("signal"), &json!(0)));
    assert_eq!(world.vendor.calls().len(), 4);
    tally.finish();
}

#[tokio::test]
async fn a_limit_that_does_not_change_keeps_its_state_through_other_changes() {
    let tally = tally();
    let world = World::with(&[PATIENT]).await;
    let limits = "rate_limit = { rate = 1, per = \"1h\", burst = 2 }\n\
                  user_rate_limit = { rate = 1, per = \"1h\", burst = 1 }\nmax_in_flight";
    world.edit(RATE, limits);
    world.reload();
    until_generation(&world, 2).await;
    assert_eq!(get(&world, "crm", "a").await.status, 200);
    assert_eq!(get(&world, "crm", "a").await.problem(), "user_rate_limited");
    for generation in 3..8 {
        world.edit("[tenants.acme]", "[tenants.more]\napp = \"other\"\nrate_limit = { rate = 1, per = \"1s\", burst = 1 }\n[tenants.acme]");
        if generation % 2 == 0 {
            world.edit(
                "[tenants.more]\napp = \"other\"\nrate_limit = { rate = 1, per = \"1s\", burst = 1 }\n",
                "",
            );
        }
        world.reload();
        until_generation(&world, generation).await;
        assert_eq!(get(&world, "crm", "a").await.problem(), "user_rate_limited");
        tally.requests(1);
    }
    assert_eq!(get(&world, "crm", "b").await.status, 200, "the tenant's second");
    assert_eq!(get(&world, "crm", "c").await.problem(), "tenant_rate_limited");
    tally.requests(4);
    tally.finish();
}

#[tokio::test]
async fn requests_in_flight_count_for_the_changed_bound() {
    let tally = tally();
    let world = World::with(&[PATIENT]).await;
    let gate = crate::support::server::Gate::closed();
    world.vendor.script(crate::support::server::Reply::json(200, &json!({"error": 0})).behind(&gate));
    let waiting = async {
        let (answer, ()) = tokio::join!(get(&world, "crm", "a"), async {
            world.vendor.wait_for(1).await;
            world.edit("max_in_flight = 1000", "max_in_flight = 1");
            world.reload();
            until_generation(&world, 2).await;
            assert_eq!(get(&world, "crm", "b").await.problem(), "tenant_concurrency_limited");
            gate.open();
        });
        answer
    };
    assert_eq!(waiting.await.status, 200, "it began under the configuration of before");
    world.until_in_flight("crm", 0).await;
    assert_eq!(get(&world, "crm", "b").await.status, 200);
    tally.requests(3);
    tally.finish();
}
