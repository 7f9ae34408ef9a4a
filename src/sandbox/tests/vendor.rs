//! The vendor's own calls.

use http::Method;
use serde_json::json;

use super::*;

#[tokio::test]
async fn a_token_is_issued_for_the_right_credentials_only() {
    let sandbox = start().await;
    let reply = sandbox.token_reply("meet", &credentials("meet").to_string()).await;
    assert_eq!(fields(&reply.body), ["access_token", "expires_in", "application"]);
    assert_eq!(reply.json()["expires_in"], 5_184_000);

    for (change, expected) in [
        (json!({"client_id": "x"}), "invalid_grant"),
        (json!({"client_secret": "x"}), "invalid_grant"),
        (json!({"client_id": 1}), "illegal_argument"),
        (json!({"grant_type": "password"}), "illegal_argument"),
        (json!({"grant_type": null}), "illegal_argument"),
    ] {
        let mut body = credentials("meet");
        body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let reply = sandbox.token_reply("meet", &body.to_string()).await;
        assert_eq!(reply.error(), (400, json!(expected)), "{change}");
        assert_eq!(fields(&reply.body)[..4], ["error", "exception", "timestamp", "duration"], "{change}");
    }
    assert_eq!(sandbox.token_reply("meet", "{").await.error(), (400, json!("json_parse")));
    let reply = sandbox.token_reply("other", &credentials("meet").to_string()).await;
    assert_eq!(reply.error(), (404, json!("organization_application_not_found")));
}

#[tokio::test]
async fn calls_need_a_live_token_of_their_own_app() {
    let sandbox = start().await;
    let get =
        async |token: &str| sandbox.call(Method::GET, "/conferences/X", token, "").await.unwrap().error();
    let refused = (401, json!("unauthorized"));
    let unknown = (404, json!(-301));
    assert_eq!(get("").await, refused);
    assert_eq!(get("YWMtx").await, refused);
    assert_eq!(get(&sandbox.fetch_token("class").await).await, refused);
    let second = sandbox.fetch_token("meet").await;
    assert_eq!(get(&second).await, unknown);
    assert_eq!(get(&sandbox.token).await, unknown, "the first lives on");

    assert_eq!(sandbox.control("DELETE", "/tokens", Value::Null).await.json()["revoked"], 3);
    assert_eq!(get(&second).await, refused);
}

#[tokio::test]
async fn a_token_expires() {
    let sandbox = start().await;
    let id = sandbox.conference(json!({})).await;
    let settings = json!({"token_lifetime_s": 1});
    assert_eq!(sandbox.control("PATCH", "/settings", settings).await.status, 200);
    let short = Running { token: sandbox.fetch_token("meet").await, ..sandbox };
    assert_eq!(short.eventually(&id, 401).await.error(), (401, json!("unauthorized")));
    assert_eq!(sandbox.get(&id).await.status, 200, "issued before the change");
}

#[tokio::test]
async fn the_vendors_own_example_is_answered_as_on_its_page() {
    let sandbox = start().await;
    let body = r#"{"allowAudienceTalk":true,"confrDelayMillis":3600,"confrType":10,"creator":"huangcl","memDefaultRole":3}"#;
    let created = sandbox.create(body).await;
    assert_eq!(created.status, 200);
    let documented = [
        "error",
        "id",
        "type",
        "mixed",
        "password",
        "audienceLimit",
        "talkerLimit",
        "expireDate",
        "allowAudienceTalk",
    ];
    assert_eq!(fields(&created.body), documented);
    let conference = created.json();
    assert_eq!((&conference["error"], &conference["type"]), (&json!(0), &json!(10)));
    assert_eq!((&conference["audienceLimit"], &conference["talkerLimit"]), (&json!(600), &json!(6)));
    assert_eq!((&conference["mixed"], &conference["allowAudienceTalk"]), (&json!(false), &json!(true)));
    assert_eq!(conference["expireDate"].as_str().unwrap().len(), "2019-06-14 15:41:58".len());

    let id = conference["id"].as_str().unwrap();
    let found = sandbox.get(id).await;
    assert_eq!(found.status, 200);
    let mut expected = conference.clone();
    expected.as_object_mut().unwrap().remove("expireDate");
    expected["mems"] = json!([]);
    assert_eq!(found.json(), expected);
}

