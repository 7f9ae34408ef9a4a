//! The forms, held against what the schemas say. The tables are facts of the schemas, in the tests' own words: a name, its
//! type, and whether an event must have it.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::Form;
use crate::trail::{Line, LineHash};

/// Lines of every kind, as the trail has them.
fn lines() -> Vec<String> {
    let request = r#""request_id":"01a20790-eff1-7021-9fd9-46230553fe34","trace_id":"01a20790eff170219fd946230553fe34""#;
    let caller = r#""tenant":"crm","subject":"huangcl","issuer":"https://sso","token_id":"t-1","client":"10.2.3.4","app":"meet""#;
    let stranger = r#""tenant":null,"subject":null,"issuer":null,"token_id":null,"client":"::1","app":null"#;
    let refused = r#""decision":"refused","reason":"token_missing","detail":"no header","status":401,"vendor_status":null,"vendor_error":null,"attempts":0,"duration_us":12,"vendor_us":null,"intent":null,"outcome_unknown":false,"caller_gone":false"#;
    let answered = |vendor_status: u16, vendor_error: &str, unknown: bool| {
        format!(
            r#""decision":"allowed","reason":null,"detail":null,"status":{vendor_status},"vendor_status":{vendor_status},"vendor_error":{vendor_error},"attempts":1,"duration_us":31250,"vendor_us":30911,"intent":8,"outcome_unknown":{unknown},"caller_gone":false"#
        )
    };
    let conference = r#""conference":"IM3","user":null,"creator":"huangcl""#;
    let kicked = r#""conference":"IM3","user":"yangss","creator":null"#;
    let none = r#""conference":null,"user":null,"creator":null"#;
    let trail = "01a20790-eff1-7021-9fd9-000000000001";
    let hash = "0".repeat(64);
    let bodies = [
        format!(r#""kind":"start","version":"0.1.0","trail":"{trail}","torn":{{"file":"x.torn","bytes":5}}"#),
        format!(r#""kind":"intent",{request},"action":"create",{caller},{conference},"body":{{"confrType":10}}"#),
        format!(r#""kind":"outcome",{request},"action":"create",{caller},{conference},{}"#, answered(200, "0", false)),
        format!(r#""kind":"outcome",{request},"action":"get",{caller},{conference},{}"#, answered(200, "-1", false)),
        format!(r#""kind":"outcome",{request},"action":"kick",{caller},{kicked},{}"#, answered(500, "null", false)),
        format!(
            r#""kind":"outcome",{request},"action":"dissolve",{caller},{conference},{}"#,
            answered(504, "null", true)
        ),
        format!(r#""kind":"outcome",{request},"action":null,{stranger},{none},{refused}"#),
        r#""kind":"refusals","action":"get","tenant":null,"subject":null,"client":null,"reason":"token_expired","detail":null,"status":401,"count":4711,"first_time":"2026-11-23T08:40:00.000001Z","first_request_id":"a","last_time":"2026-11-23T08:41:00.000001Z","last_request_id":"b""#.into(),
        format!(
            r#""kind":"checkpoint","trail":"{trail}","first":1,"sequence":8,"hash":"{hash}","open":[{{"intent":2,"request_id":"a"}}],"key":null,"signature":null"#
        ),
        r#""kind":"recovered","after":"crash","fault":null,"since":null,"unknown":[{"intent":2,"request_id":"a"}]"#.into(),
        r#""kind":"heartbeat""#.into(),
        r#""kind":"stop""#.into(),
        r#""kind":"reload","what":"of a later version""#.into(),
    ];
    let mut prev = LineHash::ZERO;
    let numbered = bodies.into_iter().enumerate().map(|(index, body)| {
        let (time, members) = ("2026-11-23T08:41:08.852040Z", body.replacen(',', "\u{0}", 1));
        let (kind, rest) = members.split_once('\u{0}').unwrap_or((&body, ""));
        let rest = if rest.is_empty() { String::new() } else { format!(",{rest}") };
        let sequence = index + 1;
        let line =
            format!("{{\"v\":1,\"seq\":{sequence},\"time\":\"{time}\",{kind}{rest},\"prev\":\"{prev}\"}}\n");
        prev = LineHash::of(line.as_bytes());
        line
    });
    numbered.collect()
}

fn rendered(form: Form) -> Vec<Value> {
    let render = |(index, line): (usize, &String)| {
        let bytes = form.render(
            Line { sequence: index as u64 + 1, bytes: line.as_bytes() },
            LineHash::of(line.as_bytes()),
        );
        let text = String::from_utf8(bytes).unwrap();
        assert!(text.ends_with('\n') && text.matches('\n').count() == 1, "{text}");
        serde_json::from_str(&text).unwrap()
    };
    lines().iter().enumerate().map(render).collect()
}

fn at<'a>(event: &'a Value, path: &str) -> &'a Value {
    path.split('.').fold(event, |value, name| &value[name])
}

#[derive(Clone, Copy, Debug)]
enum Type {
    Text,
    Whole,
    Address,
    Object,
    Texts,
    Objects,
    Addresses,
    Time,
}

impl Type {
    fn fits(self, value: &Value) -> bool {
        let is_address =
            |value: &Value| value.as_str().is_some_and(|text| text.parse::<std::net::IpAddr>().is_ok());
        let all = |is: &dyn Fn(&Value) -> bool| value.as_array().is_some_and(|list| list.iter().all(is));
        match self {
            Self::Text => value.as_str().is_some_and(|text| !text.is_empty()),
            Self::Whole => value.is_i64() || value.is_u64(),
            Self::Address => is_address(value),
            Self::Object => value.is_object(),
            Self::Texts => all(&|value| value.is_string()),
            Self::Objects => all(&|value| value.is_object()),
            Self::Addresses => all(&is_address),
            Self::Time => value.as_str().is_some_and(|text| text.parse::<jiff::Timestamp>().is_ok()),
        }
    }
}

/// OCSF 1.3.0: attributes of class 6003 and of the objects in it that are used, with their types; `true` where the class
/// or the object requires them.
const OCSF: &[(&str, Type, bool)] = &[
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

/// ECS 9.3.0: fields that are used, with their types; `true` for those that every event must have: the two core fields
/// without which it is none, and what places it in the trail.
const ECS: &[(&str, Type, bool)] = &[
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

/// Every attribute of an event by its path; what lies under `free` is not looked into.
fn paths(value: &Value, path: &str, free: &str, found: &mut Vec<String>) {
    let Some(object) = value.as_object().filter(|_| path != free) else { return };
    for (name, value) in object {
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        paths(value, &path, free, found);
        found.push(path);
    }
}

fn assert_fits(event: &Value, table: &[(&str, Type, bool)], free: &str) {
    let mut found = Vec::new();
    paths(event, "", free, &mut found);
    for path in &found {
        let Some((_, kind, _)) = table.iter().find(|(name, ..)| name == path) else {
            let is_parent = table.iter().any(|(name, ..)| name.starts_with(&format!("{path}.")));
            assert!(is_parent || path == free, "{path} is not in the schema: {event:#}");
            continue;
        };
        assert!(kind.fits(at(event, path)), "{path} is no {kind:?}: {event:#}");
    }
    for (path, ..) in table.iter().filter(|(.., required)| *required) {
        assert!(!at(event, path).is_null(), "{path} is missing: {event:#}");
    }
}

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
        assert_eq!(event["time"], 1_795_423_268_852_i64);
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
        ("start", "Logged", "Medium", "start"),
        ("Create", "Announced", "Informational", "create"),
        ("Create", "Success", "Informational", "create"),
        ("Read", "Failure", "Low", "get"),
        ("Update", "Failure", "Low", "kick"),
        ("Delete", "Unknown", "Medium", "dissolve"),
        ("outcome", "Failure", "Low", "unknown"),
        ("Read", "Failure", "Low", "get"),
        ("checkpoint", "Logged", "Informational", "checkpoint"),
        ("recovered", "Logged", "Medium", "recovered"),
        ("heartbeat", "Logged", "Informational", "heartbeat"),
        ("stop", "Logged", "Informational", "stop"),
        ("reload", "Logged", "Informational", "reload"),
    ];
    let expected = expected.map(|(a, b, c, d)| (a.to_owned(), b.to_owned(), c.to_owned(), json!(d)));
    assert_eq!(said, expected);
    let events = rendered(Form::Ocsf);
    let create = &events[2];
    assert_eq!(
        create["actor"]["user"],
        json!({
            "uid": "huangcl", "type": "User", "type_id": 1, "credential_uid": "t-1", "org": {"uid": "crm"},
        })
    );
    assert_eq!((&create["src_endpoint"]["ip"], &create["status_code"]), (&json!("10.2.3.4"), &json!("200")));
    assert_eq!(create["api"]["request"]["uid"], "01a20790-eff1-7021-9fd9-46230553fe34");
    assert_eq!(create["api"]["response"], json!({"code": 200}));
    assert_eq!((&create["duration"], &create["unmapped"]["duration_us"]), (&json!(31), &json!(31250)));
    assert_eq!(events[4]["resources"][1], json!({"type": "user", "name": "yangss"}));
    assert_eq!(events[6]["actor"], json!({"app_name": "unverified caller"}));
    assert_eq!(
        (&events[7]["count"], &events[7]["src_endpoint"]["name"]),
        (&json!(4711), &json!("several addresses"))
    );
    assert_eq!(events[9]["unmapped"]["unknown"], json!([{"intent": 2, "request_id": "a"}]));
}

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

/// Every value of a record is in the event: nothing is lost on the way.
#[test]
fn no_form_loses_a_value() {
    for form in [Form::Ocsf, Form::Ecs] {
        for (line, event) in lines().iter().zip(rendered(form)) {
            let record: Value = serde_json::from_str(line).unwrap();
            let text = event.to_string();
            for (name, value) in record.as_object().unwrap() {
                // These say the same in another unit or form.
                let said_otherwise = match name.as_str() {
                    "first_time" | "last_time" => true,
                    "duration_us" => form == Form::Ecs,
                    "v" => form == Form::Ocsf,
                    _ => value.is_null(),
                };
                assert!(said_otherwise || text.contains(&value.to_string()), "{name} of {line} in {text}");
            }
        }
    }
}

#[test]
fn every_form_tells_whether_a_record_is_missing() {
    let lines = lines();
    for (form, hash, prev) in
        [(Form::Ocsf, "metadata.uid", "unmapped.prev"), (Form::Ecs, "event.hash", "confgate.prev")]
    {
        let events = rendered(form);
        for (pair, line) in events.windows(2).zip(&lines) {
            assert_eq!(at(&pair[1], prev), at(&pair[0], hash));
            assert_eq!(at(&pair[0], hash), &json!(LineHash::of(line.as_bytes()).to_string()));
        }
        let sequence = if form == Form::Ocsf { "metadata.sequence" } else { "event.sequence" };
        let sequences: BTreeSet<u64> =
            events.iter().map(|event| at(event, sequence).as_u64().unwrap()).collect();
        assert_eq!(sequences, (1..=events.len() as u64).collect());
    }
    let line = &lines[2];
    let own = Form::Confgate.render(Line { sequence: 3, bytes: line.as_bytes() }, LineHash::ZERO);
    assert_eq!(own, line.as_bytes());
}

#[test]
fn what_is_no_record_any_more_is_told_and_not_dropped() {
    for (form, original) in [(Form::Ocsf, "raw_data"), (Form::Ecs, "event.original")] {
        for text in [
            "{\"v\":1,\"seq\":7,\"time\":\"never\n",
            "{\"v\":1,\"seq\":7,\"kind\":5}\n",
            "{\"v\":1,\"seq\":7,\u{fffd}\n",
        ] {
            let line = Line { sequence: 7, bytes: text.as_bytes() };
            let event: Value = serde_json::from_slice(&form.render(line, LineHash::ZERO)).unwrap();
            assert_eq!(at(&event, original), text);
            let (table, free) = if form == Form::Ocsf { (OCSF, "unmapped") } else { (ECS, "confgate") };
            assert_fits(&event, table, free);
        }
    }
}

#[test]
fn the_time_is_read_where_every_line_has_it() {
    let line = &lines()[1];
    let time: jiff::Timestamp = "2026-11-23T08:41:08.852040Z".parse().unwrap();
    assert_eq!(super::time_of(line.as_bytes()), Some(time));
    for text in ["", "{}", "{\"v\":1,\"seq\":1,\"time\":\"yesterday\"}", "{\"time\":\"2026"] {
        assert_eq!(super::time_of(text.as_bytes()), None);
    }
}
