//! The four calls, from both path families: what the caller gets, what the vendor saw, what the trail says.

use serde_json::json;

use crate::support::client::Answer;
use crate::support::world::World;

fn request_id(answer: &Answer) -> String {
    answer.header("x-request-id").expect("every answer has an id").to_owned()
}

#[tokio::test]
async fn create_is_announced_forwarded_and_recorded() {
    let world = World::start().await;
    let body = r#"{"confrType":10,"password":"canary-password","confrDelayMillis":60000,"memDefaultRole":3}"#;
    let answer = world.call("POST", "/conferences", body).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.header("proxy-status"), Some("confgate; received-status=200"));
    let conference = answer.json()["id"].as_str().expect("an id").to_owned();

    let calls = world.vendor.calls();
    assert_eq!(calls.len(), 1);
    assert_eq!(
        (calls[0].method.as_str(), calls[0].path.as_str()),
        ("POST", "/1100181023201864/voicechatroom/conferences")
    );
    assert_eq!(
        calls[0].json(),
        json!({"confrType":10,"password":"canary-password","confrDelayMillis":60000,"memDefaultRole":3,"creator":"huangcl"})
    );

    let id = request_id(&answer);
    let (intent, outcome) = (world.trail.intent_of(&id).await, world.trail.outcome_of(&id).await);
    assert_eq!(
        intent["body"],
        json!({"confrType":10,"confrDelayMillis":60000,"memDefaultRole":3,"creator":"huangcl"})
    );
    assert_eq!(outcome["intent"], intent["seq"]);
    assert_eq!(outcome["conference"], conference);
    assert_eq!(
        (&outcome["decision"], &outcome["status"], &outcome["vendor_error"]),
        (&json!("allowed"), &json!(200), &json!(0))
    );
    assert!(!world.trail.lines().join("\n").contains("canary"));
}
