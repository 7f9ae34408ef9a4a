//! What the body of a create may say: each rule by its pointer, and every fault at once.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::bodies::{JSON, create, refused};
use crate::support::client::Answer;
use crate::support::world::World;

/// What is said of each pointer.
fn faults(answer: &Answer) -> BTreeMap<String, String> {
    let problem = answer.json();
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let errors = problem["errors"].as_array().expect("errors").iter();
    errors.map(|error| (text(&error["pointer"]), text(&error["detail"]))).collect()
}

#[tokio::test]
async fn each_field_has_its_rule_and_its_pointer() {
    let world = World::start().await;
    let long = "x".repeat(129);
    for (body, pointer, advice) in [
        (json!({"confrType": 13}), "/confrType", "10 (normal), 11 (large) or 12 (live)"),
        (json!({"confrType": "10"}), "/confrType", "integer, not a string"),
        (json!({"confrType": 10.0}), "/confrType", "without fraction"),
        (json!({"password": null}), "/password", "string, not null"),
        (json!({"password": long}), "/password", "0 to 128 characters"),
        (json!({"password": "a\u{0}b"}), "/password", "control character"),
        (json!({"confrDelayMillis": 3600}), "/confrDelayMillis", "for 3600 seconds send 3600000"),
        (json!({"confrDelayMillis": 9999}), "/confrDelayMillis", "the unit is milliseconds"),
        (json!({"confrDelayMillis": 3_600_001}), "/confrDelayMillis", "10000 to 3600000 milliseconds"),
        (json!({"confrDelayMillis": -1}), "/confrDelayMillis", "10000 to 3600000 milliseconds"),
        (json!({"memDefaultRole": 2}), "/memDefaultRole", "1 (audience), 3 (talker) or 7 (admin)"),
        (json!({"allowAudienceTalk": "true"}), "/allowAudienceTalk", "true or false, not a string"),
        (json!({"creator": "a/b"}), "/creator", "A-Z a-z 0-9 _ . -"),
        (json!({"creator": ".."}), "/creator", "not \".\" or \"..\""),
        (json!({"creator": ""}), "/creator", "1 to 64 characters"),
        (json!({"rec": 1}), "/rec", "true or false, not a number"),
        (json!({"recMerge": null}), "/recMerge", "true or false, not null"),
        (json!({"supportWechatMiniProgram": {}}), "/supportWechatMiniProgram", "not an object"),
        (json!({"useVCodes": "H264"}), "/useVCodes", "array of at most 16"),
        (json!({"useVCodes": ["VP8", 7]}), "/useVCodes/1", "string, not a number"),
        (json!({"useVCodes": vec!["VP8"; 17]}), "/useVCodes", "17 elements; the most is 16"),
        (json!({"maxTalkerCount": -1}), "/maxTalkerCount", "0 to 1000000"),
        (json!({"maxVideoCount": 1_000_001}), "/maxVideoCount", "0 to 1000000"),
        (json!({"maxAudienceCount": true}), "/maxAudienceCount", "integer, not a boolean"),
        (json!({"confrId": "mine"}), "/confrId", "gives the id"),
        (json!({"confType": 10}), "/confType", "did you mean \"confrType\"?"),
        (json!({"a/b~c": 10}), "/a~1b~0c", "is not a field of a create"),
    ] {
        let answer = create(&world, &[JSON], body.to_string()).await;
        refused(&world, &answer, "body_invalid").await;
        let faults = faults(&answer);
        assert_eq!(faults.len(), 1, "{body}: {faults:?}");
        let detail = faults.get(pointer).unwrap_or_else(|| panic!("no {pointer} in {faults:?}"));
        assert!(detail.contains(advice), "{body}: {detail}");
    }
}

#[tokio::test]
async fn every_fault_is_told_at_once_without_repeating_a_password() {
    let world = World::start().await;
    let body = r#"{"confrType":9,"password":["canary"],"confrDelayMillis":5,"memDefaultRole":2,"allowAudienceTalk":0,
        "creator":"a b","rec":"yes","rec":"no","recMerge":1,"supportWechatMiniProgram":2,"useVCodes":["",3],
        "maxTalkerCount":"6","maxVideoCount":-1,"maxAudienceCount":1.5,"confrId":"x","room":true}"#;
    let answer = create(&world, &[JSON], body).await;
    refused(&world, &answer, "body_invalid").await;
    let faults = faults(&answer);
    let pointers: Vec<&str> = faults.keys().map(String::as_str).collect();
    assert_eq!(
        pointers,
        [
            "/allowAudienceTalk",
            "/confrDelayMillis",
            "/confrId",
            "/confrType",
            "/creator",
            "/maxAudienceCount",
            "/maxTalkerCount",
            "/maxVideoCount",
            "/memDefaultRole",
            "/password",
            "/rec",
            "/recMerge",
            "/room",
            "/supportWechatMiniProgram",
            "/useVCodes/0",
            "/useVCodes/1",
        ]
    );
    assert_eq!(faults["/rec"], "is given more than once");
    assert!(!answer.text().contains("canary"));
    assert!(!world.trail.lines().join("\n").contains("canary"));
}

#[tokio::test]
async fn the_bounds_of_the_delay_are_the_operators() {
    let world = World::with(&[("CREATE__MIN_DELAY", "1s"), ("CREATE__MAX_DELAY", "2s")]).await;
    for (delay, status) in [(999, 422), (1000, 200), (2000, 200), (2001, 422)] {
        let answer = create(&world, &[JSON], json!({"confrDelayMillis": delay}).to_string()).await;
        assert_eq!(answer.status, status, "{delay}: {}", answer.text());
        world.trail.outcome_of(answer.header("x-request-id").expect("an id")).await;
    }
    assert_eq!(world.vendor.calls().len(), 2);
}

#[tokio::test]
async fn what_is_no_json_object_is_malformed() {
    let world = World::start().await;
    let deep = "[".repeat(10_000);
    let not_utf8: &[u8] = b"{\"password\":\"\xff\"}";
    for body in [
        b"nonsense".as_slice(),
        b"[]",
        b"null",
        b"\"{}\"",
        b"10",
        b"{",
        b"{}{}",
        b"{} x",
        b"{\"confrType\":10,}",
        b"{'confrType':10}",
        b"\xef\xbb\xbf{}",
        b" ",
        deep.as_bytes(),
        not_utf8,
    ] {
        let answer = create(&world, &[JSON], body).await;
        refused(&world, &answer, "body_malformed").await;
    }
}
