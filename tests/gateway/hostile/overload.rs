//! More than a worker can hold: turned away early, cheaply and on record, and nobody else notices.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::client::{Answer, Connection};
use crate::support::configuration::WITHOUT_LIMITS;
use crate::support::server::{Gate, Reply};
use crate::support::tally::Tally;
use crate::support::within;
use crate::support::world::World;

const ONE: &str = "/conferences/IM3SKW51SKH4TB80LV45000C7";
const ORIGIN: &str = "https://app.corp.example";
/// Between two calls of somebody who is in no hurry: several times what the gateway takes for being busy.
const AT_LEISURE: Duration = Duration::from_millis(50);

fn is_shed(answer: &Answer) -> bool {
    answer.status == 503
        && answer.problem() == "overloaded"
        && answer.header("retry-after") == Some("1")
        && answer.header("access-control-allow-origin").is_some()
        && answer.header("connection").is_none()
}

#[tokio::test]
async fn one_request_too_many_is_turned_away_before_its_token_is_looked_at() {
    let tally = Tally::of("unfair tenants and overload");
    let world = World::with(&[("LISTEN__WORKERS", "1"), ("LISTEN__MAX_REQUESTS", "3")]).await;
    let gate = Gate::closed();
    for _ in 0..3 {
        world.vendor.script(Reply::json(200, &json!({"error": 0})).behind(&gate));
    }
    let held = join_all((0..3).map(|_| world.call("GET", ONE, "")));
    let keys = world.issuer.fetches();
    let meanwhile = async {
        world.vendor.wait_for(3).await;
        let mut kept = Connection::open(world.address).await;
        let good = world.issuer.token().bearer();
        let bad = world.issuer.token().broken().bearer();
        let unknown = world.issuer.token().header("kid", "nobody's").bearer();
        for (method, path, bearer, body) in [
            ("GET", ONE, Some(&good), ""),
            ("POST", "/conferences", Some(&good), "{}"),
            ("POST", "/conferences", Some(&bad), "{}"),
            ("GET", ONE, Some(&unknown), ""),
            ("GET", ONE, None, ""),
            ("GET", "/openapi.json", None, ""),
        ] {
            tally.input();
            tally.requests(1);
            let mut headers = vec![("Origin", ORIGIN), ("Content-Type", "application/json")];
            headers.extend(bearer.map(|bearer| ("Authorization", bearer.as_str())));
            let answer = kept.send(method, path, &headers, body).await;
            tally
                .expect(is_shed(&answer), || format!("{method} {path}: {} {}", answer.status, answer.text()));
            let outcome = world.trail.outcome_of(answer.request_id()).await;
            let told = [&outcome["decision"], &outcome["reason"], &outcome["tenant"], &outcome["attempts"]];
            let expected = [&json!("refused"), &json!("overloaded"), &Value::Null, &json!(0)];
            tally.expect(told == expected, || outcome.to_string());
        }
        let preflight = kept
            .send("OPTIONS", ONE, &[("Origin", ORIGIN), ("Access-Control-Request-Method", "GET")], "")
            .await;
        tally.expect(preflight.status == 200, || "a preflight is answered all the same".to_owned());
        let status = world.status().await["requests_in_flight"].clone();
        tally.expect(status == 3, || format!("{status} in flight"));
        gate.open();
        (kept, good)
    };
    let (held, (mut kept, good)) = tokio::join!(held, meanwhile);
    for answer in held {
        tally.expect(answer.status == 200, || format!("one that was let in: {}", answer.text()));
    }
    let answer = kept.send("GET", ONE, &[("Authorization", &good)], "").await;
    tally.expect(answer.status == 200, || format!("on the kept connection: {}", answer.text()));
    tally.expect(world.vendor.calls().len() == 4, || "the vendor saw what was turned away".to_owned());
    tally.expect(world.issuer.fetches() == keys, || "keys were fetched for it".to_owned());
    let in_flight = world.metric("confgate_requests_in_flight").await;
    tally.expect(in_flight.total_cmp(&0.0).is_eq(), || format!("{in_flight} in flight at the end"));
    tally.requests(5);
    tally.finish();
}

