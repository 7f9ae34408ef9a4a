//! Many requests refused alike: a few outcomes, one count, and nothing that is missing.

use std::net::SocketAddr;

use futures_util::future::join_all;
use serde_json::Value;

use crate::support::client::{self, Connection};
use crate::support::issuer::{Issuer, Token};
use crate::support::program::Served;
use crate::support::server::{Gate, Reply};
use crate::support::vendor::Vendor;
use crate::support::world::World;

const PATH: &str = "/conferences/IM3";
/// The default.
const INDIVIDUALLY: (&str, &str) = ("AUDIT__FLOODS__INDIVIDUALLY", "5");
/// No window ends by itself: what is counted is written when the gateway ends.
const ONE_WINDOW: (&str, &str) = ("AUDIT__FLOODS__EVERY", "1h");
/// As many as are answered between two looks at the answers.
const BATCH: usize = 50;

/// What the trail says of refusals.
#[derive(Debug)]
struct Told {
    outcomes: Vec<Value>,
    counts: Vec<Value>,
}

impl Told {
    /// With this reason; null for callers who left before there was one.
    fn of(records: &[Value], reason: impl Into<Value>) -> Self {
        let reason = reason.into();
        let of_kind = |kind: &str| {
            let found = records.iter().filter(|record| record["kind"] == kind && record["reason"] == reason);
            found.cloned().collect::<Vec<_>>()
        };
        let mut outcomes = of_kind("outcome");
        outcomes.retain(|outcome| outcome["decision"] == "refused");
        Self { outcomes, counts: of_kind("refusals") }
    }

    /// Of how many requests.
    fn total(&self) -> usize {
        let counted: u64 = self.counts.iter().map(|record| record["count"].as_u64().unwrap()).sum();
        self.outcomes.len() + usize::try_from(counted).unwrap()
    }

    fn lines(&self) -> usize {
        self.outcomes.len() + self.counts.len()
    }
}

/// Sends `count` gets over one connection, each with these headers, and expects this refusal for each.
async fn flood(connection: &mut Connection, count: usize, headers: impl Fn(usize) -> String, code: &str) {
    for first in (0..count).step_by(BATCH) {
        let batch = first..count.min(first + BATCH);
        let requests = batch
            .clone()
            .map(|number| format!("GET {PATH} HTTP/1.1\r\nHost: gateway\r\n{}\r\n", headers(number)));
        connection.write(requests.collect::<String>()).await;
        for _ in batch {
            assert_eq!(connection.answer("GET").await.problem(), code);
        }
    }
}

fn nothing(_: usize) -> String {
    String::new()
}

fn with_token(token: Token) -> String {
    format!("Authorization: {}\r\n", token.bearer())
}

async fn connections(world: &World, count: usize) -> Vec<Connection> {
    join_all((0..count).map(|_| Connection::open(world.address))).await
}

