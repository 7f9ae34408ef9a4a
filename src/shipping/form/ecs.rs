//! ECS 9.3.0 (<https://www.elastic.co/docs/reference/ecs>). What has no field there is under `confgate`.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::members::{Members, Verdict, object};

const VERSION: &str = "9.3.0";

pub(super) fn event(mut record: Members) -> Value {
    let message = record.message();
    let event = facts(&mut record);
    let (client, subject) = (record.take("client"), record.take("subject"));
    let (kicked, reason, detail) = (record.take("user"), record.get("reason").clone(), record.take("detail"));
    let ips = list([client.clone()]);
    let users = list([subject.clone(), kicked.clone()]);
    let status = record.take("status");
    object([
        ("@timestamp", format!("{:.6}", record.time).into()),
        ("ecs", json!({"version": VERSION})),
        ("event", event),
        ("message", message.into()),
        ("service", json!({"name": "confgate", "type": "confgate"})),
        ("user", object([("id", subject), ("target", object([("name", kicked)]))])),
        ("organization", object([("id", record.take("tenant"))])),
        ("client", object([("ip", client)])),
        ("related", object([("ip", ips), ("user", users)])),
        ("http", http(&mut record, status)),
        ("trace", object([("id", record.take("trace_id"))])),
        ("error", object([("code", reason), ("message", detail)])),
        ("confgate", rest(record)),
    ])
}

/// The event for a line that is no record.
pub(super) fn unreadable(record: Members, line: &str) -> Value {
    let mut event = event(record);
    if let Some(facts) = event.get_mut("event").and_then(Value::as_object_mut) {
        facts.insert("original".into(), line.into());
    }
    event
}

fn facts(record: &mut Members) -> Value {
    let action = if record.is_of_requests() { record.take("action") } else { Value::Null };
    let (category, types) = classes(record, &action);
    let span = |time: Value| {
        let time: Option<Timestamp> = time.as_str().and_then(|text| text.parse().ok());
        time.map_or(Value::Null, |time| format!("{time:.6}").into())
    };
    let (start, end) = (span(record.take("first_time")), span(record.take("last_time")));
    let duration = record.take("duration_us").as_u64();
    let outcome = match record.verdict() {
        Verdict::Success => "success".into(),
        Verdict::Failure => "failure".into(),
        Verdict::Unknown => "unknown".into(),
        Verdict::None => Value::Null,
    };
    let action = match action {
        Value::Null if record.is_of_requests() => "unknown".into(),
        Value::Null => Value::from(record.kind.clone()),
        action => action,
    };
    object([
        ("kind", "event".into()),
        ("category", json!([category])),
        ("type", types),
        ("action", action),
        ("outcome", outcome),
        ("reason", record.get("reason").clone()),
        ("id", record.hash.clone().into()),
        ("hash", record.hash.clone().into()),
        ("sequence", record.sequence.into()),
        ("duration", duration.map_or(Value::Null, |micros| micros.saturating_mul(1000).into())),
        ("start", start),
        ("end", end),
        ("dataset", "confgate.audit".into()),
        ("module", "confgate".into()),
        ("provider", "confgate".into()),
    ])
}

/// Category and types, of those that the schema expects together.
fn classes(record: &Members, action: &Value) -> (&'static str, Value) {
    if !record.is_of_requests() {
        let what = match record.kind.as_str() {
            "start" => "start",
            "stop" => "end",
            _ => "info",
        };
        return ("process", json!([what]));
    }
    let what = match action.as_str() {
        Some("create") => "creation",
        Some("kick") => "change",
        Some("dissolve") => "deletion",
        _ => "access",
    };
    let when = match record.kind.as_str() {
        "intent" => "start",
        "outcome" if record.get("decision") == "allowed" => "allowed",
        _ => "denied",
    };
    ("api", json!([what, when]))
}

fn http(record: &mut Members, status: Value) -> Value {
    let request_id = if record.is_of_requests() { record.take("request_id") } else { Value::Null };
    object([("request", object([("id", request_id)])), ("response", object([("status_code", status)]))])
}

fn list<const N: usize>(values: [Value; N]) -> Value {
    let there: Vec<Value> = values.into_iter().filter(|value| !value.is_null()).collect();
    if there.is_empty() { Value::Null } else { there.into() }
}

fn rest(record: Members) -> Value {
    let kind = record.kind.clone();
    let mut rest = record.rest();
    rest.insert("kind".into(), kind.into());
    // It is the reason of the event.
    rest.remove("reason");
    rest.into()
}
