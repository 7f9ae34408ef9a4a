//! The fields of an answer's head.

use std::fmt;

use http::{HeaderMap, HeaderName, HeaderValue};

use super::value::{Value, ValueWriter, is_value};

/// Room for what an answer usually has, in bytes.
const USUAL: usize = 640;

/// What only the connection can say, and HTTP/2 says otherwise, if at all.
const OF_THE_CONNECTION: [&str; 4] = ["connection", "content-length", "date", "transfer-encoding"];

/// The fields of an answer, as HTTP/1.1 has them on the wire: a line of `name: value` for each (RFC 9112, section 5).
///
/// Whoever has something to say writes it where it is sent from, once. No value can hold the end of a line, and so
/// begin a field or an answer of its own (RFC 9112, section 11.1): names are the program's own, and values are
/// [`Value`]s, [`Lines`], or looked at before they are taken.
///
/// No name is put twice, and none that is the connection's to write: its own options, where a message ends, the date.
/// Debug builds, and so all tests, see to that.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Fields(Vec<u8>);

/// Fields that never change.
#[derive(Clone, Copy, Debug)]
pub struct Lines(&'static str);

/// Bytes that no field may have as its value (RFC 9110, section 5.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no value of a field")]
pub struct InvalidValue;

impl Lines {
    /// `text` as it is sent: lower-case names, and the end of its line behind each value.
    ///
    /// # Panics
    ///
    /// Where that is not so: a constant does not compile.
    pub const fn new(text: &'static str) -> Self {
        assert!(are_lines(text.as_bytes()), "no lines of lower-case names and values");
        Self(text)
    }
}

impl Fields {
    /// None, with room for what an answer usually has.
    pub fn with_room() -> Self {
        Self(Vec::with_capacity(USUAL))
    }

    /// Adds a field. `name` is in lower case, and not there yet.
    ///
    /// # Panics
    ///
    /// In debug builds, where it is not.
    pub fn put(&mut self, name: &'static str, value: impl Value) {
        self.begin(name);
        value.write(&mut ValueWriter::at(&mut self.0));
        self.0.extend_from_slice(b"\r\n");
    }

    /// Adds a field, the same, with a value that somebody else has written. None is added where it cannot be one.
    pub fn put_foreign(&mut self, name: &'static str, value: &[u8]) -> Result<(), InvalidValue> {
        if !is_value(value) {
            return Err(InvalidValue);
        }
        self.begin(name);
        self.0.extend_from_slice(value);
        self.0.extend_from_slice(b"\r\n");
        Ok(())
    }

    /// Adds fields that never change.
    pub fn put_lines(&mut self, Lines(text): Lines) {
        self.put_written(text.as_bytes());
    }

    /// Adds fields that were put together before.
    pub fn put_all(&mut self, others: &Self) {
        self.put_written(&others.0);
    }

    fn begin(&mut self, name: &'static str) {
        debug_assert!(matches!(after_name(name.as_bytes()), []), "{name:?} is no name");
        debug_assert!(self.may_have(name), "{name:?} stands there twice, or is the connection's");
        self.0.extend_from_slice(name.as_bytes());
        self.0.extend_from_slice(b": ");
    }

    fn put_written(&mut self, text: &[u8]) {
        debug_assert!(lines(text).all(|(name, _)| self.may_have(name)), "a name stands there twice");
        self.0.extend_from_slice(text);
    }

    fn may_have(&self, name: &str) -> bool {
        !OF_THE_CONNECTION.contains(&name) && self.get(name).is_none()
    }

    /// The value of the field of that name.
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        self.iter().find(|(other, _)| *other == name).map(|(_, value)| value)
    }

    /// Names and values, as they were put.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        lines(&self.0)
    }

    /// All lines, as they are sent.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// Names and values of lines that are well-formed.
fn lines(text: &[u8]) -> impl Iterator<Item = (&str, &[u8])> {
    text.split(|byte| *byte == b'\n').filter_map(|line| {
        let (name, value) = line.split_at_checked(line.len() - after_name(line).len())?;
        Some((str::from_utf8(name).ok()?, value.strip_prefix(b": ")?.strip_suffix(b"\r")?))
    })
}

