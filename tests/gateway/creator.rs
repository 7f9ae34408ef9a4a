//! Who becomes a conference's administrator.

use serde_json::{Value, json};

use crate::support::client::Answer;
use crate::support::issuer::Token;
use crate::support::world::World;

async fn create(world: &World, token: Token, body: &str) -> Answer {
    world.call_as(&token.bearer(), "POST", "/conferences", body).await
}

/// The creator that the vendor was told with the last call, after checking that the trail was told the same.
async fn creator(world: &World, answer: &Answer) -> Value {
    assert_eq!(answer.status, 200, "{}", answer.text());
    let creator = world.vendor.calls().last().expect("a call").json()["creator"].clone();
    let id = answer.header("x-request-id").expect("an id");
    let (intent, outcome) = (world.trail.intent_of(id).await, world.trail.outcome_of(id).await);
    assert_eq!((&intent["body"]["creator"], &outcome["creator"]), (&creator, &creator));
    creator
}

async fn forbidden(world: &World, answer: &Answer, scope: Option<&str>) {
    assert_eq!((answer.status, answer.problem().as_str()), (403, "creator_forbidden"));
    let challenge = scope
        .map(|scope| format!("Bearer realm=\"confgate\", error=\"insufficient_scope\", scope=\"{scope}\""));
    assert_eq!(answer.header("www-authenticate"), challenge.as_deref());
    assert_eq!(world.vendor.calls().len(), 0);
    let outcome = world.trail.outcome_of(answer.header("x-request-id").expect("an id")).await;
    assert_eq!((&outcome["reason"], &outcome["intent"]), (&json!("creator_forbidden"), &Value::Null));
}

#[tokio::test]
async fn the_caller_becomes_the_creator_in_lower_case() {
    let world = World::start().await;
    let caller = || world.issuer.token().claim("sub", "HuangCL").claim("scope", "conference:create");
    for body in ["", "{}", r#"{"creator":"huangcl"}"#, r#"{"creator":"HUANGCL"}"#, r#"{"creator":"HuangCL"}"#]
    {
        let answer = create(&world, caller(), body).await;
        assert_eq!(creator(&world, &answer).await, "huangcl", "{body}");
        let outcome = world.trail.outcome_of(answer.header("x-request-id").expect("an id")).await;
        assert_eq!(outcome["subject"], "HuangCL", "the trail names the caller as the issuer does");
    }
}

#[tokio::test]
async fn someone_else_takes_the_scope_for_it() {
    let world = World::start().await;
    let body = r#"{"creator":"YangSS"}"#;
    let without = create(&world, world.issuer.token().claim("scope", "conference:create"), body).await;
    forbidden(&world, &without, Some("conference:create_for_others")).await;
    let with = create(&world, world.issuer.token(), body).await;
    assert_eq!(creator(&world, &with).await, "yangss");
}

#[tokio::test]
async fn the_scope_for_others_is_none_to_create() {
    let world = World::start().await;
    let token = world.issuer.token().claim("scope", "conference:create_for_others");
    let answer = create(&world, token, r#"{"creator":"yangss"}"#).await;
    assert_eq!((answer.status, answer.problem().as_str()), (403, "scope_missing"));
    assert_eq!(world.vendor.calls().len(), 0);
}

#[tokio::test]
async fn a_subject_that_is_no_user_name_creates_for_others_only() {
    let world = World::start().await;
    let caller = || world.issuer.token().claim("sub", "auth0|17");
    forbidden(&world, &create(&world, caller(), "{}").await, None).await;
    let answer = create(&world, caller(), r#"{"creator":"yangss"}"#).await;
    assert_eq!(creator(&world, &answer).await, "yangss");
}

#[tokio::test]
async fn another_claim_can_name_the_user() {
    let world = World::with(&[("AUTHN__ISSUERS__0__USER_CLAIM", "easemob")]).await;
    let token = world.issuer.token().claim("sub", "auth0|17").claim("easemob", "Huang.CL");
    let answer = create(&world, token, "{}").await;
    assert_eq!(creator(&world, &answer).await, "huang.cl");
}
