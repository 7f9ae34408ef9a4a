//! The four calls, from both path families: what the caller gets, what the vendor saw, what the trail says.

use serde_json::{Value, json};

use crate::support::api::Api;
use crate::support::client::Answer;
use crate::support::world::World;

/// The vendor's own path to the app of tenant `crm`.
const VENDOR_PATH: &str = "/1100181023201864/voicechatroom";
const ID: &str = "IM3SKW51SKH4TB80LV45000C7";

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

#[tokio::test]
async fn each_call_is_one_of_the_vendors_from_either_path() {
    let world = World::start().await;
    let api = Api::of(world.address).await;
    for family in ["", VENDOR_PATH] {
        for (method, rest, upstream, action) in [
            ("POST", String::new(), String::new(), "create"),
            ("GET", format!("/{ID}"), format!("/{ID}"), "get"),
            ("DELETE", format!("/{ID}"), format!("/{ID}"), "dissolve"),
            ("DELETE", format!("/{ID}/YangSS"), format!("/{ID}/yangss"), "kick"),
        ] {
            let (path, before) = (format!("{family}/conferences{rest}"), world.vendor.calls().len());
            let answer = world.call(method, &path, "").await;
            assert_eq!(answer.status, 200, "{method} {path}: {}", answer.text());
            assert_eq!(answer.json()["error"], 0);
            api.describes(method, &path, &answer);

            let calls = world.vendor.calls().split_off(before);
            let [call] = calls.as_slice() else { panic!("{calls:?}") };
            assert_eq!(
                (&*call.method, &call.path),
                (method, &format!("{VENDOR_PATH}/conferences{upstream}"))
            );
            let sent =
                if action == "create" { json!({"creator": "huangcl"}).to_string() } else { String::new() };
            assert_eq!(String::from_utf8_lossy(&call.body), sent);

            recorded(&world, &answer, action).await;
        }
    }
}

/// As the caller's, the app's and the conference's.
async fn recorded(world: &World, answer: &Answer, action: &str) {
    let outcome = world.trail.outcome_of(&request_id(answer)).await;
    assert_eq!(
        json!([
            outcome["action"],
            outcome["tenant"],
            outcome["subject"],
            outcome["app"],
            outcome["attempts"]
        ]),
        json!([action, "crm", "huangcl", "meet", 1])
    );
    assert_eq!((&outcome["issuer"], &outcome["reason"]), (&json!(world.issuer.name()), &Value::Null));
    assert_eq!(outcome["user"], if action == "kick" { json!("yangss") } else { Value::Null });
    let conference = answer.json().get("id").cloned().unwrap_or(json!(ID));
    assert_eq!(outcome["conference"], conference);
    if action == "get" {
        assert_eq!(outcome["intent"], Value::Null);
    } else {
        let intent = world.trail.intent_of(&request_id(answer)).await;
        assert_eq!(intent["seq"], outcome["intent"]);
        assert!(intent["seq"].as_u64() < outcome["seq"].as_u64());
    }
}

#[tokio::test]
async fn every_field_is_forwarded_as_it_was_given() {
    let world = World::start().await;
    let body = json!({
        "confrType": 12, "password": "päss \"word\"", "confrDelayMillis": 3_600_000, "memDefaultRole": 1,
        "allowAudienceTalk": true, "creator": "huangcl", "rec": false, "recMerge": true,
        "supportWechatMiniProgram": true, "useVCodes": ["H264", "VP8"], "maxTalkerCount": 6,
        "maxVideoCount": 0, "maxAudienceCount": 600, "confrId": "",
    });
    let answer = world.call("POST", "/conferences", &body.to_string()).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(world.vendor.calls()[0].json(), body);

    let mut without_password = body;
    without_password.as_object_mut().expect("an object").remove("password");
    assert_eq!(world.trail.intent_of(&request_id(&answer)).await["body"], without_password);
    assert!(!world.trail.lines().join("\n").contains("päss"));
}

#[tokio::test]
async fn what_is_left_out_stays_the_vendors_to_decide() {
    let world = World::start().await;
    for (body, sent) in [
        ("", json!({"creator": "huangcl"})),
        ("{}", json!({"creator": "huangcl"})),
        (r#"{"password":""}"#, json!({"creator": "huangcl", "password": ""})),
    ] {
        let answer = world.call("POST", "/conferences", body).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(world.vendor.calls().last().expect("a call").json(), sent);
        world.trail.intent_of(&request_id(&answer)).await;
    }
}

#[tokio::test]
async fn each_tenant_reaches_its_own_app_and_no_other() {
    let world = World::start().await;
    let acme = world.issuer.token().claim("tenant", "acme").bearer();
    let answer = world.call_as(&acme, "GET", &format!("/conferences/{ID}"), "").await;
    assert_eq!(answer.status, 200);
    assert_eq!(world.vendor.calls()[0].path, format!("/1100181023201864/other/conferences/{ID}"));
    assert_eq!(world.trail.outcome_of(&request_id(&answer)).await["app"], "other");

    for foreign in [VENDOR_PATH, "/1100181023201864/unheard-of", "/another-org/other"] {
        let answer = world.call_as(&acme, "DELETE", &format!("{foreign}/conferences/{ID}"), "").await;
        assert_eq!((answer.status, answer.problem().as_str()), (403, "tenant_unknown"), "{foreign}");
        let outcome = world.trail.outcome_of(&request_id(&answer)).await;
        assert_eq!((&outcome["reason"], &outcome["tenant"]), (&json!("tenant_unknown"), &json!("acme")));
    }
    assert_eq!(world.vendor.calls().len(), 1);
}