/// Each value on its own: in HTTP/2 the other end is told of some by number, and keeping those must not keep all.
impl From<&Fields> for HeaderMap {
    fn from(fields: &Fields) -> Self {
        let field = |(name, value): (&str, &[u8])| {
            Some((HeaderName::try_from(name).ok()?, HeaderValue::from_bytes(value).ok()?))
        };
        fields.iter().filter_map(field).collect()
    }
}

impl fmt::Debug for Fields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map()
            .entries(self.iter().map(|(name, value)| (name, String::from_utf8_lossy(value))))
            .finish()
    }
}

const fn are_lines(mut rest: &[u8]) -> bool {
    while !rest.is_empty() {
        rest = match after_name(rest) {
            [b':', b' ', value @ ..] if value.len() + 2 < rest.len() => match after_text(value) {
                [b'\r', b'\n', rest @ ..] => rest,
                _ => return false,
            },
            _ => return false,
        };
    }
    true
}

/// What follows a name in lower case.
const fn after_name(mut text: &[u8]) -> &[u8] {
    while let [b'a'..=b'z' | b'0'..=b'9' | b'-', rest @ ..] = text {
        text = rest;
    }
    text
}

/// What follows visible ASCII and spaces.
const fn after_text(mut text: &[u8]) -> &[u8] {
    while let [b' '..=b'~', rest @ ..] = text {
        text = rest;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::RequestId;

    #[test]
    fn fields_are_read_back_as_they_were_put() {
        let mut fields = Fields::with_room();
        let id = RequestId::generate(&uuid::ContextV7::new());
        fields.put("x-request-id", id);
        fields.put("retry-after", 17_u64);
        fields.put_lines(Lines::new("vary: origin\r\nallow: GET, HEAD\r\n"));
        fields.put("via", HeaderValue::from_static("1.1 a: b"));
        fields.put_foreign("content-type", b"text/plain; name=\"\xe4\"").unwrap();
        assert_eq!(fields.get("retry-after"), Some(&b"17"[..]));
        assert_eq!(fields.get("retry"), None);
        let names: Vec<_> = fields.iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["x-request-id", "retry-after", "vary", "allow", "via", "content-type"]);
        let headers = HeaderMap::from(&fields);
        assert_eq!(headers.len(), names.len());
        assert_eq!(headers["x-request-id"], id.to_string());
        assert_eq!(headers["via"], "1.1 a: b");
        assert_eq!(headers["content-type"].as_bytes(), b"text/plain; name=\"\xe4\"");
    }

    #[test]
    fn nobody_writes_a_line_of_its_own() {
        for value in ["a\r\nb: c", "a\nb: c", "a\r", "\0", "\x7f"] {
            let mut fields = Fields::with_room();
            assert_eq!(fields.put_foreign("via", value.as_bytes()), Err(InvalidValue), "{value:?}");
            assert_eq!(fields, Fields::default());
        }
    }

    #[test]
    fn foreign_values_are_taken_where_http_takes_them() {
        for byte in 0..=u8::MAX {
            let value = [b'a', byte, b'z'];
            let taken = Fields::with_room().put_foreign("via", &value).is_ok();
            assert_eq!(taken, HeaderValue::from_bytes(&value).is_ok(), "{byte}");
        }
    }

    #[test]
    fn constant_lines_are_looked_at() {
        assert!(are_lines(b"") && are_lines(b"a: b\r\nc-1: d e\r\n"));
        for text in [
            "a",
            "a: b",
            "a: b\n",
            "a:b\r\n",
            "A: b\r\n",
            ": b\r\n",
            "a: \tb\r\n",
            "a: b\r\n\r\n",
            "a: b\r\nc",
        ] {
            assert!(!are_lines(text.as_bytes()), "{text:?}");
        }
    }

    #[test]
    #[should_panic(expected = "twice")]
    fn a_name_stands_there_once() {
        let mut fields = Fields::with_room();
        fields.put("vary", "origin");
        fields.put_lines(Lines::new("allow: GET\r\nvary: accept\r\n"));
    }

    #[test]
    #[should_panic(expected = "the connection's")]
    fn what_the_connection_says_is_not_put() {
        Fields::with_room().put("content-length", 2_u64);
    }
}
