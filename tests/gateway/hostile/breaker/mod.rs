//! A vendor that is dead is left alone, and noticed when it is back.

mod opening;
mod probes;

use serde_json::{Value, json};

use crate::support::CREATE;
use crate::support::client::Answer;
use crate::support::server::Reply;
use crate::support::tally::Tally;
use crate::support::world::World;

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

/// Checks what `/status` says of the circuit: its state, and how often it has opened.
async fn is_now(world: &World, tally: &Tally, state: &str, openings: u64) {
    let circuit = circuit(world).await;
    let right = circuit["state"] == state && circuit["openings"] == openings;
    tally.expect(right, || format!("{circuit} instead of {state} after {openings} openings"));
}
