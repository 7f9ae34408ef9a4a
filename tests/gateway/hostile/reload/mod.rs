//! Everything moves underneath a gateway that serves: its configuration, secrets, keys. What is good takes effect at
//! once and whole; what is not changes nothing; either way nobody's request is lost.

mod beside;
mod files;
mod issuers;
mod limits;
mod load;
mod tenants;

use serde_json::{Value, json};

use crate::support::tally::Tally;
use crate::support::world::World;

/// Looks at its files all the time.
const WATCHFUL: (&str, &str) = ("RELOAD__EVERY", "10ms");
/// Waits to be asked.
const PATIENT: (&str, &str) = ("RELOAD__EVERY", "0s");

fn tally() -> Tally {
    Tally::of("reload")
}

/// Waits until this configuration is in effect.
async fn until_generation(world: &World, generation: u64) {
    let what = format!("generation {generation}");
    world.until_status(&what, |status| status["configuration"]["generation"] == generation).await;
}

/// Waits until a configuration was refused for a reason that says `why`.
async fn until_refused(world: &World, why: &str) {
    let says = |status: &Value| {
        status["configuration"]["last_error"]["message"].as_str().is_some_and(|message| message.contains(why))
    };
    world.until_status(&format!("a configuration refused for {why}"), says).await;
}

/// The record of the change to this generation.
async fn recorded(world: &World, generation: u64) -> Value {
    let is_it = |record: &&Value| record["kind"] == "reload" && record["generation"] == generation;
    let what = format!("the reload to generation {generation}");
    world.trail.wait_until(&what, |records| records.iter().find(is_it).cloned()).await
}

/// A look at a conference, by a user of a tenant.
async fn get(world: &World, tenant: &str, user: &str) -> crate::support::client::Answer {
    let bearer = world.issuer.token().claim("tenant", tenant).claim("sub", user).bearer();
    world.call_as(&bearer, "GET", "/conferences/IM3", "").await
}

/// What a record says of one key.
fn changed(key: &str, from: impl Into<Value>, to: impl Into<Value>) -> Value {
    json!({"key": key, "from": from.into(), "to": to.into(), "needs_restart": false})
}

/// Checks that `/metrics` has this line.
async fn tells(world: &World, line: &str) {
    let metrics = world.metrics().await;
    assert!(metrics.lines().any(|told| told == line), "no {line} in\n{metrics}");
}