#[tokio::test]
async fn a_flood_is_a_few_lines_with_an_exact_total_and_the_odd_one_is_seen() {
    const FLOOD: usize = 20_000;
    const CONNECTIONS: usize = 8;
    let mut world = World::with(&[INDIVIDUALLY, ONE_WINDOW]).await;
    let mut callers = connections(&world, CONNECTIONS).await;
    let flood = join_all(
        callers.iter_mut().map(|caller| flood(caller, FLOOD / CONNECTIONS, nothing, "token_missing")),
    );
    let odd_ones = async {
        let elsewhere = client::send(world.address, "POST", "/conferences", &[], "").await;
        let malformed = world.call_as("Basic x", "GET", PATH, "").await;
        [(elsewhere, "token_missing"), (malformed, "token_malformed")]
    };
    let (_, odd_ones) = tokio::join!(flood, odd_ones);
    for (odd, reason) in &odd_ones {
        assert_eq!(world.trail.outcome_of(odd.request_id()).await["reason"], *reason, "at once, as ever");
    }
    let metrics = world.metrics().await;
    let counted = format!(r#"confgate_requests_total{{action="get",code="token_missing"}} {FLOOD}"#);
    assert!(metrics.lines().any(|line| line == counted), "{metrics}");

    assert!(!world.ended().await);
    let told = Told::of(&world.trail.records(), "token_missing");
    assert_eq!(told.total(), FLOOD + 1);
    assert_eq!((told.outcomes.len(), told.counts.len()), (2 * 5 + 1, 2), "each of two workers counts");
    for count in &told.counts {
        assert_eq!((&count["action"], &count["status"]), (&"get".into(), &401.into()), "{count}");
        assert_eq!((&count["client"], &count["subject"]), (&"127.0.0.1".into(), &Value::Null));
        assert!(count["first_time"].as_str() < count["last_time"].as_str(), "{count}");
        assert_ne!(count["first_request_id"], count["last_request_id"]);
    }
    assert_eq!(world.vendor.calls().len(), 0);
    assert_eq!(confgate::trail::verify(&world.trail_directory()).unwrap().superseded, 0);
}

#[tokio::test]
async fn what_was_counted_is_told_when_the_window_ends() {
    let world = World::with(&[INDIVIDUALLY, ("AUDIT__FLOODS__EVERY", "100ms")]).await;
    let mut caller = Connection::open(world.address).await;
    for round in 1..=3 {
        flood(&mut caller, 500, nothing, "token_missing").await;
        let total = |records: &[Value]| Told::of(records, "token_missing").total();
        let all = |records: &[Value]| (total(records) == round * 500).then_some(());
        world.trail.wait_until("the counts of the round", all).await;
    }
    let first = world.call_as("", "GET", PATH, "").await;
    world.trail.outcome_of(first.request_id()).await;
}

#[tokio::test]
async fn while_the_trail_cannot_be_written_the_window_goes_on() {
    const FLOOD: usize = 2_000;
    let changes =
        [INDIVIDUALLY, ("AUDIT__FLOODS__EVERY", "100ms"), ("AUDIT__QUEUE", "64"), ("LISTEN__WORKERS", "1")];
    let world = World::with(&changes).await;
    let directory = world.trail_directory();
    let away = directory.with_extension("away");
    std::fs::rename(&directory, &away).unwrap();
    world.until_readyz(503).await;
    let mut caller = Connection::open(world.address).await;
    // Far more than the trail keeps, and for many windows: all are answered.
    flood(&mut caller, FLOOD, nothing, "token_missing").await;
    std::fs::rename(&away, &directory).unwrap();
    world.until_ready().await;
    let all = |records: &[Value]| {
        let told = Told::of(records, "token_missing");
        (told.total() == FLOOD).then_some(told)
    };
    let told = world.trail.wait_until("the counts", all).await;
    // One window may have ended between two looks of the trail at its files.
    assert!(told.lines() <= 2 * 6, "{told:?}");
    assert_eq!(world.vendor.calls().len(), 0);
}

#[tokio::test]
async fn a_flood_that_is_never_twice_the_same_is_bounded_and_exact() {
    const FLOOD: usize = 6_000;
    let changes =
        [INDIVIDUALLY, ONE_WINDOW, ("LISTEN__TRUSTED_PROXIES", "127.0.0.1"), ("LISTEN__WORKERS", "1")];
    let mut world = World::with(&changes).await;
    let mut callers = connections(&world, 4).await;
    let address = |caller: usize, number: usize| {
        format!("X-Forwarded-For: 10.{caller}.{}.{}\r\n", number / 256, number % 256)
    };
    let all = callers.iter_mut().enumerate();
    let all = all.map(|(caller, connection)| {
        flood(connection, FLOOD / 4, move |number| address(caller, number), "token_missing")
    });
    join_all(all).await;
    let odd = world.call_as("Basic x", "GET", PATH, "").await;
    world.trail.outcome_of(odd.request_id()).await;
    assert!(!world.ended().await);
    let told = Told::of(&world.trail.records(), "token_missing");
    assert_eq!(told.total(), FLOOD);
    assert_eq!((told.outcomes.len(), told.counts.len()), (1024 + 5, 1));
    assert_eq!((&told.counts[0]["client"], &told.counts[0]["action"]), (&Value::Null, &"get".into()));
}

#[tokio::test]
async fn subjects_are_told_apart_while_they_are_few_and_counted_together_when_they_are_many() {
    const SUBJECTS: usize = 1_100;
    let mut world = World::with(&[
        INDIVIDUALLY,
        ONE_WINDOW,
        ("LISTEN__WORKERS", "1"),
        ("TENANTS__CRM__RATE_LIMIT__BURST", "100000"),
    ])
    .await;
    let mut caller = Connection::open(world.address).await;
    let token = |subject: &str| world.issuer.token().claim("sub", subject).claim("scope", "");
    let noisy = with_token(token("noisy"));
    flood(&mut caller, 300, |_| noisy.clone(), "scope_missing").await;
    let odd = world.call_as(&token("odd").bearer(), "GET", PATH, "").await;
    assert_eq!(world.trail.outcome_of(odd.request_id()).await["subject"], "odd");
    let many = |number: usize| with_token(token(&format!("subject-{number}")));
    flood(&mut caller, SUBJECTS, many, "scope_missing").await;
    assert!(!world.ended().await);
    let told = Told::of(&world.trail.records(), "scope_missing");
    assert_eq!(told.total(), 300 + 1 + SUBJECTS);
    // Two of the 1024 kinds are the noisy one and the odd one.
    assert_eq!(told.outcomes.len(), 5 + 1 + 1022 + 5);
    let counts: Vec<_> = told.counts.iter().map(|record| (&record["subject"], &record["count"])).collect();
    let expected =
        [(&Value::from("noisy"), &Value::from(295)), (&Value::Null, &Value::from(SUBJECTS - 1022 - 5))];
    assert_eq!(counts, expected);
    assert!(told.counts.iter().all(|record| record["tenant"] == "crm"), "{told:?}");
}

/// Calls on and on until it is asked to close the connection, and gives how often it was refused.
async fn call_until_the_end(address: SocketAddr) -> usize {
    let mut connection = Connection::open(address).await;
    for refused in 1.. {
        let answer = connection.send("GET", PATH, &[], "").await;
        assert_eq!(answer.problem(), "token_missing");
        if answer.header("connection").is_some() {
            return refused;
        }
    }
    unreachable!()
}

#[tokio::test]
async fn a_shutdown_in_the_middle_loses_no_count() {
    const NEWCOMERS: usize = 20;
    let mut world = World::with(&[INDIVIDUALLY, ONE_WINDOW, ("LISTEN__DRAIN_DELAY", "3s")]).await;
    // Holds up the end until everybody was told of it.
    let gate = Gate::closed();
    world.vendor.script(Reply::status(200).behind(&gate));
    let held = tokio::spawn({
        let (address, bearer) = (world.address, world.issuer.token().bearer());
        async move { client::send(address, "GET", PATH, &[("Authorization", &bearer)], "").await }
    });
    world.vendor.wait_for(1).await;
    let callers: Vec<_> = (0..8).map(|_| tokio::spawn(call_until_the_end(world.address))).collect();
    let begun = |records: &[Value]| (Told::of(records, "token_missing").lines() >= 10).then_some(());
    world.trail.wait_until("a flood", begun).await;
    world.begin_to_end();
    let mut missing = 0;
    for caller in callers {
        missing += caller.await.expect("answers until the end");
    }
    world.until_status("the end of accepting", |status| status["phase"] == "closing").await;
    for _ in 0..NEWCOMERS {
        let answer = client::send(world.address, "GET", PATH, &[], "").await;
        assert_eq!(answer.problem(), "shutting_down");
    }
    gate.open();
    assert_eq!(held.await.unwrap().status, 200);
    assert!(!world.ended().await);
    let records = world.trail.records();
    let told = Told::of(&records, "token_missing");
    assert_eq!((told.total(), told.lines()), (missing, 2 * 6), "{told:?}");
    let told = Told::of(&records, "shutting_down");
    assert_eq!((told.total(), told.lines()), (NEWCOMERS, 6), "{told:?}");
    assert_eq!(world.vendor.calls().len(), 1);
}

#[tokio::test]
async fn a_second_signal_loses_no_count() {
    let mut served = Served::with(&[INDIVIDUALLY, ONE_WINDOW, ("LISTEN__DRAIN_DELAY", "60s")]).await;
    served.vendor.script(Reply::hang());
    let bearer = served.issuer.token().bearer();
    let mut held = Connection::open(served.address).await;
    held.write(format!("GET {PATH} HTTP/1.1\r\nHost: a\r\nAuthorization: {bearer}\r\n\r\n")).await;
    served.vendor.wait_for(1).await;
    let mut caller = Connection::open(served.address).await;
    flood(&mut caller, 1_000, nothing, "token_missing").await;
    served.program.signal("TERM").await;
    served.until_readyz(503).await;
    served.program.signal("TERM").await;
    assert_eq!(served.program.ended().await.code, Some(1));
    let records = served.trail.records();
    let told = Told::of(&records, "token_missing");
    assert_eq!((told.total(), told.lines()), (1_000, 6));
    assert!(records.iter().any(|record| record["kind"] == "stop"));
}

#[tokio::test]
async fn connections_too_many_are_counted_as_well() {
    const TOO_MANY: usize = 40;
    let mut world = World::with(&[INDIVIDUALLY, ONE_WINDOW, ("LISTEN__MAX_CONNECTIONS", "1")]).await;
    let mut only = Connection::open(world.address).await;
    assert_eq!(only.send("GET", PATH, &[], "").await.problem(), "token_missing");
    for _ in 0..TOO_MANY {
        let answer = client::send(world.address, "GET", PATH, &[], "").await;
        assert_eq!(answer.problem(), "overloaded");
    }
    assert!(!world.ended().await);
    let told = Told::of(&world.trail.records(), "overloaded");
    assert_eq!((told.total(), told.lines()), (TOO_MANY, 6));
    assert_eq!(told.counts[0]["action"], Value::Null);
}

#[tokio::test]
async fn callers_who_left_are_counted_as_well() {
    const GONE: usize = 40;
    let (vendor, issuer) = (Vendor::start().await, Issuer::start().await);
    // Without a token for the vendor, calls wait for one.
    let gate = Gate::closed();
    vendor.hold_tokens(&gate);
    let mut world = World::around(vendor, issuer, &[INDIVIDUALLY, ONE_WINDOW]).await;
    world.until_status("keys", |status| status["issuers"][0]["usable"] == true).await;
    let mut callers = connections(&world, GONE).await;
    let bearer = world.issuer.token().bearer();
    for caller in &mut callers {
        caller.write(format!("GET {PATH} HTTP/1.1\r\nHost: a\r\nAuthorization: {bearer}\r\n\r\n")).await;
    }
    world.until_in_flight("crm", GONE).await;
    drop(callers);
    world.until_connections(0).await;
    assert!(!world.ended().await);
    let told = Told::of(&world.trail.records(), Value::Null);
    assert_eq!((told.total(), told.lines()), (GONE, 2 * 6), "{told:?}");
    for count in &told.counts {
        assert_eq!((&count["status"], &count["subject"]), (&Value::Null, &"huangcl".into()), "{count}");
    }
    assert_eq!(world.vendor.calls().len(), 0);
}
