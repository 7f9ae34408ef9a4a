//! A vendor that is dead is left alone, and noticed when it is back.

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::client::{Answer, Connection};
use crate::support::server::{Gate, Reply};
use crate::support::tally::Tally;
use crate::support::world::World;
use crate::support::{CREATE, within};

const ONE: &str = "/conferences/IM3SKW51SKH4TB80LV45000C7";
const OPEN: &str = "vendor_circuit_open";

/// Longer than any test: what is open stays open.
const LONG: (&str, &str) = ("VENDOR__BREAKER_PAUSE", "30s");
/// Over as soon as it is looked for.
const SHORT: [(&str, &str); 2] = [("VENDOR__BREAKER_PAUSE", "10ms"), ("VENDOR__BREAKER_MAX_PAUSE", "20ms")];

async fn world(changes: &[&[(&str, &str)]]) -> World {
    World::with(&changes.concat()).await
}

/// What `/status` says of the circuit of the app that tenant `crm` has.
async fn circuit(world: &World) -> Value {
    crm(&world.status().await).clone()
}

fn crm(status: &Value) -> &Value {
    let apps = status["apps"].as_array().expect("apps");
    &apps.iter().find(|app| app["app"] == "meet").expect("the app")["circuit"]
}

async fn create(world: &World) -> Answer {
    world.call("POST", "/conferences", CREATE).await
}

/// Lets creates fail until the circuit is open.
async fn open(world: &World, tally: &Tally) {
    while circuit(world).await["state"] == "closed" {
        tally.fault();
        tally.requests(1);
        world.vendor.script(Reply::reset());
        let answer = create(world).await;
        tally.expect(answer.status == 502, || format!("{} while it is closed", answer.text()));
    }
}

async fn until_probing_is_due(world: &World) {
    world.until_status("a probe that is due", |status| crm(status)["probe_in_seconds"] == 0.0).await;
}

/// Holds for every call that an open circuit refuses.
async fn refused_unsent(world: &World, tally: &Tally, answer: &Answer) {
    let wait: u64 = answer.header("retry-after").and_then(|wait| wait.parse().ok()).unwrap_or_default();
    let is_refusal = answer.status == 503 && answer.problem() == OPEN && (1..=30).contains(&wait);
    tally.expect(is_refusal, || format!("{} {}", answer.status, answer.text()));
    let outcome = world.trail.outcome_of(answer.request_id()).await;
    let told = [&outcome["decision"], &outcome["reason"], &outcome["attempts"], &outcome["intent"]];
    tally.expect(told == [&json!("refused"), &json!(OPEN), &json!(0), &Value::Null], || outcome.to_string());
    let announced = world
        .trail
        .records()
        .into_iter()
        .any(|record| record["kind"] == "intent" && record["request_id"] == answer.request_id());
    tally.expect(!announced, || format!("an intent of {outcome}"));
}

#[tokio::test]
async fn every_way_of_not_answering_counts_and_one_app_is_not_anothers() {
    let tally = Tally::of("the vendor");
    let timeout = ("UPSTREAM__FIRST_BYTE_TIMEOUT", "50ms");
    let budget = [("RATE", "1"), ("PER", "24h"), ("BURST", "7")];
    let budget = budget.map(|(key, value)| (format!("APPS__MEET__BUDGET__{key}"), value));
    let budget = budget.each_ref().map(|(key, value)| (key.as_str(), *value));
    let world = world(&[&[LONG, timeout, ("VENDOR__BREAKER_FAILURES", "7")], &budget]).await;
    let broken_off = || Reply::raw("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{");
    let failures = [
        Reply::reset(),
        Reply::close(),
        Reply::hang(),
        Reply::raw("HELLO\r\n\r\n"),
        broken_off(),
        Reply::status(502),
        Reply::status(504),
    ];
    for (number, failure) in failures.into_iter().enumerate() {
        tally.fault();
        tally.requests(1);
        let before = circuit(&world).await;
        let expected = json!({
            "state": "closed", "failures_in_a_row": number, "openings": 0, "probe_in_seconds": null
        });
        tally.expect(before == expected, || format!("{before} after {number} failures"));
        world.vendor.script(failure);
        create(&world).await;
    }
    let after = circuit(&world).await;
    tally.expect(after["state"] == "open" && after["openings"] == 1, || format!("{after} after the last"));
    for (method, path, body) in [("POST", "/conferences", CREATE), ("GET", ONE, ""), ("DELETE", ONE, "")] {
        tally.requests(1);
        let answer = world.call(method, path, body).await;
        refused_unsent(&world, &tally, &answer).await;
    }
    tally.expect(world.vendor.calls().len() == 7, || "the vendor was asked".to_owned());

    tally.requests(1);
    let other = world.issuer.token().claim("tenant", "acme").bearer();
    let answer = world.call_as(&other, "POST", "/conferences", CREATE).await;
    tally.expect(answer.status == 200, || format!("the other app: {}", answer.text()));
    let state = async |app, state| {
        world.metric(&format!("confgate_vendor_circuit_state{{app=\"{app}\",state=\"{state}\"}}")).await
    };
    let states = [state("meet", "open").await, state("meet", "closed").await, state("other", "closed").await];
    let states = states.map(|state| state > 0.5);
    tally.expect(states == [true, false, true], || format!("{states:?} in the metrics"));
    let openings = world.metric("confgate_vendor_circuit_openings_total{app=\"meet\"}").await;
    tally.expect(openings.total_cmp(&1.0).is_eq(), || format!("{openings} openings in the metrics"));
    tally.finish();
}

