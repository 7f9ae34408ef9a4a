//! One tenant too much: far over its limit, or stuck on calls that do not end. The other's calls all succeed, on an app
//! of its own and on one that both have.

use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::future::join_all;
use serde_json::Value;

use super::{PATH, beside_a_healthy_caller, healthy};
use crate::support::client::{Answer, Connection};
use crate::support::program::Served;
use crate::support::server::Gate;
use crate::support::tally::Tally;
use crate::support::vendor::Vendor;
use crate::support::world::World;

/// What the tenant that is stuck looks at.
const STUCK: &str = "/conferences/STUCK";

/// Sends so many requests at once, each on a connection of its own.
async fn at_once(world: &World, bearer: &str, path: &str, count: usize, tally: &Tally) -> Vec<Answer> {
    let calls = (0..count).map(|_| world.call_as(bearer, "GET", path, ""));
    tally.requests(count as u64);
    join_all(calls).await
}

fn with(answers: &[Answer], status: u16) -> usize {
    answers.iter().filter(|answer| answer.status == status).count()
}

fn for_path(world: &World, path: &str) -> usize {
    world.vendor.calls().iter().filter(|call| call.path.ends_with(path)).count()
}

#[tokio::test]
async fn ten_times_the_limit_is_its_own_tenants_trouble() {
    // Over a minute, so that little comes back while the flood lasts, however long a slow machine takes for it.
    let limit = [("RATE", "20"), ("PER", "1m"), ("BURST", "20")];
    let limit = limit.map(|(key, value)| (format!("TENANTS__CRM__RATE_LIMIT__{key}"), value));
    let limit = limit.each_ref().map(|(key, value)| (key.as_str(), *value));
    let (world, tally) = (World::with(&limit).await, Tally::of("unfair tenants and overload"));
    let greedy = world.issuer.token().bearer();
    let other = world.issuer.token().claim("tenant", "acme").bearer();
    tally.fault();
    let stop = AtomicBool::new(false);
    let flood = async {
        let mut answers = Vec::new();
        // Ten callers, each as fast as it can.
        let callers = (0..10).map(|_| async {
            let mut connection = Connection::open(world.address).await;
            let mut answers = Vec::new();
            for _ in 0..60 {
                answers.push(connection.send("GET", STUCK, &[("Authorization", &greedy)], "").await);
                tally.requests(1);
            }
            answers
        });
        for of_one in join_all(callers).await {
            answers.extend(of_one);
        }
        stop.store(true, Ordering::Relaxed);
        answers
    };
    let (served, answers) = tokio::join!(healthy(world.address, &other, &stop, &tally), flood);
    let allowed = with(&answers, 200);
    tally.expect(served > 1, || "the other was served only after the flood".to_owned());
    tally.expect(allowed >= 20 && allowed < answers.len() / 2, || {
        format!("{allowed} of the flood were allowed")
    });
    for answer in answers.iter().filter(|answer| answer.status != 200) {
        let told = answer.status == 429 && answer.problem() == "tenant_rate_limited";
        tally.expect(told && answer.header("retry-after").is_some(), || answer.text());
    }
    let calls = for_path(&world, STUCK);
    tally.expect(calls == allowed, || format!("{calls} calls for {allowed} that were allowed"));
    let limited = world.metric("confgate_tenant_limited_total{tenant=\"acme\",limit=\"tenant\"}").await;
    tally.expect(limited == 0.0, || format!("{limited} of the other were limited"));
    tally.finish();
}

#[tokio::test]
async fn who_is_stuck_on_its_own_app_holds_up_nobody() {
    let (stuck, tally) = (Vendor::start().await, Tally::of("unfair tenants and overload"));
    let base_url = stuck.base_url().to_owned();
    let changes = [
        ("LISTEN__WORKERS", "1"),
        ("APPS__MEET__BASE_URL", &*base_url),
        ("TENANTS__CRM__MAX_IN_FLIGHT", "100"),
        ("UPSTREAM__MAX_CONNECTIONS", "16"),
    ];
    let world = World::with(&changes).await;
    let (one, other) = (world.issuer.token().bearer(), world.issuer.token().claim("tenant", "acme").bearer());
    let gate = Gate::closed();
    stuck.hold(STUCK, &gate);
    tally.fault();
    let trouble = async {
        // As many as it may have in flight, a few of them at the vendor, and more.
        stuck.wait_for(16).await;
        world.until_in_flight("crm", 100).await;
        for _ in 0..20 {
            tally.requests(1);
            let over = world.call_as(&one, "GET", STUCK, "").await;
            let told = over.status == 429 && over.problem() == "tenant_concurrency_limited";
            tally.expect(told, || over.text());
        }
        tally.expect(stuck.calls().len() == 16, || {
            format!("{} calls at the stuck vendor", stuck.calls().len())
        });
        gate.open();
    };
    let beside = beside_a_healthy_caller(world.address, &other, &tally, trouble);
    let (answers, ()) = tokio::join!(at_once(&world, &one, STUCK, 100, &tally), beside);
    tally.expect(with(&answers, 200) == 100, || format!("{answers:?}"));
    tally.expect(stuck.calls().len() == 100, || format!("{} calls at the stuck vendor", stuck.calls().len()));
    tally.finish();
}

#[tokio::test]
async fn who_is_stuck_on_a_shared_app_leaves_room_for_the_other() {
    let tally = Tally::of("unfair tenants and overload");
    let changes =
        [("LISTEN__WORKERS", "1"), ("TENANTS__ACME__APP", "meet"), ("UPSTREAM__MAX_CONNECTIONS", "8")];
    let world = World::with(&changes).await;
    let (one, other) = (world.issuer.token().bearer(), world.issuer.token().claim("tenant", "acme").bearer());
    let gate = Gate::closed();
    world.vendor.hold(STUCK, &gate);
    tally.fault();
    let trouble = async {
        world.until_in_flight("crm", 50).await;
        world.vendor.wait_for(6).await;
        // The other one's go out while these wait, one by one and at once.
        for _ in 0..20 {
            let answers = at_once(&world, &other, PATH, 2, &tally).await;
            tally.expect(with(&answers, 200) == 2, || format!("{answers:?}"));
        }
        let held = for_path(&world, STUCK);
        tally.expect(held == 6, || format!("{held} of 8 connections for the one that is stuck"));
        gate.open();
    };
    let beside = beside_a_healthy_caller(world.address, &other, &tally, trouble);
    let (answers, ()) = tokio::join!(at_once(&world, &one, STUCK, 50, &tally), beside);
    tally.expect(with(&answers, 200) == 50, || format!("{answers:?}"));
    tally.finish();
}

#[tokio::test]
async fn a_budget_that_one_tenant_can_use_up_for_all_is_told_at_the_start() {
    let tally = Tally::of("unfair tenants and overload");
    tally.fault();
    let shared = ("TENANTS__ACME__APP", "meet");
    let warned = |line: &str| {
        let event: Value = serde_json::from_str(line).ok()?;
        event["message"].as_str()?.contains("than its budget allows").then(|| event["app"].clone())
    };
    for (rate, told) in [("1999", true), ("2000", false)] {
        let served = Served::with(&[shared, ("APPS__MEET__BUDGET__RATE", rate)]).await;
        let found = served.program.errors().lines().find_map(warned);
        tally.expect(found == told.then(|| "meet".into()), || format!("{rate}: {found:?}"));
    }
    tally.finish();
}
