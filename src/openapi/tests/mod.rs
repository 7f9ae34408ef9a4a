use std::collections::BTreeSet;
use std::time::Duration;

use jsonschema::Validator;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::domain::create::{MAX_COUNT, MAX_PASSWORD_CHARS};
use crate::domain::{Action, AppName, Code, ConferenceId, CreateConference, CreateFault, OrgName, UserName};

/// The OpenAPI Initiative's own schema of 3.1 documents, edition 2022-10-07 (Apache License 2.0).
const OAS: &str = include_str!("oas-3.1-schema.json");

fn document_value() -> Value {
    serde_json::from_slice(&document(&CreateRules::default())).unwrap()
}

/// A validator of a schema that stands in the document, with its references into the document.
fn validator(document: &Value, schema: &Value) -> Validator {
    let whole = json!({ "allOf": [schema], "components": document["components"] });
    jsonschema::draft202012::new(&whole).unwrap()
}

fn schema(document: &Value, name: &str) -> Validator {
    assert!(document["components"]["schemas"][name].is_object(), "{name}");
    validator(document, &json!({ "$ref": format!("#/components/schemas/{name}") }))
}

fn errors(validator: &Validator, value: &Value) -> Vec<String> {
    validator.iter_errors(value).map(|e| format!("{}: {e}", e.instance_path())).collect()
}

/// Calls `visit` with every object in the document.
fn each_object(value: &Value, visit: &mut impl FnMut(&serde_json::Map<String, Value>)) {
    match value {
        Value::Object(members) => {
            visit(members);
            members.values().for_each(|value| each_object(value, visit));
        }
        Value::Array(elements) => elements.iter().for_each(|value| each_object(value, visit)),
        _ => {}
    }
}

/// The codes that an operation's responses list.
fn codes_of(document: &Value, operation: &Value) -> BTreeSet<String> {
    let mut codes = BTreeSet::new();
    for (status, response) in operation["responses"].as_object().unwrap() {
        let Some(reference) = response["$ref"].as_str() else {
            continue;
        };
        let response = document.pointer(&reference[1..]).unwrap();
        for (code, example) in
            response["content"]["application/problem+json"]["examples"].as_object().unwrap()
        {
            assert_eq!(example["value"]["status"].to_string(), *status, "{code}");
            codes.insert(code.clone());
        }
    }
    codes
}

#[test]
fn the_document_is_openapi_3_1() {
    let oas: Value = serde_json::from_str(OAS).unwrap();
    let oas = jsonschema::draft202012::new(&oas).unwrap();
    assert_eq!(errors(&oas, &document_value()), [] as [String; 0]);
}

#[test]
fn every_reference_leads_somewhere_and_every_component_is_used() {
    let document = document_value();
    let mut references = BTreeSet::new();
    each_object(&document, &mut |object| {
        if let Some(reference) = object.get("$ref").and_then(Value::as_str) {
            assert!(document.pointer(&reference[1..]).is_some(), "{reference}");
            references.insert(reference.to_owned());
        }
    });
    for (kind, components) in document["components"].as_object().unwrap() {
        for name in components.as_object().unwrap().keys() {
            let reference = format!("#/components/{kind}/{name}");
            assert!(kind == "securitySchemes" || references.contains(&reference), "{reference}");
        }
    }
}

#[test]
fn every_schema_is_one_and_every_example_keeps_to_it() {
    let document = document_value();
    let mut examples = 0;
    each_object(&document, &mut |object| {
        let schema =
            object.get("schema").filter(|_| object.get("in").is_none() || object.contains_key("example"));
        let Some(schema) = schema else { return };
        let validator = validator(&document, schema);
        let named = object.get("examples").and_then(Value::as_object);
        let named = named.into_iter().flat_map(|named| named.values().map(|example| &example["value"]));
        for example in named.chain(object.get("example")) {
            assert_eq!(errors(&validator, example), [] as [String; 0], "{example}");
            examples += 1;
        }
    });
    for (name, own) in document["components"]["schemas"].as_object().unwrap() {
        for example in own["examples"].as_array().into_iter().flatten() {
            assert_eq!(errors(&schema(&document, name), example), [] as [String; 0], "{name}");
            examples += 1;
        }
    }
    assert!(examples > 2 * Code::ALL.len(), "{examples}");
}

#[test]
fn every_operation_lists_its_codes() {
    let document = document_value();
    let mut listed = BTreeSet::new();
    let post = codes_of(&document, &document["paths"]["/conferences"]["post"]);
    let get = codes_of(&document, &document["paths"]["/conferences/{confrId}"]["get"]);
    for code in ["body_invalid", "body_malformed", "creator_forbidden", "media_type_unsupported"] {
        assert!(post.contains(code) && !get.contains(code), "{code}");
    }
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in ["get", "post", "delete"] {
            let Some(operation) = item.get(method) else {
                continue;
            };
            let codes = codes_of(&document, operation);
            assert_eq!(codes.contains("token_missing"), path.contains("conferences"), "{path}");
            listed.extend(codes);
        }
    }
    let all: BTreeSet<_> = Code::ALL.iter().map(|code| code.as_str().to_owned()).collect();
    assert_eq!(listed, all);
}

