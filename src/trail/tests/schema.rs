use std::sync::OnceLock;

use jsonschema::Validator;
use serde_json::json;

use super::*;
use crate::trail::line::Position;

fn schema() -> Value {
    serde_json::from_str(SCHEMA).unwrap()
}

fn validator() -> &'static Validator {
    static VALIDATOR: OnceLock<Validator> = OnceLock::new();
    VALIDATOR.get_or_init(|| jsonschema::draft202012::new(&schema()).unwrap())
}

/// The schema of one kind alone, which says better what is wrong than the choice among all.
fn validator_of(kind: &str) -> Validator {
    let mut schema = schema();
    schema["oneOf"] = json!([{ "$ref": format!("#/$defs/{kind}") }]);
    jsonschema::draft202012::new(&schema).unwrap()
}

/// Fails the test unless `line` is as the schema says.
pub(super) fn assert_matches(line: &Value) {
    if !validator().is_valid(line) {
        let kind = validator_of(line["kind"].as_str().unwrap());
        let errors: Vec<String> = kind.iter_errors(line).map(|error| error.to_string()).collect();
        panic!("{line:#} is not what the schema says: {errors:#?}");
    }
}

fn sample_lines() -> Vec<Value> {
    let to_line = |record: &Record| {
        let mut line = Vec::new();
        Position::GENESIS.append(&mut line, &record.payload().unwrap());
        serde_json::from_slice(&line).unwrap()
    };
    every_record().iter().map(to_line).collect()
}

#[test]
fn the_schema_is_one() {
    jsonschema::meta::validate(&schema()).unwrap();
}

#[test]
fn every_kind_of_record_is_as_the_schema_says() {
    sample_lines().iter().for_each(assert_matches);
    let kinds: Vec<Kind> = every_record().iter().map(Record::kind).collect();
    assert!(Kind::ALL.iter().all(|kind| kinds.contains(kind)), "a kind is missing from the every_record");
}

#[test]
fn nothing_is_missing_from_a_record_and_nothing_is_added() {
    for line in sample_lines() {
        for name in line.as_object().unwrap().keys() {
            let mut less = line.clone();
            less.as_object_mut().unwrap().remove(name);
            assert!(!validator().is_valid(&less), "without {name}: {line}");
            if name == "body" {
                continue;
            }
            let mut other = line.clone();
            other[name] = json!({ "x": 1 });
            assert!(!validator().is_valid(&other), "{name} may be anything: {line}");
        }
        let mut more = line.clone();
        more["added"] = Value::Null;
        assert!(!validator().is_valid(&more), "{line}");
    }
}

#[test]
fn what_may_be_null_in_a_record_may_be_null_in_the_schema_and_nothing_else() {
    let lines = sample_lines();
    for kind in Kind::ALL.map(Kind::as_str) {
        let of_kind: Vec<&Value> = lines.iter().filter(|line| line["kind"] == kind).collect();
        for name in of_kind[0].as_object().unwrap().keys() {
            let is_null_somewhere = of_kind.iter().any(|line| line[name].is_null());
            let mut without = of_kind[0].clone();
            without[name] = Value::Null;
            assert_eq!(validator().is_valid(&without), is_null_somewhere, "{kind}.{name}");
        }
    }
}

#[test]
fn the_schema_names_what_the_code_names() {
    let schema = schema();
    let defs = &schema["$defs"];
    let codes: Vec<_> = Code::ALL.iter().map(|code| code.as_str()).collect();
    assert_eq!(defs["reason"]["enum"], json!(codes));
    assert_eq!(defs["action"]["enum"], json!(Action::ALL));
    assert_eq!(defs["outcome"]["properties"]["decision"]["enum"], json!(Decision::ALL));
    assert_eq!(defs["frame"]["properties"]["kind"]["enum"], json!(Kind::ALL));
    assert_eq!(json!(Decision::ALL), json!(Decision::ALL.map(Decision::as_str)));
    assert_eq!(json!(Kind::ALL), json!(Kind::ALL.map(Kind::as_str)));
    let troubles = [Trouble::Crash, Trouble::Fault];
    assert_eq!(defs["recovered"]["properties"]["after"]["enum"], json!(troubles));
    for kind in Kind::ALL.map(Kind::as_str) {
        assert!(schema["oneOf"].as_array().unwrap().contains(&json!({ "$ref": format!("#/$defs/{kind}") })));
    }
}

/// Each member, everywhere, so that nobody has to look into the source.
#[test]
fn every_member_is_described() {
    fn check(schema: &Value, place: &str) {
        let no_members = serde_json::Map::new();
        for (name, member) in schema["properties"].as_object().unwrap_or(&no_members) {
            let place = format!("{place}.{name}");
            let is_described = member["description"].as_str().is_some_and(|text| text.ends_with('.'));
            assert!(is_described || member.get("const").is_some(), "{place}");
            check(member, &place);
        }
    }
    for (name, schema) in schema()["$defs"].as_object().unwrap() {
        assert!(schema["description"].is_string(), "{name}");
        check(schema, name);
    }
}
