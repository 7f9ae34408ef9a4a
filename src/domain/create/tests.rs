use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::*;

fn parse(body: &Value) -> Result<CreateConference, CreateFault> {
    CreateConference::parse(body.to_string().as_bytes(), &CreateRules::default())
}

fn parse_text(body: &str) -> Result<CreateConference, CreateFault> {
    CreateConference::parse(body.as_bytes(), &CreateRules::default())
}

fn sent(create: &CreateConference) -> Value {
    serde_json::from_slice(&create.to_json()).unwrap()
}

/// The faults as `pointer: detail`.
fn faults(body: &str) -> Vec<String> {
    match parse_text(body) {
        Err(CreateFault::Invalid(faults)) => {
            faults.into_iter().map(|fault| format!("{}: {}", fault.pointer, fault.detail)).collect()
        }
        other => panic!("{body}: {other:?}"),
    }
}

fn only_fault(body: &str) -> String {
    let faults = faults(body);
    assert_eq!(faults.len(), 1, "{faults:?}");
    faults.into_iter().next().unwrap()
}

fn every_field() -> Value {
    json!({
        "confrType": 12, "password": "päss \"word\"", "confrDelayMillis": 3_600_000, "memDefaultRole": 1,
        "allowAudienceTalk": true, "creator": "huangcl", "rec": false, "recMerge": true,
        "supportWechatMiniProgram": true, "useVCodes": ["H264", "VP8"], "maxTalkerCount": 6,
        "maxVideoCount": 0, "maxAudienceCount": 600, "confrId": "",
    })
}

#[test]
fn every_field_is_taken_and_sent_as_given() {
    let body = every_field();
    assert_eq!(sent(&parse(&body).unwrap()), body);
    let mut names: Vec<_> = body.as_object().unwrap().keys().map(String::as_str).collect();
    names.sort_unstable();
    let mut fields = CreateConference::FIELDS;
    fields.sort_unstable();
    assert_eq!(names, fields);
}