#[tokio::test]
async fn an_open_circuit_uses_up_nothing_of_the_budget() {
    let tally = Tally::of("the vendor");
    let budget = [
        ("APPS__MEET__BUDGET__RATE", "1"),
        ("APPS__MEET__BUDGET__PER", "24h"),
        ("APPS__MEET__BUDGET__BURST", "2"),
    ];
    let world = world(&[&budget, &SHORT, &[("VENDOR__BREAKER_FAILURES", "1")]]).await;
    open(&world, &tally).await;
    let gate = Gate::closed();
    until_probing_is_due(&world).await;
    world.vendor.script(Reply::json(200, &json!({"error": 0})).behind(&gate));
    let others = async {
        world.vendor.wait_for(2).await;
        for _ in 0..20 {
            tally.requests(1);
            refused_unsent(&world, &tally, &create(&world).await).await;
        }
        gate.open();
    };
    let (probe, ()) = tokio::join!(create(&world), others);
    tally.expect(probe.status == 200, || {
        format!("the probe, which the budget has room for: {}", probe.text())
    });
    let answer = create(&world).await;
    tally.expect(answer.problem() == "vendor_budget_exhausted", || answer.text());
    tally.requests(2);
    tally.finish();
}

#[tokio::test]
async fn one_probe_at_a_time_goes_through_once_and_closes_it() {
    let tally = Tally::of("the vendor");
    let world = world(&[&SHORT, &[("VENDOR__BREAKER_FAILURES", "2")]]).await;
    open(&world, &tally).await;
    until_probing_is_due(&world).await;
    let gate = Gate::closed();
    world.vendor.script(Reply::json(200, &json!({"error": 0, "id": "PROBE"})).behind(&gate));
    let calls = join_all((0..20).map(|_| create(&world)));
    let release = async {
        world
            .trail
            .wait_until("everybody but the probe to be refused", |records| {
                (records.iter().filter(|record| record["reason"] == OPEN).count() == 19).then_some(())
            })
            .await;
        let state = circuit(&world).await["state"].clone();
        tally.expect(state == "half_open", || format!("{state} while it is probed"));
        gate.open();
    };
    let (answers, ()) = tokio::join!(calls, release);
    tally.requests(20);
    for answer in answers.iter().filter(|answer| answer.status != 200) {
        refused_unsent(&world, &tally, answer).await;
    }
    let probes = answers.iter().filter(|answer| answer.status == 200).count();
    tally.expect(probes == 1, || format!("{probes} probes"));
    tally.expect(world.vendor.calls().len() == 3, || "the probe's create was doubled".to_owned());
    let state = circuit(&world).await;
    tally.expect(state["state"] == "closed" && state["openings"] == 1, || state.to_string());
    for answer in join_all((0..20).map(|_| create(&world))).await {
        tally.requests(1);
        tally.expect(answer.status == 200, || answer.text());
    }
    tally.finish();
}

#[tokio::test]
async fn a_probe_that_fails_opens_it_again_and_one_that_is_left_makes_room() {
    let tally = Tally::of("the vendor");
    let world = world(&[&SHORT, &[("VENDOR__BREAKER_FAILURES", "1")]]).await;
    open(&world, &tally).await;
    until_probing_is_due(&world).await;
    tally.fault();
    world.vendor.script(Reply::reset());
    let answer = create(&world).await;
    tally.expect(answer.status == 502, || answer.text());
    let state = circuit(&world).await;
    tally.expect(state["state"] == "open" && state["openings"] == 2, || state.to_string());

    until_probing_is_due(&world).await;
    world.vendor.script(Reply::hang());
    let mut caller = Connection::open(world.address).await;
    let bearer = world.issuer.token().bearer();
    caller.write(format!("GET {ONE} HTTP/1.1\r\nHost: a\r\nAuthorization: {bearer}\r\n\r\n")).await;
    world.vendor.wait_for(3).await;
    let state = circuit(&world).await["state"].clone();
    tally.expect(state == "half_open", || state.to_string());
    tally.fault();
    drop(caller);
    until_probing_is_due(&world).await;
    let answer = create(&world).await;
    tally.expect(answer.status == 200, || format!("the next probe: {}", answer.text()));
    let state = circuit(&world).await;
    tally.expect(state["state"] == "closed" && state["openings"] == 2, || state.to_string());
    tally.requests(3);
    tally.finish();
}

