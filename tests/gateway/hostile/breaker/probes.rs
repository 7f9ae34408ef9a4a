//! How a circuit that is open closes again: by one call at a time, which is let through.

use futures_util::future::join_all;
use serde_json::json;

use super::{
    LONG, ONE, OPEN, SHORT, circuit, create, is_now, open, refused_unsent, until_probing_is_due, world,
};
use crate::support::client::Connection;
use crate::support::server::{Gate, Reply};
use crate::support::tally::Tally;

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
    is_now(&world, &tally, "closed", 1).await;
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
    is_now(&world, &tally, "open", 2).await;

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
    is_now(&world, &tally, "closed", 2).await;
    tally.requests(3);
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