#[tokio::test]
async fn a_flood_of_it_is_counted() {
    let tally = Tally::of("unfair tenants and overload");
    let floods = [("AUDIT__FLOODS__INDIVIDUALLY", "5"), ("AUDIT__FLOODS__EVERY", "1s")];
    let limits = [("LISTEN__WORKERS", "1"), ("LISTEN__MAX_REQUESTS", "1")];
    let world = World::with(&[floods, limits].concat()).await;
    let gate = Gate::closed();
    world.vendor.script(Reply::json(200, &json!({"error": 0})).behind(&gate));
    let held = world.call("GET", ONE, "");
    let meanwhile = async {
        world.vendor.wait_for(1).await;
        for answer in join_all((0..200).map(|_| world.call("GET", ONE, ""))).await {
            tally.requests(1);
            tally.expect(is_shed_without_origin(&answer), || answer.text());
        }
        gate.open();
    };
    let (held, ()) = tokio::join!(held, meanwhile);
    tally.expect(held.status == 200, || held.text());
    let told = |records: &[Value]| {
        let of_it: Vec<_> = records.iter().filter(|record| record["reason"] == "overloaded").collect();
        let alone = of_it.iter().filter(|record| record["kind"] == "outcome").count() as u64;
        let counted: u64 = of_it.iter().filter_map(|record| record["count"].as_u64()).sum();
        (alone + counted == 200).then_some(counted)
    };
    let counted = world.trail.wait_until("each of them, alone or counted", told).await;
    tally.expect(counted > 100, || format!("{counted} were counted"));
    tally.expect(world.vendor.calls().len() == 1, || "the vendor saw one".to_owned());
    tally.requests(1);
    tally.finish();
}

fn is_shed_without_origin(answer: &Answer) -> bool {
    answer.status == 503 && answer.problem() == "overloaded" && answer.header("retry-after") == Some("1")
}

#[tokio::test]
async fn an_answer_that_is_still_coming_keeps_its_place() {
    let tally = Tally::of("unfair tenants and overload");
    let world = World::with(&[
        ("LISTEN__WORKERS", "1"),
        ("LISTEN__MAX_REQUESTS", "1"),
        ("UPSTREAM__RESPONSE_BUFFER", "1KiB"),
    ])
    .await;
    world.vendor.script(Reply::body(200, "text/plain", "x".repeat(2048)).header("Content-Length", "4096"));
    let mut caller = Connection::open(world.address).await;
    let bearer = world.issuer.token().bearer();
    caller.write(format!("GET {ONE} HTTP/1.1\r\nHost: a\r\nAuthorization: {bearer}\r\n\r\n")).await;
    caller.begun().await;
    let answer = world.call("GET", ONE, "").await;
    tally.expect(is_shed_without_origin(&answer), || answer.text());
    drop(caller);
    let freed = async { while world.call("GET", ONE, "").await.status != 200 {} };
    within("the place of a caller who left", freed).await;
    tally.requests(3);
    tally.finish();
}

/// A tight bound, so that a worker in a debug build is sure to cross it.
#[tokio::test]
async fn a_worker_that_lags_behind_sheds_a_share_and_recovers() {
    let tally = Tally::of("unfair tenants and overload");
    let lagging = [("LISTEN__WORKERS", "1"), ("LISTEN__MAX_LAG", "1ms")];
    let world = World::with(&[&WITHOUT_LIMITS[..], &lagging].concat()).await;
    let shed = std::sync::atomic::AtomicUsize::new(0);
    let enough = || shed.load(std::sync::atomic::Ordering::Relaxed) >= 50;
    let caller = async || {
        let mut kept = Connection::open(world.address).await;
        let bearer = world.issuer.token().bearer();
        let (mut served, mut turned_away) = (0, 0);
        while !enough() {
            let answer = kept.send("GET", ONE, &[("Authorization", &bearer)], "").await;
            if answer.status == 200 {
                served += 1;
            } else {
                tally.expect(is_shed_without_origin(&answer), || answer.text());
                shed.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                turned_away += 1;
            }
        }
        (served, turned_away)
    };
    let all = within("enough to be shed", join_all((0..64).map(|_| caller()))).await;
    let served: usize = all.iter().map(|(served, _)| served).sum();
    let turned_away: usize = all.iter().map(|(_, turned_away)| turned_away).sum();
    tally.requests((served + turned_away) as u64);
    tally.expect(served > 0, || "nobody was served".to_owned());
    tally.expect(world.vendor.calls().len() == served, || "the vendor saw what was shed".to_owned());
    world.until_status("no lag", |status| status["worker_lag_seconds"] == 0.0).await;
    for _ in 0..5 {
        let answer = world.call("GET", ONE, "").await;
        tally.expect(answer.status == 200, || format!("after the load: {}", answer.text()));
        // One after the other at their leisure are no load. Closer together they are one, and it is for the machine to
        // say whether it lags by a millisecond.
        tokio::time::sleep(AT_LEISURE).await;
    }
    let outcomes = |records: &[Value]| {
        let outcomes = records.iter().filter(|record| record["kind"] == "outcome").count();
        (outcomes == served + turned_away + 5).then_some(())
    };
    world.trail.wait_until("an outcome of each", outcomes).await;
    tally.requests(5);
    tally.finish();
}
