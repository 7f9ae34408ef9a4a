//! Events of the Elastic Common Schema.

use serde_json::json;

use super::{Type, assert_fits, rendered};
use crate::shipping::form::Form;

/// ECS 9.3.0: fields that are used, with their types; `true` for those that every event must have: the two core fields
/// without which it is none, and what places it in the trail.
pub(super) const ECS: &[(&str, Type, bool)] = &[
    ("@timestamp", Type::Time, true),
    ("client.ip", Type::Address, false),
    ("ecs.version", Type::Text, true),
    ("error.code", Type::Text, false),
    ("error.message", Type::Text, false),
    ("event.action", Type::Text, true),
    ("event.category", Type::Texts, true),
    ("event.dataset", Type::Text, true),
    ("event.duration", Type::Whole, false),
    ("event.end", Type::Time, false),
    ("event.hash", Type::Text, true),
    ("event.id", Type::Text, true),
    ("event.kind", Type::Text, true),
    ("event.module", Type::Text, false),
    ("event.original", Type::Text, false),
    ("event.outcome", Type::Text, false),
    ("event.provider", Type::Text, false),
    ("event.reason", Type::Text, false),
    ("event.sequence", Type::Whole, true),
    ("event.start", Type::Time, false),
    ("event.type", Type::Texts, true),
    ("http.request.id", Type::Text, false),
    ("http.response.status_code", Type::Whole, false),
    ("message", Type::Text, false),
    ("organization.id", Type::Text, false),
    ("related.ip", Type::Addresses, false),
    ("related.user", Type::Texts, false),
    ("service.name", Type::Text, false),
    ("service.type", Type::Text, false),
    ("trace.id", Type::Text, false),
    ("user.id", Type::Text, false),
    ("user.target.name", Type::Text, false),
];

/// ECS 9.3.0: which types are expected with the categories that are used.
const ECS_TYPES: &[(&str, &[&str])] = &[
    (
        "api",
        &[
            "access", "admin", "allowed", "change", "creation", "deletion", "denied", "end", "info", "start",
            "user",
        ],
    ),
    ("process", &["access", "change", "end", "info", "start"]),
];

#[test]
fn ecs_events_have_fields_of_the_schema_in_their_types() {
    for event in rendered(Form::Ecs) {
        assert_fits(&event, ECS, "confgate");
        assert_eq!((&event["ecs"]["version"], &event["event"]["kind"]), (&json!("9.3.0"), &json!("event")));
        let outcome = &event["event"]["outcome"];
        assert!(outcome.is_null() || ["success", "failure", "unknown"].iter().any(|known| outcome == known));
        let category = event["event"]["category"][0].as_str().unwrap();
        let (_, expected) = ECS_TYPES.iter().find(|(known, _)| *known == category).unwrap();
        for kind in event["event"]["type"].as_array().unwrap() {
            assert!(expected.contains(&kind.as_str().unwrap()), "{event:#}");
        }
    }
}

#[test]
fn ecs_says_what_was_done_and_what_came_of_it() {
    let events = rendered(Form::Ecs);
    let said: Vec<_> = events
        .iter()
        .map(|event| (event["event"]["action"].as_str().unwrap(), event["event"]["outcome"].as_str()))
        .collect();
    let expected = [
        ("start", None),
        ("create", Some("unknown")),
        ("create", Some("success")),
        ("get", Some("failure")),
        ("kick", Some("failure")),
        ("dissolve", Some("unknown")),
        ("unknown", Some("failure")),
        ("get", Some("failure")),
        ("checkpoint", None),
        ("recovered", None),
        ("heartbeat", None),
        ("stop", None),
        ("reload", None),
    ];
    assert_eq!(said, expected);
    let create = &events[2];
    assert_eq!(
        (&create["user"], &create["organization"]),
        (&json!({"id": "huangcl"}), &json!({"id": "crm"}))
    );
    assert_eq!(create["event"]["duration"], 31_250_000);
    assert_eq!(create["event"]["type"], json!(["creation", "allowed"]));
    assert_eq!(create["trace"]["id"], "01a20790eff170219fd946230553fe34");
    assert_eq!((&create["confgate"]["app"], &create["confgate"]["intent"]), (&json!("meet"), &json!(8)));
    assert_eq!(events[4]["user"], json!({"id": "huangcl", "target": {"name": "yangss"}}));
    assert_eq!(events[6]["event"]["reason"], "token_missing");
    assert_eq!(events[7]["confgate"]["count"], 4711);
}
