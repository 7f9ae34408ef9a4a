//! Events of the Elastic Common Schema.

use serde_json::json;

use super::{Type, assert_fits, records, rendered};
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
        ("create", Some("unknown")),
        ("kick", Some("unknown")),
        ("unknown", Some("unknown")),
        ("kick", Some("success")),
        ("create", Some("unknown")),
        ("get", Some("failure")),
        ("kick", Some("failure")),
        ("unknown", Some("failure")),
        ("dissolve", Some("failure")),
        ("get", Some("failure")),
        ("unknown", Some("failure")),
        ("start", None),
        ("start", None),
        ("checkpoint", None),
        ("checkpoint", None),
        ("recovered", None),
        ("recovered", None),
        ("heartbeat", None),
        ("stop", None),
        ("reload", None),
        ("later", None),
    ];
    assert_eq!(said, expected);
}

#[test]
fn ecs_has_every_member_in_its_place() {
    let (records, events) = (records(), rendered(Form::Ecs));
    let kick = &events[3];
    assert_eq!(kick["user"], json!({"id": "huangcl", "target": {"name": "yangss"}}));
    assert_eq!(kick["organization"], json!({"id": "crm"}));
    assert_eq!(kick["event"]["duration"], 31_250_000);
    assert_eq!(kick["event"]["type"], json!(["change", "allowed"]));
    assert_eq!(kick["trace"]["id"], records[3]["trace_id"]);
    assert_eq!((&kick["confgate"]["app"], &kick["confgate"]["intent"]), (&json!("meet"), &json!(3)));
    assert_eq!(events[4]["user"], json!({"id": "huangcl"}));
    assert_eq!(events[4]["event"]["type"], json!(["creation", "allowed"]));
    assert_eq!(events[7]["event"]["reason"], "scope_missing");
    assert_eq!(events[9]["confgate"]["count"], 1_000_000);
}
