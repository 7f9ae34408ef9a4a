//! The forms, held against what the schemas say. The tables are facts of the schemas, in the tests' own words: a name,
//! its type, and whether an event must have it.

mod ecs;
mod ocsf;

use std::collections::BTreeSet;
use std::sync::LazyLock;

use serde_json::{Value, json};

use super::Form;
use crate::trail::tests::every_line;
use crate::trail::{Line, LineHash};

const TIME: &str = "2026-11-23T02:47:04.123456Z";

/// Lines of every kind that the trail has, and of one that it may have later.
static LINES: LazyLock<Vec<String>> = LazyLock::new(|| {
    let mut lines = every_line();
    let (sequence, prev) = (lines.len() + 1, LineHash::of(lines[lines.len() - 1].as_bytes()));
    let later = r#""kind":"later","what":"of a later version""#;
    lines.push(format!("{{\"v\":1,\"seq\":{sequence},\"time\":\"{TIME}\",{later},\"prev\":\"{prev}\"}}\n"));
    lines
});

/// The record of each line.
fn records() -> Vec<Value> {
    LINES.iter().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn rendered(form: Form) -> Vec<Value> {
    let render = |(index, line): (usize, &String)| {
        let bytes = form.render(loose(index as u64 + 1, line.as_ref()), LineHash::of(line.as_bytes()));
        let text = String::from_utf8(bytes).unwrap();
        assert!(text.ends_with('\n') && text.matches('\n').count() == 1, "{text}");
        serde_json::from_str(&text).unwrap()
    };
    LINES.iter().enumerate().map(render).collect()
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

/// Every value of a record is in the event: nothing is lost on the way.
#[test]
fn no_form_loses_a_value() {
    for form in [Form::Ocsf, Form::Ecs] {
        for (record, event) in records().iter().zip(rendered(form)) {
            let text = event.to_string();
            for (name, value) in record.as_object().unwrap() {
                // These say the same in another unit or form.
                let said_otherwise = match name.as_str() {
                    "first_time" | "last_time" => true,
                    "duration_us" => form == Form::Ecs,
                    "v" => form == Form::Ocsf,
                    _ => value.is_null(),
                };
                assert!(said_otherwise || text.contains(&value.to_string()), "{name} of {record} in {text}");
            }
        }
    }
}

#[test]
fn every_form_tells_whether_a_record_is_missing() {
    for (form, hash, prev) in
        [(Form::Ocsf, "metadata.uid", "unmapped.prev"), (Form::Ecs, "event.hash", "confgate.prev")]
    {
        let events = rendered(form);
        for (pair, line) in events.windows(2).zip(&*LINES) {
            assert_eq!(at(&pair[1], prev), at(&pair[0], hash));
            assert_eq!(at(&pair[0], hash), &json!(LineHash::of(line.as_bytes()).to_string()));
        }
        let sequence = if form == Form::Ocsf { "metadata.sequence" } else { "event.sequence" };
        let sequences: BTreeSet<u64> =
            events.iter().map(|event| at(event, sequence).as_u64().unwrap()).collect();
        assert_eq!(sequences, (1..=events.len() as u64).collect());
    }
    let line = &LINES[2];
    let own = Form::Confgate.render(loose(3, line.as_ref()), LineHash::ZERO);
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
            let line = loose(7, text);
            let event: Value = serde_json::from_slice(&form.render(line, LineHash::ZERO)).unwrap();
            assert_eq!(at(&event, original), text);
            let (table, free) =
                if form == Form::Ocsf { (ocsf::OCSF, "unmapped") } else { (ecs::ECS, "confgate") };
            assert_fits(&event, table, free);
        }
    }
}

/// A line by itself, which lies in no file.
fn loose(sequence: u64, text: &str) -> Line<'_> {
    Line { sequence, file: std::path::Path::new(""), number: sequence, bytes: text.as_bytes() }
}
