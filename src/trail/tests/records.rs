use super::*;
use crate::domain::UserName;

fn json(record: &Record) -> Value {
    serde_json::from_slice(&record.payload().unwrap()).unwrap()
}

/// The text of a line depends on the order of its members only for people; they get the order of the docs.
#[test]
fn an_outcome_has_every_field_under_its_name_in_order() {
    let time = "2026-11-23T02:47:04.1234567Z".parse().unwrap();
    let outcome = Outcome { time, intent: Some(4708), ..allowed() };
    let id = outcome.call.request_id;
    let record = Record::Outcome(outcome);
    let expected = format!(
        r#"{{"time":"2026-11-23T02:47:04.123456Z","kind":"outcome","request_id":"{id}","trace_id":"{:032x}","#,
        0xab
    ) + r#""action":"dissolve","tenant":"crm","subject":"huangcl","issuer":"https://sso.corp.example","#
        + r#""token_id":"t-1","client":"10.2.3.4","app":"meet","conference":"IM3SKW51SKH4TB80LV45000C7","#
        + r#""user":null,"creator":null,"decision":"allowed","reason":null,"detail":null,"status":200,"#
        + r#""vendor_status":200,"vendor_error":0,"attempts":1,"duration_us":31250,"vendor_us":30911,"#
        + r#""intent":4708,"outcome_unknown":false,"caller_gone":false}"#;
    assert_eq!(String::from_utf8(record.payload().unwrap()).unwrap(), expected);
}

#[test]
fn a_refusal_has_its_code_and_nulls_for_what_is_not_known() {
    let Record::Outcome(mut outcome) = outcome() else { unreachable!() };
    outcome.call = Call { action: None, tenant: None, subject: None, ..outcome.call };
    outcome.detail = Some("the token's kid is unknown".into());
    outcome.vendor_error = Some(VendorError::Name("unauthorized".into()));
    let json = json(&Record::Outcome(outcome));
    assert_eq!(json["decision"], "refused");
    assert_eq!(json["reason"], "scope_missing");
    assert_eq!(json["detail"], "the token's kid is unknown");
    assert_eq!(json["vendor_error"], "unauthorized");
    for name in ["action", "tenant", "subject", "vendor_us", "intent"] {
        assert!(json.get(name).unwrap().is_null(), "{name}");
    }
}

#[test]
fn an_intent_holds_the_body_on_one_line() {
    let body = "{\n  \"creator\": \"a\\nb\",\n  \"rec\": true\n}";
    let record = Record::Intent(Intent {
        time: Timestamp::now(),
        call: Call { action: Some(Action::Kick), user: Some(UserName::parse("Yangss").unwrap()), ..call() },
        body: Some(serde_json::value::RawValue::from_string(body.into()).unwrap()),
    });
    assert!(!record.payload().unwrap().contains(&b'\n'));
    let json = json(&record);
    assert_eq!(json["kind"], "intent");
    assert_eq!(json["user"], "yangss");
    assert_eq!(json["body"]["creator"], "a\nb");
}

#[test]
fn start_and_stop_are_records_too() {
    let time = Timestamp::now();
    let start = json(&Record::Start(Start {
        time,
        version: "1.2.3",
        trail: uuid::Uuid::nil(),
        torn: Some(TornTail { file: "f".into(), bytes: 3 }),
    }));
    assert_eq!(start["version"], "1.2.3");
    assert_eq!(start["torn"]["bytes"], 3);
    assert_eq!(json(&Record::Stop(Stop { time }))["kind"], "stop");
}

/// What serde derives, and what is written by hand, are the same to the byte.
#[test]
fn what_is_written_by_hand_is_what_serde_would_write() {
    let odd = Call {
        subject: Some("\"Zoë\"\\\n\u{1}".into()),
        issuer: Some("https://sso.corp.example/\u{7f}".into()),
        token_id: Some("".into()),
        client: "::ffff:1.2.3.4".parse().unwrap(),
        ..call()
    };
    let odd = Outcome {
        call: odd,
        detail: Some("a \"quoted\"\tdetail".into()),
        vendor_error: Some(VendorError::Name("caf\u{e9}\u{2028}".into())),
        vendor_duration: Some(Duration::MAX),
        ..allowed()
    };
    let negative = Outcome { vendor_error: Some(VendorError::Number(i64::MIN)), ..allowed() };
    let mut records = every_record();
    records.extend([Record::Outcome(odd), Record::Outcome(negative)]);
    for record in records {
        let derived = serde_json::to_string(&record).unwrap();
        assert_eq!(String::from_utf8(record.payload().unwrap()).unwrap(), derived);
    }
}
