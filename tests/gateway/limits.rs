//! Limits of tenants, users and apps: who is turned away, what it is told, and whom it leaves alone.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};
use sfv::{BareItem, List, ListEntry, Parser};
use tokio::time::sleep;

use crate::support::client::{self, Answer};
use crate::support::server::{Gate, Reply};
use crate::support::world::World;

pub(crate) const PATH: &str = "/conferences/IM3SKW51SKH4TB80LV45000C7";

/// A world in which `key` has this quota.
pub(crate) async fn with_quota(
    key: &str,
    (rate, per, burst): (&str, &str, &str),
    more: &[(&str, &str)],
) -> World {
    let keys = ["RATE", "PER", "BURST"].map(|part| format!("{key}__{part}"));
    let mut changes = vec![(&*keys[0], rate), (&*keys[1], per), (&*keys[2], burst)];
    changes.extend(more);
    World::with(&changes).await
}

/// So few that nothing comes back while a test runs.
pub(crate) const fn daily(burst: &str) -> (&str, &str, &str) {
    ("1", "24h", burst)
}

pub(crate) async fn get(world: &World) -> Answer {
    world.call("GET", PATH, "").await
}

async fn get_as(world: &World, tenant: &str, subject: &str) -> Answer {
    let token = world.issuer.token().claim("tenant", tenant).claim("sub", subject);
    world.call_as(&token.bearer(), "GET", PATH, "").await
}

/// Turned away with `code`; the trail says so. Gives the seconds to wait.
pub(crate) async fn turned_away(world: &World, answer: &Answer, code: &str) -> u64 {
    assert_eq!(answer.problem(), code, "{}", answer.text());
    let outcome = world.trail.outcome_of(answer.header("x-request-id").expect("an id")).await;
    assert_eq!((&outcome["reason"], &outcome["attempts"]), (&json!(code), &json!(0)));
    let wait = answer.header("retry-after").unwrap_or_else(|| panic!("no Retry-After with {code}"));
    let wait = wait.parse().expect("seconds");
    assert!(wait >= 1);
    wait
}

/// The policies of a field by their names, each with its parameters.
fn policies(answer: &Answer, field: &str) -> BTreeMap<String, BTreeMap<String, i64>> {
    let value = answer.header(field).unwrap_or_else(|| panic!("no {field} in {:?}", answer.headers));
    let list: List = Parser::new(value).parse().expect("a list of structured fields");
    let policy = |entry: &ListEntry| {
        let ListEntry::Item(item) = entry else { panic!("{entry:?}") };
        let BareItem::String(name) = &item.bare_item else { panic!("{item:?}") };
        let number = |(key, value): (&sfv::Key, &BareItem)| {
            let BareItem::Integer(number) = value else { panic!("{value:?}") };
            (key.as_str().to_owned(), i64::from(*number))
        };
        (name.as_str().to_owned(), item.params.iter().map(number).collect())
    };
    list.iter().map(policy).collect()
}

fn parameters<const N: usize>(parameters: [(&str, i64); N]) -> BTreeMap<String, i64> {
    parameters.map(|(key, value)| (key.to_owned(), value)).into()
}

#[tokio::test]
async fn a_tenant_is_told_what_is_left_and_turned_away_after_that() {
    let world = with_quota("TENANTS__CRM__RATE_LIMIT", daily("3"), &[]).await;
    let day = 24 * 60 * 60;
    for left in [2, 1, 0] {
        let answer = get(&world).await;
        assert_eq!(answer.status, 200);
        let policy = parameters([("q", 3), ("w", 3 * day)]);
        assert_eq!(policies(&answer, "ratelimit-policy"), BTreeMap::from([("tenant".into(), policy)]));
        let standing = parameters([("r", left), ("t", day)]);
        assert_eq!(policies(&answer, "ratelimit"), BTreeMap::from([("tenant".into(), standing)]));
    }
    let over = get(&world).await;
    let wait = turned_away(&world, &over, "tenant_rate_limited").await;
    assert_eq!(over.status, 429);
    let standing = &policies(&over, "ratelimit")["tenant"];
    assert_eq!((standing["r"], standing["t"]), (0, i64::try_from(wait).expect("a number")));
    assert!((day - 60..=day).contains(&standing["t"]), "{wait}");
    assert_eq!(world.vendor.calls().len(), 3);
}

#[tokio::test]
async fn waiting_as_told_works_and_is_worth_one_call() {
    let world = with_quota("TENANTS__CRM__RATE_LIMIT", ("1", "1s", "1"), &[]).await;
    assert_eq!(get(&world).await.status, 200);
    let mut told = 0;
    for _ in 0..2 {
        let over = get(&world).await;
        // On a machine that is busy enough, a second may have gone by.
        if over.status == 200 {
            continue;
        }
        told += 1;
        let wait = turned_away(&world, &over, "tenant_rate_limited").await;
        assert_eq!(wait, 1);
        sleep(Duration::from_secs(wait)).await;
        assert_eq!(get(&world).await.status, 200);
    }
    assert!(told > 0, "nothing was turned away");
}

