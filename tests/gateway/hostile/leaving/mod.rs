//! Callers who hang up: what was not sent is not sent any more, and what was sent is seen through and stays on record.

mod load;
mod stages;
mod streams;

use serde_json::Value;

use crate::support::client::Connection;
use crate::support::world::World;

/// Where an existing conference would be.
const PATH: &str = "/conferences/IM3";

/// A caller who has sent a request and can leave.
async fn caller(world: &World, method: &str, path: &str, body: &str) -> Connection {
    let mut connection = Connection::open(world.address).await;
    let (bearer, length) = (world.issuer.token().bearer(), body.len());
    let head = format!("{method} {path} HTTP/1.1\r\nHost: x\r\nAuthorization: {bearer}\r\n");
    let body = format!("Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}");
    connection.write(head + &body).await;
    connection
}

/// Leaves, and waits until the gateway knows.
async fn leave(world: &World, caller: Connection, others: usize) {
    drop(caller);
    world.until_connections(others).await;
}

/// The outcome of the only request of this action whose caller has gone.
async fn left(world: &World, action: &str) -> Value {
    let is_it = |record: &&Value| {
        record["kind"] == "outcome" && record["action"] == action && record["caller_gone"] == true
    };
    let what = format!("the outcome of an abandoned {action}");
    let find = |records: &[Value]| {
        let mut found = records.iter().filter(is_it);
        let record = found.next()?.clone();
        assert_eq!(found.next(), None, "recorded twice");
        Some(record)
    };
    let outcome = world.trail.wait_until(&what, find).await;
    assert_eq!((&outcome["status"], &outcome["tenant"]), (&Value::Null, &"crm".into()), "{outcome}");
    outcome
}

/// Of `kind`, in the trail so far.
fn count(world: &World, kind: &str) -> usize {
    world.trail.records().iter().filter(|record| record["kind"] == kind).count()
}
