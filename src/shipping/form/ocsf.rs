//! OCSF 1.3.0, class API Activity (<https://schema.ocsf.io/1.3.0/classes/api_activity>).
//!
//! A create is Create, a get Read, a kick Update and a dissolve Delete; everything else is Other, with the record's
//! kind as its name. The event's own id is the hash of its line, so that `unmapped.prev` of the next event is the
//! `metadata.uid` of this one.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::members::{Members, Verdict, object};

const VERSION: &str = "1.3.0";
const CATEGORY: u64 = 6;
const CLASS: u64 = 6003;
const OTHER: u64 = 99;

/// A person, as far as anybody can tell.
const USER: u64 = 1;

pub(super) fn event(mut record: Members) -> Value {
    let (activity, activity_name) = activity(&record);
    let verdict = record.verdict();
    let (status_id, status) = status(verdict, &record);
    let (severity_id, severity) = severity(verdict, &record);
    let (start, end, duration) = span(&mut record);
    let message = record.message();
    let answer = record.take("status");
    let reason = record.take("reason");
    let tenant = record.take("tenant");
    let operation = if record.is_of_requests() { record.take("action") } else { Value::Null };
    object([
        ("activity_id", activity.into()),
        ("activity_name", activity_name.clone().into()),
        ("category_uid", CATEGORY.into()),
        ("category_name", "Application Activity".into()),
        ("class_uid", CLASS.into()),
        ("class_name", "API Activity".into()),
        ("type_uid", (CLASS * 100 + activity).into()),
        ("type_name", format!("API Activity: {activity_name}").into()),
        ("severity_id", severity_id.into()),
        ("severity", severity.into()),
        ("status_id", status_id.into()),
        ("status", status),
        ("status_code", code_text(&answer)),
        ("status_detail", reason.clone()),
        ("time", record.time.as_millisecond().into()),
        ("start_time", start),
        ("end_time", end),
        ("duration", duration),
        ("count", record.take("count")),
        ("message", message.into()),
        ("metadata", metadata(&mut record, &tenant)),
        ("actor", actor(&mut record, tenant)),
        ("src_endpoint", source(&mut record)),
        ("resources", resources(&mut record)),
        ("api", api(&mut record, operation, answer, reason)),
        ("unmapped", record.rest().into()),
    ])
}

/// The event for a line that is no record.
pub(super) fn unreadable(record: Members, line: &str) -> Value {
    let mut event = event(record);
    if let Some(event) = event.as_object_mut() {
        event.insert("severity_id".into(), 4.into());
        event.insert("severity".into(), "High".into());
        event.insert("raw_data".into(), line.into());
    }
    event
}

fn activity(record: &Members) -> (u64, String) {
    let known = match record.get("action").as_str() {
        Some("create") => Some((1, "Create")),
        Some("get") => Some((2, "Read")),
        Some("kick") => Some((3, "Update")),
        Some("dissolve") => Some((4, "Delete")),
        _ => None,
    };
    match known.filter(|_| record.is_of_requests()) {
        Some((id, name)) => (id, name.to_owned()),
        None => (OTHER, record.kind.clone()),
    }
}

fn status(verdict: Verdict, record: &Members) -> (u64, Value) {
    match verdict {
        Verdict::Success => (1, "Success".into()),
        Verdict::Failure => (2, "Failure".into()),
        Verdict::Unknown if record.kind == "intent" => (OTHER, "Announced".into()),
        Verdict::Unknown => (0, "Unknown".into()),
        Verdict::None => (OTHER, "Logged".into()),
    }
}

/// What somebody should look at is of medium severity: a change that may or may not have been made, or a trail that
/// went through a crash or a fault.
fn severity(verdict: Verdict, record: &Members) -> (u64, &'static str) {
    let doubtful = verdict == Verdict::Unknown && record.kind == "outcome";
    let broken = record.kind == "recovered" || !record.get("torn").is_null();
    match verdict {
        _ if doubtful || broken => (3, "Medium"),
        Verdict::Failure => (2, "Low"),
        _ => (1, "Informational"),
    }
}