#[tokio::test]
async fn one_tenants_flood_leaves_the_other_alone() {
    let world = with_quota("TENANTS__CRM__RATE_LIMIT", daily("1"), &[]).await;
    assert_eq!(get(&world).await.status, 200);
    for _ in 0..50 {
        assert_eq!(get(&world).await.problem(), "tenant_rate_limited");
        let other = get_as(&world, "acme", "huangcl").await;
        assert_eq!(other.status, 200);
        assert!(policies(&other, "ratelimit")["tenant"]["r"] > 900);
    }
    assert_eq!(world.vendor.calls().len(), 51);
}

#[tokio::test]
async fn a_user_over_its_rate_takes_nothing_from_its_tenant() {
    let tenant = [
        ("TENANTS__CRM__RATE_LIMIT__RATE", "1"),
        ("TENANTS__CRM__RATE_LIMIT__PER", "24h"),
        ("TENANTS__CRM__RATE_LIMIT__BURST", "3"),
    ];
    let world = with_quota("TENANTS__CRM__USER_RATE_LIMIT", daily("2"), &tenant).await;
    for left in [1, 0] {
        let answer = get_as(&world, "crm", "huangcl").await;
        assert_eq!(answer.status, 200);
        assert_eq!(policies(&answer, "ratelimit")["user"]["r"], left);
        assert_eq!(policies(&answer, "ratelimit-policy").keys().collect::<Vec<_>>(), ["tenant", "user"]);
    }
    for _ in 0..10 {
        let over = get_as(&world, "crm", "huangcl").await;
        turned_away(&world, &over, "user_rate_limited").await;
        assert_eq!((over.status, policies(&over, "ratelimit")["user"]["r"]), (429, 0));
        assert!(policies(&over, "ratelimit-policy").contains_key("user"));
    }
    let other = get_as(&world, "crm", "yangss").await;
    assert_eq!((other.status, policies(&other, "ratelimit")["tenant"]["r"]), (200, 0));
    assert_eq!(policies(&other, "ratelimit")["user"]["r"], 1, "each user has a quota of its own");
    turned_away(&world, &get_as(&world, "crm", "yangss").await, "tenant_rate_limited").await;
    assert_eq!(world.vendor.calls().len(), 3);
}

#[tokio::test]
async fn a_user_is_one_whatever_token_it_comes_with() {
    let world = with_quota("TENANTS__CRM__USER_RATE_LIMIT", daily("2"), &[("LISTEN__WORKERS", "2")]).await;
    let statuses = [get(&world).await.status, get(&world).await.status, get(&world).await.status];
    assert_eq!(statuses, [200, 200, 429], "each call has a new token, and the workers share the count");
}

#[tokio::test]
async fn the_user_quota_of_one_tenant_is_not_that_of_another() {
    let acme = [
        ("TENANTS__ACME__USER_RATE_LIMIT__RATE", "1"),
        ("TENANTS__ACME__USER_RATE_LIMIT__PER", "24h"),
        ("TENANTS__ACME__USER_RATE_LIMIT__BURST", "1"),
    ];
    let world = with_quota("TENANTS__CRM__USER_RATE_LIMIT", daily("1"), &acme).await;
    assert_eq!(get_as(&world, "crm", "huangcl").await.status, 200);
    assert_eq!(get_as(&world, "crm", "huangcl").await.status, 429);
    assert_eq!(get_as(&world, "acme", "huangcl").await.status, 200, "users of two tenants can have one name");
}

#[tokio::test]
async fn a_tenant_has_so_many_requests_in_flight_and_no_more() {
    let world = World::with(&[("TENANTS__CRM__MAX_IN_FLIGHT", "2")]).await;
    let gate = Gate::closed();
    let held: Vec<_> = (0..2)
        .map(|_| {
            world.vendor.script(Reply::json(200, &json!({"error": 0})).behind(&gate));
            let (address, bearer) = (world.address, world.issuer.token().bearer());
            tokio::spawn(async move {
                client::send(address, "GET", PATH, &[("Authorization", &bearer)], "").await
            })
        })
        .collect();
    world.vendor.wait_for(2).await;
    let over = get(&world).await;
    assert_eq!(over.status, 429);
    turned_away(&world, &over, "tenant_concurrency_limited").await;
    assert_eq!(get_as(&world, "acme", "huangcl").await.status, 200, "the other tenant has its own");
    let crm = |status: &Value| status["tenants"].as_array().expect("tenants")[1].clone();
    let tenant = crm(&world.status().await);
    assert_eq!((&tenant["tenant"], &tenant["in_flight"]), (&json!("crm"), &json!(2)));

    gate.open();
    for request in held {
        assert_eq!(request.await.expect("no panic").status, 200);
    }
    assert_eq!(get(&world).await.status, 200, "who has its answer makes room");
    assert_eq!(crm(&world.status().await)["in_flight"], 0);
}

