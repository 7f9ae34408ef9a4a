//! Who is let in, and who is not: tokens and the keys that they are checked with.

mod algorithms;
mod claims;
mod forms;
mod issuers;
mod keys;
mod outages;

use crate::support::configuration::borrowed;
use crate::support::issuer::{Issuer, Token};
use crate::support::vendor::Vendor;
use crate::support::world::World;

/// A path that a token with every scope opens.
const PATH: &str = "/conferences/IM3";

/// A world in which no address is shut out for its bad tokens.
async fn patient_world() -> World {
    World::with(&[("AUTHN__ADDRESS_LIMIT__BURST", "100000")]).await
}

/// The same, with further issuers: each with these settings beside its name.
async fn world_of(issuer: Issuer, others: &[(&str, &[(&str, &str)])]) -> World {
    let mut changes = vec![("AUTHN__ADDRESS_LIMIT__BURST".to_owned(), "100000".to_owned())];
    for (number, (name, settings)) in others.iter().enumerate() {
        let key = |key: &str| format!("AUTHN__ISSUERS__{}__{key}", number + 1);
        changes.push((key("ISSUER"), (*name).to_owned()));
        changes.extend(settings.iter().map(|(name, value)| (key(name), (*value).to_owned())));
    }
    let world = World::around(Vendor::start().await, issuer, &borrowed(&changes)).await;
    world.until_ready().await;
    world
}

/// A token that must not get in, the answer's code, and what the trail says beyond it.
struct Attack {
    name: String,
    token: String,
    code: &'static str,
    detail: &'static str,
}

fn malformed(name: impl Into<String>, token: Token, detail: &'static str) -> Attack {
    Attack { name: name.into(), token: token.build(), code: "token_malformed", detail }
}

fn rejected(name: impl Into<String>, token: Token, detail: &'static str) -> Attack {
    Attack { name: name.into(), token: token.build(), code: "token_rejected", detail }
}

/// Sends each: all are refused with 401 and a challenge, the caller does not learn why, the trail does, neither keeps
/// the token, and the vendor sees nothing. A good token comes through afterwards.
async fn refused(world: &World, attacks: &[Attack]) {
    for Attack { name, token, code, detail } in attacks {
        let answer = world.call_as(&format!("Bearer {token}"), "GET", PATH, "").await;
        assert_eq!((answer.status, answer.problem().as_str()), (401, *code), "{name}");
        let challenge = answer.header("www-authenticate").expect("a challenge");
        assert!(
            challenge.starts_with("Bearer realm=\"confgate\", error=\"invalid_token\""),
            "{name}: {challenge}"
        );
        let told = format!("{challenge} {}", answer.text());
        assert!(!told.contains(detail), "{name}: the caller is told {detail:?}");
        let outcome = world.trail.outcome_of(answer.request_id()).await;
        assert_eq!((&outcome["reason"], &outcome["detail"]), (&(*code).into(), &(*detail).into()), "{name}");
        assert_eq!((&outcome["decision"], &outcome["status"]), (&"refused".into(), &401.into()), "{name}");
        assert!(outcome["tenant"].is_null() && outcome["subject"].is_null(), "{name}: {outcome}");
    }
    assert_eq!(world.vendor.calls().len(), 0, "the vendor saw a call of a stranger");
    holds_none_of(world, attacks.iter().map(|attack| attack.token.as_str()));
    assert_eq!(world.call("GET", PATH, "").await.status, 200, "a good token is refused too");
}

/// No part of these tokens stands in the trail.
fn holds_none_of<'t>(world: &World, tokens: impl IntoIterator<Item = &'t str>) {
    let trail = world.trail.lines().join("\n");
    for part in tokens.into_iter().flat_map(|token| token.split('.')).filter(|part| part.len() > 12) {
        assert!(!trail.contains(part), "the trail has {part}");
    }
}

/// The token opens the door, for tenant `crm`.
async fn admitted(world: &World, token: &str) {
    let before = world.vendor.calls().len();
    let answer = world.call_as(&format!("Bearer {token}"), "GET", PATH, "").await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(world.vendor.calls().len(), before + 1);
    let outcome = world.trail.outcome_of(answer.request_id()).await;
    assert_eq!((&outcome["tenant"], &outcome["reason"]), (&"crm".into(), &serde_json::Value::Null));
    assert_eq!((&outcome["decision"], &outcome["vendor_status"]), (&"allowed".into(), &200.into()));
    holds_none_of(world, [token]);
}