/// When it began and ended, and how long it took, in milliseconds.
fn span(record: &mut Members) -> (Value, Value, Value) {
    let millis = |text: &Value| {
        let time: Option<Timestamp> = text.as_str().and_then(|text| text.parse().ok());
        time.map_or(Value::Null, |time| time.as_millisecond().into())
    };
    if record.kind == "refusals" {
        let (first, last) = (record.take("first_time"), record.take("last_time"));
        return (millis(&first), millis(&last), Value::Null);
    }
    // The microseconds stay among what is unmapped.
    let took = record.get("duration_us").as_i64().map(|micros| micros / 1000);
    let end = record.time.as_millisecond();
    took.map_or_else(Default::default, |took| ((end - took).into(), end.into(), took.into()))
}

fn code_text(status: &Value) -> Value {
    status.as_u64().map_or(Value::Null, |status| status.to_string().into())
}

fn metadata(record: &mut Members, tenant: &Value) -> Value {
    object([
        ("version", VERSION.into()),
        (
            "product",
            json!({"name": "confgate", "vendor_name": "confgate", "version": env!("CARGO_PKG_VERSION")}),
        ),
        ("uid", record.hash.clone().into()),
        ("sequence", record.sequence.into()),
        ("event_code", record.kind.clone().into()),
        ("correlation_uid", record.get("request_id").clone()),
        ("tenant_uid", tenant.clone()),
        ("log_name", "audit".into()),
        ("log_provider", "confgate".into()),
        ("log_version", record.take("v").as_u64().map_or(Value::Null, |version| version.to_string().into())),
        ("original_time", format!("{:.6}", record.time).into()),
    ])
}

/// The caller, once verified. An actor must be named, and what nobody vouches for is none.
fn actor(record: &mut Members, tenant: Value) -> Value {
    let subject = record.take("subject");
    if subject.is_null() {
        let app = if record.is_of_requests() { "unverified caller" } else { "confgate" };
        return json!({"app_name": app});
    }
    let user = object([
        ("uid", subject),
        ("type_id", USER.into()),
        ("type", "User".into()),
        ("org", object([("uid", tenant)])),
        ("credential_uid", record.take("token_id")),
    ]);
    object([("user", user), ("idp", object([("name", record.take("issuer"))]))])
}

fn source(record: &mut Members) -> Value {
    match record.take("client") {
        Value::Null if record.is_of_requests() => json!({"name": "several addresses"}),
        Value::Null => json!({"name": "confgate"}),
        address => json!({"ip": address}),
    }
}

fn resources(record: &mut Members) -> Value {
    if !record.is_of_requests() {
        return Value::Null;
    }
    let conference = object([("type", "conference".into()), ("uid", record.take("conference"))]);
    let user = object([("type", "user".into()), ("name", record.take("user"))]);
    let named = |resource: &Value| resource.get("uid").or(resource.get("name")).is_some();
    let resources: Vec<Value> = [conference, user].into_iter().filter(named).collect();
    if resources.is_empty() { Value::Null } else { resources.into() }
}

fn api(record: &mut Members, operation: Value, answer: Value, reason: Value) -> Value {
    let of_request = record.is_of_requests();
    let request_id = if of_request { record.take("request_id") } else { Value::Null };
    let operation = match operation {
        Value::Null if of_request => "unknown".into(),
        Value::Null => Value::from(record.kind.clone()),
        action => action,
    };
    let service = object([("name", if of_request { "conferences".into() } else { Value::Null })]);
    let response = object([("code", answer), ("error", reason), ("error_message", record.take("detail"))]);
    object([
        ("operation", operation),
        ("service", service),
        ("request", object([("uid", request_id)])),
        ("response", response),
    ])
}