#[tokio::test]
async fn a_vendor_that_says_anything_at_all_is_alive() {
    let tally = Tally::of("the vendor");
    let world = world(&[&[LONG, ("VENDOR__BREAKER_FAILURES", "1"), ("VENDOR__PAUSE", "100ms")]]).await;
    for status in [400, 403, 404, 409, 418, 429, 500, 501, 503] {
        tally.fault();
        tally.requests(1);
        world.vendor.script(Reply::status(status));
        let answer = create(&world).await;
        tally.expect(answer.status == status, || answer.text());
        let paused = |status: &Value| status["apps"][0]["paused_for_seconds"].is_null();
        world.until_status("the end of the pause", paused).await;
    }
    // Its token is refused, renewed or not; and a caller leaves it waiting.
    world.until_tokens_have_aged().await;
    world.vendor.script(Reply::status(401)).script(Reply::status(401));
    let answer = create(&world).await;
    tally.expect(answer.problem() == "vendor_refused_credentials", || answer.text());
    world.vendor.script(Reply::hang());
    let calls = world.vendor.calls().len();
    {
        let leaving = world.call("GET", ONE, "");
        tokio::select! {
            _ = leaving => panic!("the vendor does not answer"),
            _ = world.vendor.wait_for(calls + 1) => {}
        }
    }
    world.vendor.server().wait_for_hangups(1).await;
    let state = circuit(&world).await;
    tally.expect(state["state"] == "closed" && state["openings"] == 0, || state.to_string());
    tally.requests(2);
    tally.finish();
}

/// It would otherwise take no more than a slow upload to shut everybody out of an app.
#[tokio::test]
async fn a_caller_who_leaves_the_vendor_no_time_proves_nothing() {
    let tally = Tally::of("the vendor");
    let timeouts = [
        ("LISTEN__REQUEST_TIMEOUT", "1s"),
        ("UPSTREAM__TOTAL_TIMEOUT", "900ms"),
        ("UPSTREAM__FIRST_BYTE_TIMEOUT", "900ms"),
        ("UPSTREAM__CONNECT_TIMEOUT", "500ms"),
    ];
    let world = world(&[&timeouts, &[LONG, ("VENDOR__BREAKER_FAILURES", "1")]]).await;
    world.vendor.script(Reply::hang());
    let mut caller = Connection::open(world.address).await;
    let bearer = world.issuer.token().bearer();
    let head =
        "POST /conferences HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 2\r\n";
    caller.write(format!("{head}Authorization: {bearer}\r\n\r\n{{")).await;
    tokio::time::sleep(std::time::Duration::from_millis(400)).await;
    caller.write("}").await;
    let answer = caller.answer("POST").await;
    tally.expect(answer.problem() == "vendor_timeout", || answer.text());
    let outcome = world.trail.outcome_of(answer.request_id()).await;
    tally.expect(outcome["outcome_unknown"] == true, || outcome.to_string());
    let state = circuit(&world).await;
    tally.expect(state["state"] == "closed", || state.to_string());

    tally.fault();
    world.vendor.script(Reply::hang());
    let answer = create(&world).await;
    tally.expect(answer.problem() == "vendor_timeout", || answer.text());
    let state = circuit(&world).await;
    tally.expect(state["state"] == "open", || format!("{state} after a timeout of the vendor's own"));
    tally.expect(world.vendor.calls().len() == 2, || "a call too many".to_owned());
    tally.requests(2);
    tally.finish();
}

#[tokio::test]
async fn an_answer_to_what_was_asked_before_does_not_close_it() {
    let tally = Tally::of("the vendor");
    let world = world(&[&[LONG, ("VENDOR__BREAKER_FAILURES", "1")]]).await;
    let gate = Gate::closed();
    world.vendor.script(Reply::json(200, &json!({"error": 0})).behind(&gate));
    let early = world.call("GET", ONE, "");
    let meanwhile = async {
        world.vendor.wait_for(1).await;
        open(&world, &tally).await;
        gate.open();
    };
    let (early, ()) = tokio::join!(early, meanwhile);
    tally.expect(early.status == 200, || early.text());
    let state = circuit(&world).await;
    tally.expect(state["state"] == "open", || format!("{state} after a late success"));
    refused_unsent(&world, &tally, &create(&world).await).await;
    tally.requests(2);
    tally.finish();
}

#[tokio::test]
async fn a_vendor_that_refuses_connections_is_dead_too() {
    let tally = Tally::of("the vendor");
    let world = world(&[&[LONG, ("VENDOR__BREAKER_FAILURES", "3")]]).await;
    within("the port to close", world.vendor.server().refuse_connections()).await;
    for _ in 0..3 {
        tally.fault();
        tally.requests(1);
        let answer = create(&world).await;
        tally.expect(answer.problem() == "vendor_unreachable", || answer.text());
    }
    refused_unsent(&world, &tally, &create(&world).await).await;
    tally.requests(1);
    tally.finish();
}
