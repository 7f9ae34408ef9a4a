//! From bytes to the members of one JSON object, with their values still unread.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::error::Category;
use serde_json::value::RawValue;

/// One member of an object: its name without escapes, and its value as it stands in the body.
pub(super) struct Member<'a> {
    pub(super) name: String,
    pub(super) value: &'a RawValue,
}

/// Splits a body, however deeply its values nest: they are skipped without recursion. Members that share a
/// name are all kept. No bytes at all are an object without members.
pub(super) fn members(body: &[u8]) -> Result<Vec<Member<'_>>, String> {
    if body.is_empty() {
        return Ok(Vec::new());
    }
    let text = std::str::from_utf8(body)
        .map_err(|e| format!("The body must be UTF-8, which ends after byte {}.", e.valid_up_to()))?;
    let Members(members) = serde_json::from_str(text).map_err(|e| explain(&e))?;
    Ok(members)
}

/// Words an error without quoting the body: what serde quotes, it quotes in the errors about data.
fn explain(error: &serde_json::Error) -> String {
    let (line, column) = (error.line(), error.column());
    match error.classify() {
        Category::Eof => format!("The body ends too early, at line {line} column {column}."),
        Category::Syntax => format!("The body is not JSON: {error}."),
        Category::Data | Category::Io => "The body must be a JSON object.".to_owned(),
    }
}

struct Members<'a>(Vec<Member<'a>>);

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ObjectVisitor).map(Self)
    }
}

struct ObjectVisitor;

impl<'de> Visitor<'de> for ObjectVisitor {
    type Value = Vec<Member<'de>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        while let Some((name, value)) = object.next_entry()? {
            members.push(Member { name, value });
        }
        Ok(members)
    }
}