#[test]
fn what_is_absent_stays_absent() {
    for body in ["", "{}", " {\n} "] {
        assert_eq!(sent(&parse_text(body).unwrap()), json!({}), "{body:?}");
    }
    assert_eq!(sent(&parse_text(r#"{"password":""}"#).unwrap()), json!({"password": ""}));
}

#[test]
fn the_creator_is_sent_in_lower_case_and_can_be_filled_in() {
    let create = parse_text(r#"{"creator":"HuangCL"}"#).unwrap();
    assert_eq!(create.creator().unwrap().as_str(), "huangcl");
    assert_eq!(sent(&create), json!({"creator": "huangcl"}));
    let create = parse_text(r#"{"rec":true}"#).unwrap();
    assert_eq!(create.creator(), None);
    let create = create.with_creator(UserName::parse("yangss").unwrap());
    assert_eq!(sent(&create), json!({"rec": true, "creator": "yangss"}));
}

#[test]
fn seconds_sent_as_milliseconds_are_named_as_such() {
    let fault = only_fault(r#"{"confrDelayMillis":3600}"#);
    assert_eq!(
        fault,
        "/confrDelayMillis: must be 10000 to 3600000 milliseconds (10s to 3600s); the unit is milliseconds, \
         and 3600 of them are 3.6s: for 3600 seconds send 3600000"
    );
    for (body, accepted) in [("9999", false), ("10000", true), ("3600000", true), ("3600001", false)] {
        let body = format!(r#"{{"confrDelayMillis":{body}}}"#);
        assert_eq!(parse_text(&body).is_ok(), accepted, "{body}");
    }
    for odd in ["-1", "-99999999999999999999", "99999999999999999999", "0", "1"] {
        let fault = only_fault(&format!(r#"{{"confrDelayMillis":{odd}}}"#));
        assert!(!fault.contains("send"), "{fault}");
    }
}

#[test]
fn the_bounds_of_the_delay_are_the_operators() {
    let rules = CreateRules { min_delay: Duration::ZERO, max_delay: Duration::from_millis(5) };
    assert!(CreateConference::parse(br#"{"confrDelayMillis":0}"#, &rules).is_ok());
    assert!(CreateConference::parse(br#"{"confrDelayMillis":6}"#, &rules).is_err());
    assert!(CreateConference::parse(br#"{"confrDelayMillis":-1}"#, &rules).is_err());
}

#[test]
fn integers_are_written_as_integers() {
    for wrong in ["10.0", "1e1", "\"10\"", "true", "null", "[10]", "{}", "13", "-10"] {
        let fault = only_fault(&format!(r#"{{"confrType":{wrong}}}"#));
        assert!(fault.starts_with("/confrType: must be"), "{fault}");
    }
    assert_eq!(only_fault(r#"{"maxTalkerCount":"6"}"#), "/maxTalkerCount: must be an integer, not a string");
    for wrong in ["-1", "1000001", "4294967296", "18446744073709551616"] {
        let fault = only_fault(&format!(r#"{{"maxVideoCount":{wrong}}}"#));
        assert_eq!(fault, "/maxVideoCount: must be 0 to 1000000");
    }
}

#[test]
fn every_fault_is_reported_at_once() {
    let long = "x".repeat(65);
    let body = format!(
        r#"{{"confrType":9,"rec":"yes","creator":"a/b","useVCodes":["VP8",7,""],"memDefaultRole":2,
            "password":null,"confrId":"x","conf/Type":1,"{long}":1,"recMerge":true,"recMerge":true}}"#
    );
    let pointers: Vec<_> =
        faults(&body).into_iter().map(|fault| fault.split(": ").next().unwrap().to_owned()).collect();
    assert_eq!(
        pointers,
        [
            "/password",
            "/confrType",
            "/memDefaultRole",
            "/creator",
            "/rec",
            "/recMerge",
            "/useVCodes/1",
            "/useVCodes/2",
            "/confrId",
            "/conf~1Type",
            "",
        ]
    );
}

#[test]
fn a_member_given_twice_is_refused_however_it_is_written() {
    for body in [r#"{"rec":true,"rec":true}"#, r#"{"rec":true,"\u0072ec":false}"#] {
        assert_eq!(only_fault(body), "/rec: is given more than once");
    }
}

#[test]
fn an_unknown_field_comes_with_the_one_that_was_meant() {
    assert_eq!(
        only_fault(r#"{"confr_type":10}"#),
        "/confr_type: is not a field of a create; did you mean \"confrType\"?"
    );
    assert_eq!(only_fault(r#"{"topic":1}"#), "/topic: is not a field of a create");
}

#[test]
fn the_list_of_faults_is_bounded() {
    let body: Map<_, _> = (0..1000).map(|n| (format!("x{n}"), json!(0))).collect();
    assert_eq!(faults(&Value::from(body).to_string()).len(), MAX_FAULTS);
    let codecs = vec!["VP8"; MAX_CODECS + 1];
    assert_eq!(
        only_fault(&json!({ "useVCodes": codecs }).to_string()),
        "/useVCodes: has 17 elements; the most is 16"
    );
}

#[test]
fn what_is_no_json_object_is_malformed_and_not_quoted() {
    for (body, detail) in [
        ("{\n \"rec\": tru }", "The body is not JSON: expected ident at line 2 column 12."),
        ("{\"rec\":", "The body ends too early, at line 1 column 7."),
        ("[1]", "The body must be a JSON object."),
        ("\"hunter2\"", "The body must be a JSON object."),
        (" ", "The body ends too early, at line 1 column 1."),
    ] {
        match parse_text(body) {
            Err(CreateFault::Malformed(said)) => assert_eq!(said, detail, "{body}"),
            other => panic!("{body}: {other:?}"),
        }
    }
    for body in
        ["{} {}", "{'rec':true}", "{\"rec\":true,}", "{\"a\":\"\\x\"}", "{\"\\ud800\":1}", "\u{feff}{}"]
    {
        assert!(matches!(parse_text(body), Err(CreateFault::Malformed(_))), "{body}");
    }
    let latin1 = CreateConference::parse(b"{\"password\":\"p\xe4ss\"}", &CreateRules::default());
    let detail = "The body must be UTF-8, which ends after byte 14.".to_owned();
    assert_eq!(latin1.unwrap_err(), CreateFault::Malformed(detail));
}

#[test]
fn depth_is_no_danger() {
    let deep = format!("{{\"confrType\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
    assert_eq!(only_fault(&deep), "/confrType: must be an integer, not an array");
}

#[test]
fn the_trail_gets_everything_but_the_password() {
    let create = parse(&every_field()).unwrap();
    let trail: Value = serde_json::from_str(create.to_json_without_password().get()).unwrap();
    let mut expected = every_field();
    expected.as_object_mut().unwrap().remove("password");
    assert_eq!(trail, expected);
}

fn text(pattern: &'static str) -> impl Strategy<Value = Value> {
    pattern.prop_map(Value::from)
}

/// Bodies that are right, with any subset of the fields.
fn right() -> impl Strategy<Value = Value> {
    let numbers = (
        option::of(prop::sample::select(vec![10, 11, 12]).prop_map(Value::from)),
        option::of((10_000_u64..=3_600_000).prop_map(Value::from)),
        option::of(prop::sample::select(vec![1, 3, 7]).prop_map(Value::from)),
        prop::array::uniform3(option::of((0..=MAX_COUNT).prop_map(Value::from))),
    );
    let booleans = prop::array::uniform4(option::of(any::<bool>().prop_map(Value::from)));
    let texts = (
        option::of(text("\\PC{0,128}")),
        option::of(text("[a-z0-9_][a-z0-9_.-]{0,63}")),
        option::of(text("")),
        option::of(vec("[A-Za-z0-9./ -]{1,32}", 0..=MAX_CODECS).prop_map(Value::from)),
    );
    (numbers, booleans, texts).prop_map(|(numbers, booleans, texts)| {
        let (kind, delay, role, [talkers, videos, audience]) = numbers;
        let [talk, rec, merge, wechat] = booleans;
        let (password, creator, id, codecs) = texts;
        let members = [
            kind, password, delay, role, talk, creator, rec, merge, wechat, codecs, talkers, videos,
            audience, id,
        ];
        let named = CreateConference::FIELDS.into_iter().zip(members);
        named.filter_map(|(name, value)| Some((name.to_owned(), value?))).collect::<Map<_, _>>().into()
    })
}

/// Any JSON, up to a small size.
fn anything() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::hash_map(any::<String>(), inner, 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_right_arrives_as_it_was_meant(body in right()) {
        let create = parse(&body).unwrap();
        prop_assert_eq!(sent(&create), body);
        let again = CreateConference::parse(&create.to_json(), &CreateRules::default()).unwrap();
        prop_assert_eq!(again.to_json(), create.to_json());
    }

    #[test]
    fn no_bytes_make_it_panic(body in vec(any::<u8>(), 0..200)) {
        let _ = CreateConference::parse(&body, &CreateRules::default());
    }

    #[test]
    fn no_json_makes_it_panic_and_what_passes_is_unchanged(
        field in prop::sample::select(CreateConference::FIELDS.to_vec()),
        value in anything(),
    ) {
        let mut body = json!({ field: value });
        if let Ok(create) = parse(&body) {
            if let Some(Value::String(creator)) = body.get_mut("creator") {
                creator.make_ascii_lowercase();
            }
            prop_assert_eq!(sent(&create), body);
        }
    }

    #[test]
    fn a_password_is_never_printed(
        password in "[a-z]{0,9}\u{1F511}s3cret[\u{0}-\u{40}]{0,200}",
        field in prop::sample::select(CreateConference::FIELDS.to_vec()),
        cut in 0_usize..400,
    ) {
        let wrong_place = json!({ field: password }).to_string();
        let broken = format!(r#"{{"password":{},"rec":1}}"#, Value::from(password));
        let cut = broken.get(..cut).unwrap_or(&broken).to_owned();
        for body in [wrong_place, broken, cut] {
            let result = parse_text(&body);
            let mut said = format!("{result:?}");
            match result {
                Ok(create) => said += create.to_json_without_password().get(),
                Err(fault) => said += &fault.to_string(),
            }
            prop_assert!(!said.contains("s3cret"), "{}", said);
        }
    }
}
