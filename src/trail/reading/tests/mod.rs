//! Reading, over real files: made by the trail itself where that can be, put together where it cannot.

mod find;
mod follow;
mod sums;

use jiff::{SignedDuration, Timestamp};

use crate::domain::{Action, Code, ConferenceId, RequestId, TenantId};
use crate::trail::tests::{self, call, trail_of};
use crate::trail::*;

/// When the trails of these tests begin.
fn beginning() -> Timestamp {
    "2026-11-23T00:00:00Z".parse().unwrap()
}

fn minute(minute: i64) -> Timestamp {
    beginning() + SignedDuration::from_mins(minute)
}

/// A request id of that minute.
fn id(at: i64, number: u8) -> RequestId {
    let mut random = [0; 10];
    random[9] = number;
    let millis = u64::try_from(minute(at).as_millisecond()).unwrap();
    let id = uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid();
    RequestId::parse(&id.to_string()).unwrap()
}

fn request(id: RequestId, tenant: &str, action: Action) -> Call {
    let tenant = Some(TenantId::parse(tenant).unwrap());
    Call { request_id: id, tenant, action: Some(action), ..call() }
}

fn announced(at: i64, call: &Call) -> Record {
    Record::Intent(Intent { time: minute(at), call: call.clone(), body: None })
}

fn allowed(at: i64, call: &Call, micros: u64) -> Outcome {
    Outcome {
        time: minute(at),
        call: call.clone(),
        duration: std::time::Duration::from_micros(micros),
        vendor_duration: Some(std::time::Duration::from_micros(micros / 2)),
        ..tests::allowed()
    }
}

fn refused(at: i64, call: &Call, code: Code) -> Outcome {
    let duration = std::time::Duration::from_micros(100);
    Outcome {
        time: minute(at),
        call: call.clone(),
        reason: Some(code),
        status: Some(code.status()),
        duration,
        ..tests::refused()
    }
}

fn flood(at: i64, tenant: &str, count: u64) -> Refusals {
    Refusals {
        time: minute(at),
        action: Some(Action::Get),
        tenant: Some(TenantId::parse(tenant).unwrap()),
        subject: Some("huangcl".into()),
        client: None,
        reason: Some(Code::TenantRateLimited),
        status: Some(429),
        count,
        first_time: minute(at - 1),
        first_request_id: id(at - 1, 100),
        last_time: minute(at),
        last_request_id: id(at, 101),
        ..tests::refusals()
    }
}

fn recovered(at: i64, unknown: &[(u64, RequestId)]) -> Record {
    let unknown =
        unknown.iter().map(|(intent, request_id)| OpenIntent { intent: *intent, request_id: *request_id });
    Record::Recovered(Recovered {
        time: minute(at),
        after: Trouble::Crash,
        fault: None,
        since: None,
        unknown: unknown.collect(),
    })
}

/// Two hours of two tenants, in three segments:
///
/// | line | minute | what |
/// |---|---|---|
/// | 1 | 0 | start |
/// | 2, 3 | 1, 2 | crm creates: intent, outcome, 2 ms |
/// | 4 | 3 | acme may not dissolve |
/// | 5 | 60 | acme dissolves: intent |
/// | 6 | 61 | crm gets, 4 ms, the vendor says 404 inside a 200 |
/// | 7 | 75 | 1000 gets of crm, counted |
/// | 8 | 120 | after a crash: what acme wanted dissolved is unknown |
/// | 9 | 121 | crm gets, 400 ms |
fn two_hours() -> Vec<Record> {
    let create = request(id(1, 1), "crm", Action::Create);
    let dissolve = request(id(60, 5), "acme", Action::Dissolve);
    let get = |at, number| request(id(at, number), "crm", Action::Get);
    let other = Some(ConferenceId::parse("OTHER").unwrap());
    vec![
        Record::Start(Start { time: minute(0), version: "1.2.3", trail: uuid::Uuid::nil(), torn: None }),
        announced(1, &create),
        Record::Outcome(allowed(2, &Call { conference: other, ..create }, 2_000)),
        Record::Outcome(refused(3, &request(id(3, 4), "acme", Action::Dissolve), Code::ScopeMissing)),
        announced(60, &dissolve),
        Record::Outcome(Outcome {
            vendor_error: Some(VendorError::Number(404)),
            ..allowed(61, &get(61, 6), 4_000)
        }),
        Record::Refusals(flood(75, "crm", 1_000)),
        recovered(120, &[(5, id(60, 5))]),
        Record::Outcome(allowed(121, &get(121, 9), 400_000)),
    ]
}

fn two_hours_trail() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    trail_of(directory.path(), &two_hours(), &[4, 7]);
    directory
}

#[test]
fn the_time_is_read_where_every_line_has_it() {
    let line = |text: &str| {
        let bytes = text.as_bytes();
        Line { sequence: 1, file: std::path::Path::new(""), number: 1, bytes }.time()
    };
    let time: Timestamp = "2026-11-23T02:47:04.123456Z".parse().unwrap();
    for text in tests::every_line() {
        assert_eq!(line(&text), Some(time), "{text}");
    }
    for text in ["", "{}", "{\"v\":1,\"seq\":1,\"time\":\"yesterday\",\"kind\":\"stop\"}", "{\"time\":\"2026"]
    {
        assert_eq!(line(text), None, "{text}");
    }
}
