//! Events of the Open Cybersecurity Schema Framework.

use serde_json::json;

use super::{Type, assert_fits, at, records, rendered};
use crate::shipping::form::Form;

/// OCSF 1.3.0: attributes of class 6003 and of the objects in it that are used, with their types; `true` where the
/// class or the object requires them.
pub(super) const OCSF: &[(&str, Type, bool)] = &[
    ("activity_id", Type::Whole, true),
    ("activity_name", Type::Text, false),
    ("actor", Type::Object, true),
    ("actor.app_name", Type::Text, false),
    ("actor.idp", Type::Object, false),
    ("actor.idp.name", Type::Text, false),
    ("actor.user", Type::Object, false),
    ("actor.user.credential_uid", Type::Text, false),
    ("actor.user.org", Type::Object, false),
    ("actor.user.org.uid", Type::Text, false),
    ("actor.user.type", Type::Text, false),
    ("actor.user.type_id", Type::Whole, false),
    ("actor.user.uid", Type::Text, false),
    ("api", Type::Object, true),
    ("api.operation", Type::Text, true),
    ("api.request", Type::Object, false),
    ("api.request.uid", Type::Text, false),
    ("api.response", Type::Object, false),
    ("api.response.code", Type::Whole, false),
    ("api.response.error", Type::Text, false),
    ("api.response.error_message", Type::Text, false),
    ("api.service", Type::Object, false),
    ("api.service.name", Type::Text, false),
    ("category_name", Type::Text, false),
    ("category_uid", Type::Whole, true),
    ("class_name", Type::Text, false),
    ("class_uid", Type::Whole, true),
    ("count", Type::Whole, false),
    ("duration", Type::Whole, false),
    ("end_time", Type::Whole, false),
    ("message", Type::Text, false),
    ("metadata", Type::Object, true),
    ("metadata.correlation_uid", Type::Text, false),
    ("metadata.event_code", Type::Text, false),
    ("metadata.log_name", Type::Text, false),
    ("metadata.log_provider", Type::Text, false),
    ("metadata.log_version", Type::Text, false),
    ("metadata.original_time", Type::Text, false),
    ("metadata.product", Type::Object, true),
    ("metadata.product.name", Type::Text, false),
    ("metadata.product.vendor_name", Type::Text, true),
    ("metadata.product.version", Type::Text, false),
    ("metadata.sequence", Type::Whole, false),
    ("metadata.tenant_uid", Type::Text, false),
    ("metadata.uid", Type::Text, false),
    ("metadata.version", Type::Text, true),
    ("raw_data", Type::Text, false),
    ("resources", Type::Objects, false),
    ("severity", Type::Text, false),
    ("severity_id", Type::Whole, true),
    ("src_endpoint", Type::Object, true),
    ("src_endpoint.ip", Type::Address, false),
    ("src_endpoint.name", Type::Text, false),
    ("start_time", Type::Whole, false),
    ("status", Type::Text, false),
    ("status_code", Type::Text, false),
    ("status_detail", Type::Text, false),
    ("status_id", Type::Whole, false),
    ("time", Type::Whole, true),
    ("type_name", Type::Text, false),
    ("type_uid", Type::Whole, true),
    ("unmapped", Type::Object, false),
];

/// OCSF 1.3.0: objects that must have one at least of these.
const OCSF_AT_LEAST_ONE: &[(&str, &[&str])] = &[
    ("actor", &["app_name", "user"]),
    ("actor.user", &["name", "uid"]),
    ("actor.user.org", &["name", "uid"]),
    ("src_endpoint", &["ip", "name"]),
];