#[tokio::test]
async fn dissolve_and_kick_answer_zero_and_then_there_is_nothing() {
    let sandbox = start().await;
    let id = sandbox.conference(json!({})).await;
    assert_eq!(sandbox.delete(&id).await.body, r#"{"error":0}"#);
    for reply in
        [sandbox.get(&id).await, sandbox.delete(&id).await, sandbox.delete(&format!("{id}/yangss")).await]
    {
        assert_eq!(reply.error(), (404, json!(-302)));
    }
    assert_eq!(sandbox.delete("NEVERWAS").await.error(), (404, json!(-301)));
}

#[tokio::test]
async fn members_are_listed_and_kicked_whatever_their_names_case() {
    let sandbox = start().await;
    let id = sandbox.conference(json!({"creator": "HuangCL"})).await;
    assert_eq!(sandbox.join(&id, "huangcl").await.status, 200);
    assert_eq!(sandbox.join(&id, "YangSS").await.status, 200);
    let members = sandbox.get(&id).await.json()["mems"].clone();
    assert_eq!(members[0]["memName"], format!("{ORG}#meet_huangcl"));
    assert_eq!((&members[0]["role"], &members[1]["role"]), (&json!(7), &json!(3)));

    assert_eq!(sandbox.delete(&format!("{id}/nobody")).await.body, r#"{"error":0}"#);
    assert_eq!(sandbox.delete(&format!("{id}/YANGSS")).await.body, r#"{"error":0}"#);
    assert_eq!(sandbox.get(&id).await.json()["mems"].as_array().unwrap().len(), 1);
    sandbox.delete(&format!("{id}/huangcl")).await;
    assert_eq!(sandbox.get(&id).await.error(), (404, json!(-302)), "the last one was kicked");

    sandbox.control("PATCH", "/settings", json!({"members_in_get": false})).await;
    let id = sandbox.conference(json!({})).await;
    assert!(sandbox.get(&id).await.json().get("mems").is_none());
}

#[tokio::test]
async fn an_empty_conference_is_dissolved_and_a_joined_one_lives_until_the_last_leaves() {
    let sandbox = start().await;
    let joined = sandbox.conference(json!({"confrDelayMillis": 1000})).await;
    assert_eq!(sandbox.join(&joined, "a").await.status, 200);
    let empty = sandbox.conference(json!({"confrDelayMillis": 1000})).await;
    assert_eq!(sandbox.eventually(&empty, 404).await.error(), (404, json!(-302)));
    assert_eq!(sandbox.join(&empty, "a").await.status, 404, "too late");
    assert_eq!(sandbox.get(&joined).await.status, 200, "its delay is over, too");

    let member = format!("/conferences/{joined}/members/A");
    assert_eq!(sandbox.control("DELETE", &member, Value::Null).await.status, 200);
    assert_eq!(sandbox.get(&joined).await.status, 404);
}

#[tokio::test]
async fn bad_bodies_are_told_in_the_vendors_forms() {
    let sandbox = start().await;
    assert_eq!(sandbox.create(r#"{"confrType":"10"}"#).await.error(), (200, json!(-200)));
    assert_eq!(sandbox.create("{").await.error(), (400, json!("json_parse")));
    let large = format!(r#"{{"password":"{}"}}"#, "x".repeat(70_000));
    assert_eq!(sandbox.create(&large).await.status, 413);
    assert_eq!(sandbox.create("").await.error(), (200, json!(0)));
}

#[tokio::test]
async fn unknown_paths_answer_like_the_platform() {
    let sandbox = start().await;
    for (method, path) in
        [(Method::POST, "/conferences/room"), (Method::PUT, "/conferences"), (Method::GET, "/users")]
    {
        let reply = sandbox.call(method, path, &sandbox.token, "").await.unwrap();
        assert_eq!(reply.error(), (404, json!("service_resource_not_found")), "{path}");
    }
    assert_eq!(sandbox.get("room").await.error(), (404, json!(-301)));
}
