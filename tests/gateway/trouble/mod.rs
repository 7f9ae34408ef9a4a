//! What goes wrong around the gateway, and what becomes of the calls meanwhile.

mod answers;
mod blinding;
mod failures;
mod replay;
mod secrets;
mod segments;
mod trail;
mod vendor_token;

use serde_json::Value;

use crate::support::client::Answer;
use crate::support::world::World;

/// Where an existing conference would be.
const PATH: &str = "/conferences/IM3";

/// The answer is the gateway's own, with this code, in the trail as well; gives the outcome.
async fn refused(world: &World, answer: &Answer, status: u16, code: &str) -> Value {
    assert_eq!((answer.status, answer.problem().as_str()), (status, code), "{}", answer.text());
    let outcome = world.trail.outcome_of(answer.request_id()).await;
    assert_eq!((&outcome["reason"], &outcome["status"]), (&code.into(), &status.into()), "{outcome}");
    outcome
}

/// The answer is the vendor's own, with this status, in the trail as well; gives the outcome.
async fn passed_on(world: &World, answer: &Answer, status: u16) -> Value {
    assert_eq!(answer.status, status, "{}", answer.text());
    let received = format!("confgate; received-status={status}");
    assert_eq!(answer.header("proxy-status"), Some(received.as_str()));
    let outcome = world.trail.outcome_of(answer.request_id()).await;
    assert_eq!((&outcome["reason"], &outcome["vendor_status"]), (&Value::Null, &status.into()), "{outcome}");
    outcome
}

/// Of `kind`, in the trail so far.
fn count(world: &World, kind: &str) -> usize {
    world.trail.records().iter().filter(|record| record["kind"] == kind).count()
}