#[tokio::test]
async fn refused_requests_give_their_place_in_flight_back() {
    let world = World::with(&[("TENANTS__CRM__MAX_IN_FLIGHT", "1")]).await;
    for _ in 0..5 {
        assert_eq!(world.call("POST", "/conferences", "[]").await.problem(), "body_malformed");
        let token = world.issuer.token().claim("scope", "");
        assert_eq!(world.call_as(&token.bearer(), "GET", PATH, "").await.problem(), "scope_missing");
    }
    assert_eq!(get(&world).await.status, 200);
}

#[tokio::test]
async fn an_app_has_a_budget_that_refused_requests_do_not_use_up() {
    let limits = [
        ("TENANTS__ACME__RATE_LIMIT__RATE", "1"),
        ("TENANTS__ACME__RATE_LIMIT__PER", "24h"),
        ("TENANTS__ACME__RATE_LIMIT__BURST", "2"),
        ("TENANTS__ACME__APP", "meet"),
    ];
    let world = with_quota("APPS__MEET__BUDGET", daily("2"), &limits).await;
    assert_eq!(get_as(&world, "acme", "huangcl").await.status, 200);
    for _ in 0..5 {
        assert_eq!(world.call("POST", "/conferences", r#"{"confrType":13}"#).await.status, 422);
        assert_eq!(world.call("GET", PATH, "a body").await.status, 400);
        assert_eq!(world.call("GET", "/conferences/room", "").await.status, 404);
        assert_eq!(world.call("GET", &format!("/foreign/app{PATH}"), "").await.status, 403);
        let without_scope = world.issuer.token().claim("scope", "").bearer();
        assert_eq!(world.call_as(&without_scope, "GET", PATH, "").await.status, 403);
        assert_eq!(world.call_as("Bearer nonsense", "GET", PATH, "").await.status, 401);
    }
    assert_eq!(get(&world).await.status, 200, "of two calls one was made before");
    let over = get(&world).await;
    assert_eq!(over.status, 503);
    let wait = turned_away(&world, &over, "vendor_budget_exhausted").await;
    assert!(wait > 60, "{wait}");
    let other = get_as(&world, "acme", "huangcl").await;
    assert_eq!(other.problem(), "vendor_budget_exhausted", "all tenants of the app share it");
    assert!(policies(&other, "ratelimit").contains_key("tenant"), "its own quota is told all the same");
    assert_eq!(get_as(&world, "acme", "huangcl").await.problem(), "tenant_rate_limited");
    assert_eq!(world.vendor.calls().len(), 2);
}

#[tokio::test]
async fn waiting_for_the_budget_as_told_works() {
    let world = with_quota("APPS__MEET__BUDGET", ("1", "1s", "1"), &[]).await;
    assert_eq!(get(&world).await.status, 200);
    let over = get(&world).await;
    if over.status != 200 {
        let wait = turned_away(&world, &over, "vendor_budget_exhausted").await;
        sleep(Duration::from_secs(wait)).await;
        assert_eq!(get(&world).await.status, 200);
    }
}

#[tokio::test]
async fn a_limit_that_is_crossed_is_counted_for_its_tenant() {
    let world = with_quota("TENANTS__CRM__RATE_LIMIT", daily("1"), &[]).await;
    for _ in 0..3 {
        get(&world).await;
    }
    let metrics = world.metrics().await;
    let limited = |line: &&str| line.starts_with("confgate_tenant_limited_total{") && !line.ends_with(" 0");
    let counts: Vec<&str> = metrics.lines().filter(limited).collect();
    assert_eq!(counts, [r#"confgate_tenant_limited_total{tenant="crm",limit="tenant"} 2"#]);
}

/// Waiting as told must work, and a request that is turned away by one limit was counted by those before it.
#[tokio::test]
async fn the_wait_is_that_of_the_limit_that_takes_longest() {
    let hourly = |key: &'static str, part: &str| format!("{key}__{part}");
    let tenant = ["RATE", "PER", "BURST"].map(|part| hourly("TENANTS__CRM__RATE_LIMIT", part));
    let changes = [(&*tenant[0], "1"), (&*tenant[1], "1h"), (&*tenant[2], "1")];
    let world = with_quota("TENANTS__CRM__USER_RATE_LIMIT", daily("1"), &changes).await;
    assert_eq!(get_as(&world, "crm", "yangss").await.status, 200);
    let over = get_as(&world, "crm", "huangcl").await;
    let wait = turned_away(&world, &over, "tenant_rate_limited").await;
    assert!(wait > 23 * 60 * 60, "{wait} s are enough for the tenant, and not for the user");

    let budget = [
        ("APPS__MEET__BUDGET__RATE", "1"),
        ("APPS__MEET__BUDGET__PER", "1h"),
        ("APPS__MEET__BUDGET__BURST", "1"),
        ("TENANTS__ACME__APP", "meet"),
    ];
    let world = with_quota("TENANTS__CRM__RATE_LIMIT", daily("1"), &budget).await;
    assert_eq!(get_as(&world, "acme", "huangcl").await.status, 200);
    let over = get(&world).await;
    let wait = turned_away(&world, &over, "vendor_budget_exhausted").await;
    assert!(wait > 23 * 60 * 60, "{wait} s are enough for the app, and not for the tenant");
}
