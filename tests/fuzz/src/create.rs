//! The body of a create. What goes out has the documented fields alone, each once, and means the same when it is read
//! again.

use std::collections::BTreeSet;
use std::time::Duration;

use confgate::domain::{CreateConference, CreateRules, UserName};
use serde_json::{Map, Value};

const RULES: CreateRules =
    CreateRules { min_delay: Duration::from_secs(10), max_delay: Duration::from_hours(1) };

/// The bytes are a body.
pub fn run(body: &[u8]) {
    let Ok(create) = CreateConference::parse(body, &RULES) else { return };
    let sent = create.to_json();
    let object: Map<String, Value> = serde_json::from_slice(&sent).expect("an object");
    let known = BTreeSet::from(CreateConference::FIELDS);
    assert!(object.keys().all(|name| known.contains(name.as_str())), "{object:?}");
    // As JSON has it, a name that comes twice counts once.
    let written = sent.iter().filter(|byte| **byte == b':').count();
    let in_text = object.values().map(|value| value.to_string().matches(':').count()).sum::<usize>();
    assert_eq!(written, object.len() + in_text, "a name comes twice: {}", String::from_utf8_lossy(&sent));
    asks_for_nothing_else(body, &object);
    let again = CreateConference::parse(&sent, &RULES).expect("what goes out can be read");
    assert_eq!(again.to_json(), sent);
    let on_record: Map<String, Value> =
        serde_json::from_str(create.to_json_without_password().get()).expect("an object");
    let open: Map<_, _> = object.into_iter().filter(|(name, _)| name != "password").collect();
    assert_eq!(on_record, open, "the trail has all but the password");
    let creator = UserName::parse("huangcl").expect("a name");
    assert_eq!(create.with_creator(creator.clone()).creator(), Some(&creator));
}

/// What goes out is what was asked for, but for the case of the creator.
fn asks_for_nothing_else(body: &[u8], sent: &Map<String, Value>) {
    let asked: Map<String, Value> =
        if body.is_empty() { Map::new() } else { serde_json::from_slice(body).expect("an object") };
    assert_eq!(asked.len(), sent.len());
    for (name, value) in asked {
        let same = match (name.as_str(), value.as_str()) {
            ("creator", Some(creator)) => sent[&name] == creator.to_ascii_lowercase(),
            _ => sent[&name] == value,
        };
        assert!(same, "{name}: {value} became {}", sent[&name]);
    }
}