#[test]
fn both_families_of_paths_have_the_four_calls() {
    let document = document_value();
    let mut ids = BTreeSet::new();
    for prefix in ["", "/{org}/{app}"] {
        for (path, method) in [
            ("/conferences", "post"),
            ("/conferences/{confrId}", "get"),
            ("/conferences/{confrId}", "delete"),
            ("/conferences/{confrId}/{userName}", "delete"),
        ] {
            let operation = &document["paths"][format!("{prefix}{path}")][method];
            ids.insert(operation["operationId"].as_str().unwrap().to_owned());
        }
    }
    assert_eq!(ids.len(), 2 * Action::ALL.len());
}

#[test]
fn the_fields_of_a_create_are_those_that_are_read() {
    let document = document_value();
    let create = &document["components"]["schemas"]["CreateConference"];
    let described: BTreeSet<_> =
        create["properties"].as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(described, BTreeSet::from(CreateConference::FIELDS));
    for example in create["examples"].as_array().unwrap() {
        CreateConference::parse(example.to_string().as_bytes(), &CreateRules::default()).unwrap();
    }
}

#[test]
fn the_bounds_of_the_delay_are_the_operators() {
    let rules = CreateRules { min_delay: Duration::from_secs(1), max_delay: Duration::from_secs(2) };
    let document: Value = serde_json::from_slice(&document(&rules)).unwrap();
    let delay = &document["components"]["schemas"]["CreateConference"]["properties"]["confrDelayMillis"];
    assert_eq!((&delay["minimum"], &delay["maximum"]), (&json!(1000), &json!(2000)));
}

#[test]
fn the_patterns_of_names_are_the_rules_of_names() {
    let document = document_value();
    let parameter = |name: &str| validator(&document, &document["components"]["parameters"][name]["schema"]);
    let (org, app, id, user) =
        (parameter("org"), parameter("app"), parameter("confrId"), parameter("userName"));
    let long = "a".repeat(65);
    for name in
        ["", ".", "..", "...", "room", "rooms", "A", "a-b", "a_b", "a.b", "a b", "ä", "9", &long, &long[1..]]
    {
        let value = Value::from(name);
        assert_eq!(org.is_valid(&value), OrgName::parse(name).is_ok(), "org {name:?}");
        assert_eq!(app.is_valid(&value), AppName::parse(name).is_ok(), "app {name:?}");
        assert_eq!(id.is_valid(&value), ConferenceId::parse(name).is_ok(), "confrId {name:?}");
        assert_eq!(user.is_valid(&value), UserName::parse(name).is_ok(), "userName {name:?}");
    }
}

#[test]
fn every_problem_has_a_page_that_keeps_to_its_schema() {
    let document = document_value();
    let schema = schema(&document, "ProblemPage");
    for &code in Code::ALL {
        let page: Value = serde_json::from_slice(&problem_page(code)).unwrap();
        assert_eq!(errors(&schema, &page), [] as [String; 0], "{code:?}");
        assert_eq!(page["type"], problem_type(code));
    }
}

/// Values at and around the edges of every field's rule.
fn edge() -> impl Strategy<Value = Value> {
    let integers =
        [-1, 0, 1, 2, 3, 7, 9, 10, 12, 13, 9999, 10_000, 3_600_000, 3_600_001, MAX_COUNT, MAX_COUNT + 1];
    let texts = ["", ".", "..", "huangcl", "HuangCL", "a b", "H264", "\u{7f}", "\n", "ä"];
    let long = [32, 33, 64, 65, MAX_PASSWORD_CHARS, MAX_PASSWORD_CHARS + 1].map(|n| "ü".repeat(n));
    let ascii = [32, 33, 64, 65].map(|n| "u".repeat(n));
    let texts: Vec<_> = texts.map(str::to_owned).into_iter().chain(long).chain(ascii).collect();
    let plain = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        Just(json!(10.5)),
        prop::sample::select(integers.to_vec()).prop_map(Value::from),
        prop::sample::select(texts).prop_map(Value::from),
    ];
    let lists = prop::collection::vec(plain.clone(), 0..18).prop_map(Value::from);
    let codecs = prop::collection::vec(Just(json!("VP8")), 15..18).prop_map(Value::from);
    prop_oneof![6 => plain, 1 => lists, 1 => codecs]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// A client that checks its body against the document learns what the gateway would say.
    #[test]
    fn the_schema_and_the_parser_agree(values in prop::collection::vec((0_usize..15, edge()), 30)) {
        let document = document_value();
        let schema = schema(&document, "CreateConference");
        for (field, value) in values {
            let name = CreateConference::FIELDS.get(field).copied().unwrap_or("unknown");
            let body = json!({ name: value });
            let parsed = CreateConference::parse(body.to_string().as_bytes(), &CreateRules::default());
            prop_assert_eq!(parsed.is_ok(), schema.is_valid(&body), "{}", body);
            prop_assert!(!matches!(parsed, Err(CreateFault::Malformed(_))));
        }
    }
}
