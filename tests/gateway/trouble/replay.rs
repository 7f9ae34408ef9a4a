//! The vendor's 401: the token is replaced once, the call sent once more, and no caller ever sees it.

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::{PATH, passed_on, refused};
use crate::support::CREATE;
use crate::support::client::Answer;
use crate::support::server::{Gate, Reply};
use crate::support::world::World;

fn unauthorized() -> Reply {
    Reply::json(401, &json!({"error": "unauthorized", "error_description": "canary"}))
}

#[tokio::test]
async fn two_hundred_callers_with_a_401_share_one_fetch() {
    let world = World::start().await;
    world.until_tokens_have_aged().await;
    let gate = Gate::closed();
    world.vendor.revoke_tokens();
    world.vendor.hold_tokens(&gate);
    let callers = join_all((0..200).map(|number| {
        let world = &world;
        async move {
            match number % 2 {
                0 => world.call("GET", PATH, "").await,
                _ => world.call("POST", "/conferences", CREATE).await,
            }
        }
    }));
    let opening = async {
        // All of them have sent with the old token, and no answer of the new one is out.
        world.vendor.wait_for(200).await;
        gate.open();
    };
    let (answers, ()): (Vec<Answer>, ()) = tokio::join!(callers, opening);
    passed_on(&world, answers.last().unwrap(), 200).await;
    assert!(answers.iter().all(|answer| answer.status == 200));
    let outcomes = |records: &[Value]| {
        let outcomes: Vec<Value> =
            records.iter().filter(|record| record["kind"] == "outcome").cloned().collect();
        (outcomes.len() == 200).then_some(outcomes)
    };
    let outcomes = world.trail.wait_until("200 outcomes", outcomes).await;
    assert!(outcomes.iter().all(|outcome| outcome["attempts"] == 2 && outcome["vendor_status"] == 200));
    assert_eq!(world.vendor.fetches_for_crm(), 2);
    assert_eq!(world.vendor.calls().len(), 400);
    let creates = world.vendor.calls().into_iter().filter(|call| call.method == "POST").count();
    assert_eq!((creates, super::count(&world, "intent")), (200, 100), "one intent for both attempts");
}

#[tokio::test]
async fn a_late_401_leaves_the_newer_token_alone() {
    let world = World::start().await;
    world.until_tokens_have_aged().await;
    let gate = Gate::closed();
    world.vendor.script(unauthorized().behind(&gate));
    let late = world.call("GET", PATH, "");
    let meanwhile = async {
        world.vendor.wait_for(1).await;
        world.vendor.revoke_tokens();
        let answer = world.call("GET", PATH, "").await;
        assert_eq!(passed_on(&world, &answer, 200).await["attempts"], 2);
        assert_eq!(world.vendor.fetches_for_crm(), 2);
        gate.open();
    };
    let (late, ()) = tokio::join!(late, meanwhile);
    assert_eq!(passed_on(&world, &late, 200).await["attempts"], 2);
    assert_eq!(world.vendor.fetches_for_crm(), 2, "the newer token was discarded");
    let answer = world.call("GET", PATH, "").await;
    assert_eq!(passed_on(&world, &answer, 200).await["attempts"], 1);
}

#[tokio::test]
async fn a_401_without_end_is_the_gateways_fault_and_fetches_ever_more_seldom() {
    let world = World::start().await;
    world.until_tokens_have_aged().await;
    (0..200).for_each(|_| _ = world.vendor.script(unauthorized()));
    let first = world.call("POST", "/conferences", CREATE).await;
    let outcome = refused(&world, &first, 502, "vendor_refused_credentials").await;
    assert_eq!((&outcome["attempts"], &outcome["outcome_unknown"]), (&2.into(), &false.into()));
    assert_eq!(outcome["vendor_status"], 401);
    assert!(!first.text().contains("canary") && first.header("www-authenticate").is_none());
    assert_eq!(world.vendor.fetches_for_crm(), 2);
    for _ in 0..50 {
        let answer = world.call("GET", PATH, "").await;
        assert_eq!((answer.status, answer.problem().as_str()), (502, "vendor_refused_credentials"));
    }
    // The interval of 10 ms doubles with each: these would take more than 10 seconds.
    assert!(world.vendor.fetches_for_crm() <= 12, "{} fetches", world.vendor.fetches_for_crm());
    // The token stays in service: 401 may mean something that no token cures.
    world.until_ready().await;
}

#[tokio::test]
async fn a_young_token_is_not_replaced_at_all() {
    let world = World::with(&[("VENDOR__MIN_INTERVAL", "1m"), ("VENDOR__MAX_BACKOFF", "5m")]).await;
    (0..60).for_each(|_| _ = world.vendor.script(unauthorized()));
    let answers = join_all((0..30).map(|_| world.call("DELETE", PATH, ""))).await;
    for answer in &answers {
        let outcome = refused(&world, answer, 502, "vendor_refused_credentials").await;
        assert_eq!((&outcome["attempts"], &outcome["vendor_us"].is_u64()), (&1.into(), &true));
        assert_eq!(outcome["detail"], "the token was renewed a moment ago and is refused again");
    }
    assert_eq!((world.vendor.fetches_for_crm(), world.vendor.calls().len()), (1, 30));
}

#[tokio::test]
async fn a_401_while_no_token_is_to_be_had_is_no_401_for_the_caller() {
    let world = World::with(&[("VENDOR__MAX_BACKOFF", "50ms")]).await;
    world.until_tokens_have_aged().await;
    world.vendor.revoke_tokens();
    world.vendor.answer_tokens_with(Some(Reply::json(400, &json!({"error": "invalid_grant"}))));
    let answer = world.call("POST", "/conferences", CREATE).await;
    let outcome = refused(&world, &answer, 502, "vendor_refused_credentials").await;
    assert_eq!(outcome["detail"], "the token endpoint answered 400 (invalid_grant)");
    assert_eq!((&outcome["attempts"], &outcome["outcome_unknown"]), (&1.into(), &false.into()));
    world.vendor.answer_tokens_with(None);
    let fetched = |status: &Value| status["apps"][0]["token"]["last_error"].is_null();
    world.until_status("a token", fetched).await;
    let answer = world.call("POST", "/conferences", CREATE).await;
    passed_on(&world, &answer, 200).await;
}

#[tokio::test]
async fn one_apps_401_is_not_the_others() {
    let world = World::start().await;
    world.until_tokens_have_aged().await;
    let others = || world.issuer.token().claim("tenant", "acme").bearer();
    (0..2).for_each(|_| _ = world.vendor.script(unauthorized()));
    assert_eq!(world.call("GET", PATH, "").await.status, 502);
    let answer = world.call_as(&others(), "GET", PATH, "").await;
    assert_eq!(passed_on(&world, &answer, 200).await["attempts"], 1);
    let of_other = world.vendor.token_calls().len() - world.vendor.fetches_for_crm();
    assert_eq!((of_other, world.vendor.fetches_for_crm()), (1, 2));
}
