//! The API's description, held against the gateway that serves it.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::api::Api;
use crate::support::client;
use crate::support::world::World;

/// The path with the document's own examples in the place of its parameters.
fn with_examples(api: &Api, template: &str) -> String {
    let example = |segment: &str| match segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
        Some(name) => {
            api.0["components"]["parameters"][name]["example"].as_str().expect("an example").to_owned()
        }
        None => segment.to_owned(),
    };
    template.split('/').map(example).collect::<Vec<_>>().join("/")
}

/// Whether an operation asks for a token.
fn needs_token(api: &Api, operation: &Value) -> bool {
    let security = operation.get("security").unwrap_or(&api.0["security"]);
    security.as_array().is_some_and(|schemes| !schemes.is_empty())
}

#[tokio::test]
async fn every_operation_is_served_as_described() {
    let world = World::start().await;
    let api = Api::of(world.address).await;
    let operations = api.operations();
    assert!(operations.len() >= 16, "{operations:?}");
    for (template, method) in operations {
        let path = with_examples(&api, &template);
        let with_token = needs_token(&api, api.operation(&method, &path));
        let answer = if with_token {
            world.call(&method, &path, "").await
        } else {
            client::send(world.address, &method, &path, &[], "").await
        };
        assert_eq!(answer.status, 200, "{method} {path}: {}", answer.text());
        api.describes(&method, &path, &answer);
        if with_token {
            let refused = client::send(world.address, &method, &path, &[], "").await;
            assert_eq!(refused.problem(), "token_missing", "{method} {path}");
            api.describes(&method, &path, &refused);
            world.trail.outcome_of(refused.header("x-request-id").expect("an id")).await;
        }
    }
    let calls = world.vendor.calls();
    assert_eq!(calls.len(), 8, "each of the four calls from both families of paths: {calls:?}");
}

#[tokio::test]
async fn a_path_has_the_methods_that_are_described_and_no_others() {
    let world = World::start().await;
    let api = Api::of(world.address).await;
    let operations = api.operations();
    for (template, _) in operations.iter().filter(|(path, _)| path.contains("/conferences")) {
        let described: BTreeSet<&str> =
            operations.iter().filter(|(path, _)| path == template).map(|(_, method)| &**method).collect();
        for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND"] {
            if described.contains(method) {
                continue;
            }
            let path = with_examples(&api, template);
            let answer = world.call(method, &path, "").await;
            assert_eq!(answer.status, 405, "{method} {path}");
            let allow: BTreeSet<&str> = answer.header("allow").expect("Allow").split(", ").collect();
            assert_eq!(allow, described, "{method} {path}");
            let outcome = world.trail.outcome_of(answer.header("x-request-id").expect("an id")).await;
            assert_eq!(outcome["reason"], "method_not_allowed");
        }
    }
    assert_eq!(world.vendor.calls().len(), 0);
}

#[tokio::test]
async fn the_described_bodies_are_taken() {
    let world = World::start().await;
    let api = Api::of(world.address).await;
    for (path, method) in [("/conferences", "POST"), ("/1100181023201864/voicechatroom/conferences", "POST")]
    {
        let content = &api.operation(method, path)["requestBody"]["content"]["application/json"];
        let examples = content["examples"].as_object().expect("examples");
        for example in examples.values().map(|example| &example["value"]) {
            let answer = world.call(method, path, &example.to_string()).await;
            assert_eq!(answer.status, 200, "{example}: {}", answer.text());
            api.describes(method, path, &answer);
            let mut sent = example.clone();
            sent["creator"] = json!("huangcl");
            assert_eq!(world.vendor.calls().last().expect("a call").json(), sent);
            world.trail.intent_of(answer.header("x-request-id").expect("an id")).await;
        }
    }
}

#[tokio::test]
async fn the_schema_of_a_create_tells_what_the_gateway_will_say() {
    let world = World::start().await;
    let api = Api::of(world.address).await;
    let schema = api.validator(&json!({"$ref": "#/components/schemas/CreateConference"}));
    for body in [
        json!({"confrType": 12, "rec": true, "useVCodes": ["H264"], "confrId": "", "password": ""}),
        json!({"confrDelayMillis": 10_000, "maxTalkerCount": 0, "creator": "HuangCL"}),
        json!({"confrType": 9}),
        json!({"confrDelayMillis": 9_999}),
        json!({"password": null}),
        json!({"creator": ".."}),
        json!({"title": "x"}),
        json!({"confrId": "x"}),
    ] {
        let answer = world.call("POST", "/conferences", &body.to_string()).await;
        assert_eq!(answer.status, if schema.is_valid(&body) { 200 } else { 422 }, "{body}");
        api.describes("POST", "/conferences", &answer);
        world.trail.outcome_of(answer.header("x-request-id").expect("an id")).await;
    }
    assert_eq!(world.vendor.calls().len(), 2);
}

#[tokio::test]
async fn the_description_tells_the_operators_bounds() {
    let world = World::with(&[("CREATE__MIN_DELAY", "1s"), ("CREATE__MAX_DELAY", "2s")]).await;
    let api = Api::of(world.address).await;
    let delay = &api.0["components"]["schemas"]["CreateConference"]["properties"]["confrDelayMillis"];
    assert_eq!((&delay["minimum"], &delay["maximum"]), (&json!(1000), &json!(2000)));
}

#[tokio::test]
async fn documents_are_anybodys_and_leave_no_record() {
    let world = World::start().await;
    let api = Api::of(world.address).await;
    let mut ids = Vec::new();
    for path in ["/openapi.json", "/problems/token_expired"] {
        let headers = [("Origin", "https://app.corp.example"), ("Authorization", "Bearer nonsense")];
        let answer = client::send(world.address, "GET", path, &headers, "").await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("content-type"), Some("application/json"));
        assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
        api.describes("GET", path, &answer);
        ids.push(json!(answer.header("x-request-id")));
    }
    let unknown = client::send(world.address, "GET", "/problems/unheard_of", &[], "").await;
    assert_eq!(unknown.problem(), "route_unknown");
    api.describes("GET", "/problems/unheard_of", &unknown);
    world.trail.outcome_of(unknown.header("x-request-id").expect("an id")).await;
    assert!(world.trail.records().iter().all(|record| !ids.contains(&record["request_id"])));
    assert_eq!(world.vendor.calls().len(), 0);
}
