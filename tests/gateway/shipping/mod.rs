//! The trail as others get it.

mod delivery;
mod stdout;
mod trouble;

use serde_json::Value;

use crate::support::CREATE;
use crate::support::receiver::Receiver;
use crate::support::world::World;

/// The keys of one consumer, named `siem`, of this receiver, and more.
fn consumer<'a>(url: &'a str, more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let mut keys = vec![
        ("AUDIT__SHIP__SIEM__SINK", "http"),
        ("AUDIT__SHIP__SIEM__URL", url),
        ("AUDIT__SHIP__SIEM__MAX_BACKOFF", "1s"),
        ("AUDIT__CHECKPOINTS__EVERY", "1s"),
    ];
    keys.extend(more);
    keys
}

/// A gateway whose trail goes to the receiver.
async fn shipping_to(receiver: &Receiver, more: &[(&str, &str)]) -> World {
    World::with(&consumer(&receiver.url(), more)).await
}

/// One call that changes something: its intent is on disk before it is answered. Gives its request id.
async fn create(world: &World) -> String {
    let answer = world.call("POST", "/conferences", CREATE).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.request_id().to_owned()
}

/// What `/status` says of a consumer.
fn of<'a>(status: &'a Value, consumer: &str) -> &'a Value {
    let all = status["shipping"].as_array().expect("consumers");
    all.iter().find(|status| status["consumer"] == consumer).expect("the consumer")
}

/// The cursor file of consumer `siem`.
fn cursor(world: &World) -> Option<Value> {
    let text = std::fs::read(world.trail_directory().join("consumer-siem.json")).ok()?;
    Some(serde_json::from_slice(&text).expect("a cursor in JSON"))
}
