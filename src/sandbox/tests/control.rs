//! The control API.

use serde_json::{Value, json};

use super::*;

#[tokio::test]
async fn joins_keep_to_password_and_limits() {
    let sandbox = start().await;
    let id = sandbox.conference(json!({"password": "sesame", "maxTalkerCount": 1})).await;
    let members = format!("/conferences/{id}/members");
    let wrong = json!({"user": "a", "password": "x"});
    let reply = sandbox.control("POST", &members, wrong).await;
    assert_eq!(reply.error(), (403, json!("the password is wrong")));
    let right = json!({"user": "a", "password": "sesame"});
    assert_eq!(sandbox.control("POST", &members, right).await.status, 200);
    let reply = sandbox.join(&id, "b").await;
    assert_eq!(reply.error(), (409, json!("the conference is full: talkerLimit is 1")));
    assert_eq!(sandbox.join(&id, "a/b").await.status, 400);
}

#[tokio::test]
async fn a_service_that_is_not_opened_answers_403() {
    let sandbox = start().await;
    let path = format!("/apps/{ORG}/meet");
    let reply = sandbox.control("PATCH", &path, json!({"service_open": false})).await;
    assert_eq!(reply.json()["service_open"], false);
    assert_eq!(sandbox.create("{}").await.error(), (403, json!(-706)));
    sandbox.control("PATCH", &path, json!({"service_open": true})).await;
    assert_eq!(sandbox.create("{}").await.status, 200);
}

#[tokio::test]
async fn calls_over_the_limit_of_a_second_get_429() {
    let sandbox = start().await;
    sandbox.control("PATCH", "/settings", json!({"calls_per_second": 1})).await;
    // The first of a second is let through; that each of ten has a second of its own is past belief.
    let mut statuses = Vec::new();
    for _ in 0..10 {
        statuses.push(sandbox.get("X").await.status.as_u16());
    }
    assert!(statuses.contains(&404) && statuses.contains(&429), "{statuses:?}");
}

#[tokio::test]
async fn the_control_api_says_what_is_wrong() {
    let sandbox = start().await;
    for (method, path, body, status, said) in [
        ("POST", "/faults", json!({"on": "create"}), 400, "missing field `fault`"),
        ("POST", "/faults", json!({"on": "create", "fault": "fire"}), 400, "unknown variant `fire`"),
        ("POST", "/faults", json!({"on": "create", "fault": 500, "time": 1}), 400, "unknown field `time`"),
        ("POST", "/faults", json!([]), 400, "must be a JSON object"),
        ("DELETE", "/faults/7", Value::Null, 404, "no fault \"7\""),
        ("GET", "/conferences/X", Value::Null, 404, "no conference \"X\""),
        ("POST", "/conferences/X/members", json!({"user": "a"}), 404, "no conference \"X\""),
        ("PATCH", "/settings", json!({"token_lifetime_s": 0}), 400, "token_lifetime_s must be"),
        ("PATCH", "/apps/a/b", json!({"service_open": true}), 404, "no app \"a/b\""),
        ("GET", "/nonsense", Value::Null, 404, "GET /_sandbox lists"),
        ("PUT", "/reset", Value::Null, 404, "GET /_sandbox lists"),
    ] {
        let reply = sandbox.control(method, path, body).await;
        let (got, error) = reply.error();
        assert!(got == status && error.as_str().unwrap().contains(said), "{method} {path}: {got} {error}");
        assert_eq!(reply.headers["access-control-allow-origin"], "*");
    }
}

#[tokio::test]
async fn the_control_api_explains_itself_and_lets_browsers_in() {
    let sandbox = start().await;
    let help = sandbox.control("GET", "", Value::Null).await;
    let text = String::from_utf8(help.body.to_vec()).unwrap();
    for word in ["/_sandbox/faults", "failure_in_200", "token_lifetime_s", "service_open", "oversized"] {
        assert!(text.contains(word), "{word}");
    }
    let preflight = sandbox.control("OPTIONS", "/faults", Value::Null).await;
    assert_eq!(
        (preflight.status.as_u16(), &preflight.headers["access-control-allow-origin"]),
        (204, &"*".parse().unwrap())
    );
}

#[tokio::test]
async fn reset_brings_back_the_start() {
    let sandbox = start().await;
    let id = sandbox.conference(json!({})).await;
    sandbox.order(json!({"on": "token", "fault": "reset"})).await;
    sandbox.control("PATCH", "/settings", json!({"members_in_get": false})).await;
    sandbox.control("POST", "/reset", Value::Null).await;
    let calls = sandbox.control("GET", "/calls", Value::Null).await.json();
    assert_eq!(calls["create"]["seen"], 0);
    assert_eq!(sandbox.get(&id).await.status, 401, "the tokens are gone");
    let sandbox = Running { token: sandbox.fetch_token("meet").await, ..sandbox };
    assert_eq!(sandbox.get(&id).await.error(), (404, json!(-301)));
}

#[tokio::test]
async fn a_taken_address_and_a_doubled_app_are_refused() {
    let sandbox = start().await;
    let taken = Sandbox::bind(SandboxConfig::new(sandbox.address, vec![])).await.err().unwrap();
    assert!(taken.to_string().contains(&sandbox.address.to_string()), "{taken}");
    let apps = vec![app("meet"), app("meet")];
    let config = SandboxConfig::new("127.0.0.1:0".parse().unwrap(), apps);
    assert!(matches!(Sandbox::bind(config).await, Err(SandboxError::DuplicateApp(_))));
}
