//! What opens the circuit of an app, and what does not.

use serde_json::{Value, json};

use super::{LONG, ONE, circuit, create, is_now, refused_unsent, world};
use crate::support::client::Connection;
use crate::support::server::Reply;
use crate::support::tally::Tally;
use crate::support::{CREATE, within};

#[tokio::test]
async fn every_way_of_not_answering_counts_and_one_app_is_not_anothers() {
    let tally = Tally::of("the vendor");
    let timeout = ("UPSTREAM__FIRST_BYTE_TIMEOUT", "1s");
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
    is_now(&world, &tally, "open", 1).await;
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
    is_now(&world, &tally, "closed", 0).await;
    tally.requests(2);
    tally.finish();
}

/// It would otherwise take no more than a slow upload to shut everybody out of an app.
#[tokio::test]
async fn a_caller_who_leaves_the_vendor_no_time_proves_nothing() {
    let tally = Tally::of("the vendor");
    // Who asks at once leaves the vendor all of its two seconds, though it takes the gateway a while to ask; who takes
    // more than half of the time to ask leaves too little, and still enough to ask at all.
    let timeouts = [
        ("LISTEN__REQUEST_TIMEOUT", "4s"),
        ("UPSTREAM__TOTAL_TIMEOUT", "2s"),
        ("UPSTREAM__FIRST_BYTE_TIMEOUT", "2s"),
        ("UPSTREAM__CONNECT_TIMEOUT", "500ms"),
    ];
    let world = world(&[&timeouts, &[LONG, ("VENDOR__BREAKER_FAILURES", "1")]]).await;
    world.vendor.script(Reply::hang());
    let mut caller = Connection::open(world.address).await;
    let bearer = world.issuer.token().bearer();
    let head =
        "POST /conferences HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 2\r\n";
    caller.write(format!("{head}Authorization: {bearer}\r\n\r\n{{")).await;
    tokio::time::sleep(std::time::Duration::from_millis(2500)).await;
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
