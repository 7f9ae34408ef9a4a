//! Records of every kind: whatever takes records apart is held against them.

use super::*;
use crate::domain::UserName;
use crate::trail::line::{LineHash, Position};

const TIME: &str = "2026-11-23T02:47:04.123456Z";

fn time() -> Timestamp {
    TIME.parse().unwrap()
}

fn id() -> RequestId {
    RequestId::generate(&uuid::ContextV7::new())
}

/// Each kind, with everything that may be null and without.
pub(crate) fn every_record() -> Vec<Record> {
    let mut records = of_requests();
    records.extend(of_floods());
    records.extend(of_its_life());
    records
}

/// A line of each, in turn from the first, with its newline.
pub(crate) fn every_line() -> Vec<String> {
    let mut position = Position::GENESIS;
    let line = |record: Record| {
        let mut line = Vec::new();
        position = position.append(&mut line, &record.payload().unwrap());
        String::from_utf8(line).unwrap()
    };
    every_record().into_iter().map(line).collect()
}

fn of_requests() -> Vec<Record> {
    let nothing_known = Call {
        action: None,
        tenant: None,
        subject: None,
        issuer: None,
        token_id: None,
        client: "2001:db8::1".parse().unwrap(),
        app: None,
        conference: None,
        ..call()
    };
    let create = Call {
        action: Some(Action::Create),
        conference: None,
        creator: Some(UserName::parse("huangcl").unwrap()),
        ..call()
    };
    let kick = Call { action: Some(Action::Kick), user: Some(UserName::parse("yangss").unwrap()), ..call() };
    let body = serde_json::value::RawValue::from_string(r#"{"confrType":10}"#.into()).unwrap();
    let refused = Outcome { time: time(), ..refused() };
    let allowed = Outcome { time: time(), call: kick.clone(), intent: Some(3), ..allowed() };
    let not_found = Outcome {
        call: Call { action: Some(Action::Get), ..call() },
        vendor_error: Some(VendorError::Number(-1)),
        intent: None,
        ..allowed.clone()
    };
    let failed =
        Outcome { status: Some(500), vendor_status: Some(500), vendor_error: None, ..allowed.clone() };
    let unknown = Outcome {
        call: create.clone(),
        reason: Some(Code::VendorTimeout),
        detail: Some("no answer came".into()),
        status: None,
        vendor_status: None,
        vendor_error: Some(VendorError::Name("unauthorized".into())),
        outcome_unknown: true,
        caller_gone: true,
        ..allowed.clone()
    };
    vec![
        Record::Intent(Intent { time: time(), call: create, body: Some(body) }),
        Record::Intent(Intent { time: time(), call: kick, body: None }),
        // Does not happen; the type has it.
        Record::Intent(Intent { time: time(), call: nothing_known.clone(), body: None }),
        Record::Outcome(allowed),
        Record::Outcome(unknown),
        Record::Outcome(not_found),
        Record::Outcome(failed),
        Record::Outcome(Outcome { call: nothing_known, ..refused.clone() }),
        Record::Outcome(refused),
    ]
}

fn of_floods() -> Vec<Record> {
    let refusals = Refusals {
        time: time(),
        action: Some(Action::Get),
        tenant: call().tenant,
        subject: call().subject,
        client: Some(call().client),
        reason: Some(Code::TenantRateLimited),
        detail: Some("20 per 1s".into()),
        status: Some(429),
        count: 1_000_000,
        first_time: time(),
        first_request_id: id(),
        last_time: time(),
        last_request_id: id(),
    };
    let mixed = Refusals {
        action: None,
        tenant: None,
        subject: None,
        client: None,
        reason: None,
        detail: None,
        status: None,
        ..refusals.clone()
    };
    vec![Record::Refusals(refusals), Record::Refusals(mixed)]
}

fn of_its_life() -> Vec<Record> {
    let open = OpenIntent { intent: 7, request_id: id() };
    let torn = TornTail { file: "audit-00000000000000000001.jsonl.torn-20261123".into(), bytes: 3 };
    let start = Start { time: time(), version: "1.2.3", trail: uuid::Uuid::new_v4(), torn: None };
    let signed = Checkpoint {
        time: time(),
        trail: start.trail,
        first: 1,
        sequence: 9,
        hash: LineHash::ZERO,
        open: Some(vec![open]),
        key: Some("0123456789abcdef".into()),
        signature: Some(format!("{}==", "A".repeat(86)).into()),
    };
    let crash =
        Recovered { time: time(), after: Trouble::Crash, fault: None, since: None, unknown: vec![open] };
    let fault = Recovered {
        after: Trouble::Fault,
        fault: Some("No space left on device (os error 28)".into()),
        since: Some(time()),
        unknown: Vec::new(),
        ..crash.clone()
    };
    vec![
        Record::Start(Start { torn: Some(torn), ..start.clone() }),
        Record::Start(start),
        Record::Checkpoint(Checkpoint { open: None, key: None, signature: None, ..signed.clone() }),
        Record::Checkpoint(signed),
        Record::Recovered(crash),
        Record::Recovered(fault),
        Record::Heartbeat(Heartbeat { time: time() }),
        Record::Stop(Stop { time: time() }),
        Record::Reload(reload()),
    ]
}

fn reload() -> Reload {
    let change = |key: &str, from: Option<&str>, to: Option<&str>| ChangedKey {
        key: key.to_owned(),
        from: from.map(str::to_owned),
        to: to.map(str::to_owned),
        needs_restart: key.starts_with("admin"),
    };
    Reload {
        time: time(),
        generation: 2,
        cause: ReloadCause::Files,
        changes: vec![
            change("admin.address", Some("\"127.0.0.1:9090\""), Some("\"0.0.0.0:9090\"")),
            change("apps.meet.client_secret_file", None, None),
            change("tenants.crm.max_in_flight", None, Some("64")),
        ],
        further_changes: 0,
    }
}
