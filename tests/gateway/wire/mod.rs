//! The data port as bytes: what is malformed, slow, early or too much gets an answer that can be read, leaves one
//! record, and never reaches the vendor.

mod bodies;
mod crowd;
mod forms;
mod heads;
mod slow;

use serde_json::{Value, json};

use crate::support::client::{Answer, Connection};
use crate::support::world::World;

/// A look at a conference with a good token, with `extra` lines in its head: good but for those.
fn get(world: &World, extra: &str) -> String {
    head(world, "GET /conferences/IM3 HTTP/1.1\r\nHost: gate.test\r\n", extra)
}

/// A head that begins with `start` and has a good token.
fn head(world: &World, start: &str, extra: &str) -> String {
    format!("{start}Authorization: {}\r\n{extra}\r\n", world.issuer.token().bearer())
}

/// Sends `bytes` on a connection of their own.
async fn sent(world: &World, bytes: impl AsRef<[u8]>) -> Connection {
    let mut connection = Connection::open(world.address).await;
    connection.write(bytes).await;
    connection
}

/// Checks everything that holds for a refusal of the gateway's own: problem details with `code`, the request's id,
/// readable for a browser, one outcome in the trail that says the same, and no intent.
async fn is_refused(world: &World, answer: &Answer, code: &str, what: &str) {
    assert_eq!(answer.problem(), code, "{what}: {}", answer.text());
    let id = answer.header("x-request-id").unwrap_or_else(|| panic!("{what}: no id in {answer:?}"));
    assert_eq!(answer.json()["request_id"], id, "{what}");
    assert_eq!(answer.header("access-control-allow-origin"), Some("*"), "{what}");
    let exposed = answer.header("access-control-expose-headers").unwrap_or_default().to_ascii_lowercase();
    assert!(exposed.contains("x-request-id"), "{what}: {exposed}");
    assert!(
        answer.header("proxy-status").is_some_and(|status| status.starts_with("confgate; error=")),
        "{what}"
    );
    assert!(answer.header("date").is_some_and(|date| date.ends_with(" GMT")), "{what}: {answer:?}");
    let outcome = world.trail.outcome_of(id).await;
    let said = json!([outcome["reason"], outcome["status"], outcome["decision"], outcome["attempts"]]);
    assert_eq!(said, json!([code, answer.status, "refused", 0]), "{what}");
    assert_eq!(outcome["client"], "127.0.0.1", "{what}");
}

/// Checks that there are so many outcomes in the trail once they are written, and no more.
async fn leaves_outcomes(world: &World, count: usize) {
    let outcomes = |records: &[Value]| records.iter().filter(|record| record["kind"] == "outcome").count();
    let reached = |records: &[Value]| (outcomes(records) >= count).then_some(());
    world.trail.wait_until(&format!("{count} outcomes"), reached).await;
    assert_eq!(outcomes(&world.trail.records()), count, "{}", world.trail.lines().join("\n"));
}
