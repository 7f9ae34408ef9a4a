//! What a token says, and when it may say it.

use serde_json::{Value, json};

use super::{Attack, admitted, patient_world, refused, rejected};
use crate::support::issuer::unix_now;

const DAY: i64 = 86_400;

#[tokio::test]
async fn a_required_claim_is_there_and_of_its_type() {
    let world = patient_world().await;
    let token = || world.issuer.token();
    let no_text = [json!(1), json!(true), json!(null), json!({}), json!({"a": "confgate"})];
    let in_a_list = |text: &str| json!([text]);
    let mut attacks = Vec::new();
    let mut each = |claim: &str, values: &[Value], detail: &'static str| {
        attacks.push(rejected(format!("no {claim}"), token().without(claim), missing(claim)));
        for value in values {
            attacks.push(rejected(
                format!("{claim} is {value}"),
                token().claim(claim, value.clone()),
                detail,
            ));
        }
    };
    let with = |more: &[Value]| [&no_text[..], more].concat();
    each("iss", &with(&[in_a_list(world.issuer.name())]), missing("iss"));
    each("aud", &with(&[json!([1]), json!(["confgate", 1]), json!([["confgate"]])]), AUD);
    let dates = [json!("1"), json!("9999999999"), json!(-1), json!(1e300), json!([unix_now() + 60])];
    each("exp", &[&with(&dates)[1..], &[json!(253_402_300_800_i64)]].concat(), "exp is not a date");
    let names = [json!(""), in_a_list("huangcl"), json!("x".repeat(257)), json!("a\nb"), json!("a\u{0}")];
    each("sub", &with(&names), missing("sub"));
    each("tenant", &with(&[json!(""), in_a_list("crm"), json!("../crm"), json!("c rm")]), missing("tenant"));
    refused(&world, &attacks).await;
}

const AUD: &str = "aud is not a string or an array of strings";

fn missing(claim: &str) -> &'static str {
    match claim {
        "iss" => "iss is missing or not a string",
        "aud" => "aud is missing",
        "exp" => "exp is missing",
        "sub" => "sub is missing or not a name",
        "tenant" => "the tenant claim is missing or not a tenant",
        other => panic!("{other} is not required"),
    }
}

#[tokio::test]
async fn issuer_and_audience_are_compared_to_the_letter() {
    let world = patient_world().await;
    let token = || world.issuer.token();
    let name = world.issuer.name();
    let mut attacks = Vec::new();
    for issuer in ["", "https://other.test", &name.to_uppercase(), &format!("{name}/"), &format!(" {name}")] {
        let attack = rejected(
            format!("iss {issuer:?}"),
            token().claim("iss", issuer),
            "iss is not an accepted issuer",
        );
        attacks.push(attack);
    }
    let others =
        [json!(""), json!([]), json!("other"), json!("Confgate"), json!("confgate "), json!(["a", "b"])];
    for audience in others {
        let token = token().claim("aud", audience.clone());
        attacks.push(rejected(format!("aud {audience}"), token, "aud names another audience"));
    }
    refused(&world, &attacks).await;
    admitted(&world, &token().claim("aud", json!(["other", "confgate"])).build()).await;
    admitted(&world, &token().claim("aud", json!(["confgate"])).build()).await;
}

#[tokio::test]
async fn an_optional_claim_is_of_its_type_where_it_is_there() {
    let world = patient_world().await;
    let token = || world.issuer.token();
    let mut attacks = Vec::new();
    for value in [json!(1), json!({}), json!([1]), json!(true)] {
        let fault = "the scope claim is not a string or an array of strings";
        attacks.push(rejected(format!("scope {value}"), token().claim("scope", value), fault));
    }
    for value in [json!(1), json!(""), json!(["a"]), json!("x".repeat(257))] {
        attacks.push(rejected(format!("jti {value}"), token().claim("jti", value), "jti is not a name"));
    }
    for value in [json!("now"), json!([]), json!(-5), json!(true)] {
        for (claim, fault) in [("nbf", "nbf is not a date"), ("iat", "iat is not a date")] {
            attacks.push(rejected(format!("{claim} {value}"), token().claim(claim, value.clone()), fault));
        }
    }
    refused(&world, &attacks).await;
    for optional in ["jti", "iat"] {
        admitted(&world, &token().without(optional).build()).await;
    }
    let whole_or_not = f64::from(u32::try_from(unix_now() + 60).unwrap()) + 0.5;
    admitted(&world, &token().claim("exp", whole_or_not).build()).await;
}

#[tokio::test]
async fn a_lifetime_is_a_day_at_most() {
    let world = patient_world().await;
    let token = || world.issuer.token();
    let now = unix_now();
    let lives = |iat: i64, exp: i64| token().claim("iat", iat).claim("exp", exp);
    let too_long = "the lifetime is too long";
    let empty = "the lifetime is empty";
    refused(
        &world,
        &[
            rejected("a second more than a day", lives(now, now + DAY + 1), too_long),
            rejected("a day that began long ago", lives(now - DAY, now + 10), too_long),
            rejected("a year without iat", token().without("iat").expires_in(365 * DAY), too_long),
            rejected(
                "a year from nbf on",
                token().without("iat").claim("nbf", now).expires_in(365 * DAY),
                too_long,
            ),
            rejected("iat is exp", lives(now + 5, now + 5), empty),
            rejected("exp in 1970", lives(now, 0), empty),
            rejected("nbf after exp", token().claim("nbf", now + 700), empty),
        ],
    )
    .await;
    admitted(&world, &lives(now, now + DAY).build()).await;
}

#[tokio::test]
async fn clocks_may_differ_by_the_leeway() {
    let world = patient_world().await;
    let now = unix_now();
    let token = || world.issuer.token().claim("iat", now - 600);
    admitted(&world, &token().expires_in(-15).build()).await;
    admitted(&world, &token().claim("nbf", now + 20).build()).await;
    admitted(&world, &token().claim("iat", now + 20).build()).await;

    let expired = |token| Attack { code: "token_expired", ..rejected("expired", token, "exp has passed") };
    let early =
        |token| Attack { code: "token_not_yet_valid", ..rejected("early", token, "nbf or iat lies ahead") };
    let world = patient_world().await;
    refused(
        &world,
        &[
            expired(token().expires_in(-31)),
            expired(token().expires_in(-500)),
            early(token().claim("nbf", now + 120)),
            early(token().claim("iat", now + 120)),
        ],
    )
    .await;
}

#[tokio::test]
async fn a_forger_is_not_told_that_his_token_has_expired() {
    let world = patient_world().await;
    let token = || world.issuer.token().claim("iat", unix_now() - 600);
    let forged = "the signature is not that of the key";
    refused(
        &world,
        &[
            rejected("forged and expired", token().expires_in(-300).broken(), forged),
            rejected("forged and early", token().claim("nbf", unix_now() + 300).broken(), forged),
            rejected("forged, for another audience", token().claim("aud", "other").broken(), forged),
        ],
    )
    .await;
}

#[tokio::test]
async fn a_tenant_that_is_not_configured_has_no_access() {
    let world = patient_world().await;
    let token = world.issuer.token().claim("tenant", "stranger");
    let answer = world.call_as(&token.clone().bearer(), "GET", super::PATH, "").await;
    assert_eq!((answer.status, answer.problem().as_str()), (403, "tenant_unknown"));
    let outcome = world.trail.outcome_of(answer.request_id()).await;
    assert_eq!(outcome["detail"], "no tenant stranger is configured");
    assert_eq!(world.vendor.calls().len(), 0);
    super::holds_none_of(&world, [token.build().as_str()]);
}
