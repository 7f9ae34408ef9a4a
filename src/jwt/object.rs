//! JSON objects in which no name occurs twice.
//!
//! RFC 7515, section 4, and RFC 7519, section 4, let a verifier refuse duplicates or take the last one. Two
//! parsers that choose differently see two different tokens, so they are refused, at every depth.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// A JSON object's members.
pub(super) type Object = Map<String, Value>;

/// Reads one JSON object and nothing after it. `None` for anything else, and for an object with duplicates.
pub(super) fn parse(json: &[u8]) -> Option<Object> {
    match serde_json::from_slice(json) {
        Ok(Strict(Value::Object(members))) => Some(members),
        _ => None,
    }
}

struct Strict(Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StrictVisitor).map(Self)
    }
}

struct StrictVisitor;

impl<'de> Visitor<'de> for StrictVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON without duplicate names")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("not a finite number"))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(Strict(value)) = items.next_element()? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some((name, Strict(value))) = members.next_entry::<String, _>()? {
            if object.insert(name, value).is_some() {
                return Err(A::Error::custom("a name occurs twice"));
            }
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_serde_json_reads() {
        let json = br#" {"a":[1,-2,3.5,null,true,{"b":"\u00e4"}],"c":18446744073709551615,"d":1e3} "#;
        let plain: Value = serde_json::from_slice(json).unwrap();
        assert_eq!(parse(json).map(Value::Object), Some(plain));
    }

    #[test]
    fn a_name_that_occurs_twice_is_refused_at_every_depth() {
        for json in [
            r#"{"a":1,"a":1}"#,
            r#"{"iss":1,"\u0069ss":2}"#,
            r#"{"unknown":null,"x":0,"unknown":null}"#,
            r#"{"a":{"b":1,"b":2}}"#,
            r#"{"a":[{"b":1,"b":2}]}"#,
        ] {
            assert!(parse(json.as_bytes()).is_none(), "{json}");
        }
        assert!(parse(br#"{"a":{"a":{"a":1}}}"#).is_some());
    }

    #[test]
    fn what_is_no_object_is_refused() {
        let deep = format!("{}{}", "{\"a\":".repeat(200), "}".repeat(200));
        let cases = [
            "",
            "null",
            "[]",
            "\"{}\"",
            "1",
            "{",
            "{}}",
            "{} {}",
            "{'a':1}",
            "{\"a\":NaN}",
            "{\"a\":1e400}",
            "{\"a\":1,}",
            "\u{feff}{}",
            "{\"a\":\"\\ud800\"}",
            &deep,
        ];
        for json in cases {
            assert!(parse(json.as_bytes()).is_none(), "{json}");
        }
        assert!(parse(b"{\"a\":\"\xff\"}").is_none(), "invalid UTF-8");
    }
}