#[test]
fn ocsf_events_have_what_the_class_requires_and_nothing_it_does_not_know() {
    for event in rendered(Form::Ocsf) {
        assert_fits(&event, OCSF, "unmapped");
        for (object, names) in OCSF_AT_LEAST_ONE {
            let object = at(&event, object);
            assert!(object.is_null() || names.iter().any(|name| !object[name].is_null()), "{event:#}");
        }
        let id = |name: &str| event[name].as_u64().unwrap();
        assert!([0, 1, 2, 3, 4, 99].contains(&id("activity_id")), "{event:#}");
        assert!([0, 1, 2, 99].contains(&id("status_id")), "{event:#}");
        assert!([0, 1, 2, 3, 4, 5, 6, 99].contains(&id("severity_id")), "{event:#}");
        assert_eq!((id("category_uid"), id("class_uid")), (6, 6003));
        assert_eq!(id("type_uid"), id("class_uid") * 100 + id("activity_id"));
        assert!(event["api"]["request"].is_null() || event["api"]["request"]["uid"].is_string(), "{event:#}");
        assert_eq!(event["metadata"]["version"], "1.3.0");
        assert_eq!(event["time"], 1_795_402_024_123_i64);
    }
}

#[test]
fn ocsf_says_what_was_done_and_what_came_of_it() {
    let said: Vec<_> = rendered(Form::Ocsf)
        .iter()
        .map(|event| {
            let text = |name: &str| event[name].as_str().unwrap().to_owned();
            (text("activity_name"), text("status"), text("severity"), event["api"]["operation"].clone())
        })
        .collect();
    let expected = [
        ("Create", "Announced", "Informational", "create"),
        ("Update", "Announced", "Informational", "kick"),
        ("intent", "Announced", "Informational", "unknown"),
        ("Update", "Success", "Informational", "kick"),
        ("Create", "Unknown", "Medium", "create"),
        ("Read", "Failure", "Low", "get"),
        ("Update", "Failure", "Low", "kick"),
        ("outcome", "Failure", "Low", "unknown"),
        ("Delete", "Failure", "Low", "dissolve"),
        ("Read", "Failure", "Low", "get"),
        ("refusals", "Failure", "Low", "unknown"),
        ("start", "Logged", "Medium", "start"),
        ("start", "Logged", "Informational", "start"),
        ("checkpoint", "Logged", "Informational", "checkpoint"),
        ("checkpoint", "Logged", "Informational", "checkpoint"),
        ("recovered", "Logged", "Medium", "recovered"),
        ("recovered", "Logged", "Medium", "recovered"),
        ("heartbeat", "Logged", "Informational", "heartbeat"),
        ("stop", "Logged", "Informational", "stop"),
        ("reload", "Logged", "Informational", "reload"),
        ("later", "Logged", "Informational", "later"),
    ];
    let expected = expected.map(|(a, b, c, d)| (a.to_owned(), b.to_owned(), c.to_owned(), json!(d)));
    assert_eq!(said, expected);
}

#[test]
fn ocsf_has_every_member_in_its_place() {
    let (records, events) = (records(), rendered(Form::Ocsf));
    let kick = &events[3];
    assert_eq!(
        kick["actor"]["user"],
        json!({
            "uid": "huangcl", "type": "User", "type_id": 1, "credential_uid": "t-1", "org": {"uid": "crm"},
        })
    );
    assert_eq!((&kick["src_endpoint"]["ip"], &kick["status_code"]), (&json!("10.2.3.4"), &json!("200")));
    assert_eq!(kick["api"]["request"]["uid"], records[3]["request_id"]);
    assert_eq!(kick["api"]["response"], json!({"code": 200}));
    assert_eq!((&kick["duration"], &kick["unmapped"]["duration_us"]), (&json!(31), &json!(31250)));
    assert_eq!(kick["resources"][1], json!({"type": "user", "name": "yangss"}));
    assert_eq!(events[7]["actor"], json!({"app_name": "unverified caller"}));
    assert_eq!(
        (&events[10]["count"], &events[10]["src_endpoint"]["name"]),
        (&json!(1_000_000), &json!("several addresses"))
    );
    assert!(records[15]["unknown"][0].is_object());
    assert_eq!(events[15]["unmapped"]["unknown"], records[15]["unknown"]);
}
