//! What an answer's body says about itself, as far as the trail keeps it.
//!
//! Nearly every answer is one flat JSON object of plain members, which is read here in one pass, without memory of its
//! own. Whatever is not plain (escapes, nesting, fractions, a name twice, anything that may be no JSON) is left to
//! serde, whose reading is the rule: this one only comes to the same by a shorter way.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::trail::VendorError;

/// What a conference's answer says about itself.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Told<'a> {
    pub(super) error: Option<VendorError>,
    pub(super) id: Option<Cow<'a, str>>,
}

impl<'a> Told<'a> {
    /// None where it is no such answer.
    pub(super) fn read(body: &'a [u8]) -> Option<Self> {
        plain(body).or_else(|| by_serde(body))
    }
}

fn by_serde(body: &[u8]) -> Option<Told<'_>> {
    #[derive(Deserialize)]
    struct Raw<'a> {
        #[serde(borrow)]
        error: Option<&'a RawValue>,
        #[serde(borrow)]
        id: Option<Cow<'a, str>>,
    }
    let Raw { error, id } = serde_json::from_slice(body).ok()?;
    let error = error.and_then(|error| match serde_json::from_str(error.get()) {
        Ok(Value::Number(number)) => number.as_i64().map(VendorError::Number),
        Ok(Value::String(name)) => word(&name),
        _ => None,
    });
    Some(Told { error, id })
}

/// Such as `unauthorized`: longer or stranger texts could hold anything, and the trail keeps no secret.
fn word(text: &str) -> Option<VendorError> {
    let is_word = (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
    is_word.then(|| VendorError::Name(text.into()))
}

/// None where the body is not plain.
fn plain(body: &[u8]) -> Option<Told<'_>> {
    let mut rest = Plain(body);
    let (mut error, mut id) = (None, None);
    rest.sign().filter(|sign| *sign == b'{')?;
    loop {
        let name = rest.sign().filter(|sign| *sign == b'"').and_then(|_| rest.text())?;
        rest.sign().filter(|sign| *sign == b':')?;
        let value = rest.value()?;
        let twice = match name {
            b"error" => error.replace(value).is_some(),
            b"id" => id.replace(value).is_some(),
            _ => false,
        };
        match rest.sign()? {
            b',' if !twice => {}
            b'}' if !twice && rest.sign().is_none() => break,
            _ => return None,
        }
    }
    let error = match error {
        Some(Member::Number(number)) => Some(VendorError::Number(number)),
        Some(Member::Text(name)) => word(std::str::from_utf8(name).ok()?),
        Some(Member::Flag | Member::Null) | None => None,
    };
    let id = match id {
        Some(Member::Text(id)) => Some(std::str::from_utf8(id).ok()?.into()),
        Some(Member::Null) | None => None,
        // Of another type than it must be.
        Some(Member::Number(_) | Member::Flag) => return None,
    };
    Some(Told { error, id })
}

/// A member's value.
enum Member<'a> {
    /// All of it is ASCII.
    Text(&'a [u8]),
    Number(i64),
    Flag,
    Null,
}

/// What is left to be read.
struct Plain<'a>(&'a [u8]);

impl<'a> Plain<'a> {
    /// The next byte that is no white space.
    fn sign(&mut self) -> Option<u8> {
        loop {
            let (first, rest) = self.0.split_first()?;
            self.0 = rest;
            if !matches!(first, b' ' | b'\n' | b'\r' | b'\t') {
                return Some(*first);
            }
        }
    }

    fn value(&mut self) -> Option<Member<'a>> {
        match self.sign()? {
            b'"' => self.text().map(Member::Text),
            b't' => self.word(b"rue").then_some(Member::Flag),
            b'f' => self.word(b"alse").then_some(Member::Flag),
            b'n' => self.word(b"ull").then_some(Member::Null),
            // What follows a zero that leads is neither a comma nor the end.
            b'0' => Some(Member::Number(0)),
            first @ b'1'..=b'9' => Some(Member::Number(self.number(first))),
            _ => None,
        }
    }

    fn word(&mut self, word: &[u8]) -> bool {
        self.0.strip_prefix(word).map(|rest| self.0 = rest).is_some()
    }

    /// As many digits as always fit. What follows them, such as more digits, is neither a comma nor the end.
    fn number(&mut self, first: u8) -> i64 {
        let digits = self.0.iter().take(17).take_while(|byte| byte.is_ascii_digit());
        let (count, number) = digits.fold((0, i64::from(first - b'0')), |(count, number), digit| {
            (count + 1, number * 10 + i64::from(digit - b'0'))
        });
        self.0 = self.0.get(count..).unwrap_or_default();
        number
    }

    /// Text up to its quotation mark, of ASCII alone and without escapes. Not inlined, as its loop would then count
    /// along, for each byte, all that is counted around it.
    #[inline(never)]
    #[expect(clippy::indexing_slicing, reason = "there is an entry for every byte")]
    fn text(&mut self) -> Option<&'a [u8]> {
        let mut length = 0;
        while IS_PLAIN[usize::from(*self.0.get(length)?)] {
            length += 1;
        }
        let (text, rest) = self.0.split_at_checked(length)?;
        self.0 = rest.strip_prefix(b"\"")?;
        Some(text)
    }
}

/// What a text may have before its quotation mark.
#[expect(clippy::indexing_slicing, reason = "a constant that panics does not compile")]
static IS_PLAIN: [bool; 256] = {
    let mut is_plain = [false; 256];
    let mut byte = b' ';
    while byte <= b'~' {
        is_plain[byte as usize] = byte != b'"' && byte != b'\\';
        byte += 1;
    }
    is_plain
};

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_the_vendor_sends_is_plain() {
        let told = |error, id: Option<&'static str>| Some(Told { error, id: id.map(Into::into) });
        for (body, expected) in [
            (
                r#"{"error":0,"id":"IM3","type":10,"mixed":false}"#,
                told(Some(VendorError::Number(0)), Some("IM3")),
            ),
            ("{ \"id\" : null ,\r\n\t\"error\" : -1.5 } ", None),
            (
                r#"{"error":"unauthorized","duration":0}"#,
                told(Some(VendorError::Name("unauthorized".into())), None),
            ),
            (r#"{"error":"Not a word","id":"x"}"#, told(None, Some("x"))),
            (r#"{"error":null}"#, told(None, None)),
            (
                r#"{"error":999999999999999999}"#,
                told(Some(VendorError::Number(999_999_999_999_999_999)), None),
            ),
        ] {
            assert_eq!(plain(body.as_bytes()), expected, "{body}");
        }
    }

    #[test]
    fn what_is_not_plain_is_left_to_serde() {
        for body in [
            "",
            "{",
            "{}",
            "[0]",
            r#"[0,"x"]"#,
            r#"{"error":0"#,
            r#"{"error":0,}"#,
            r#"{"error":0}}"#,
            r#"{"error":00}"#,
            r#"{"error":01}"#,
            r#"{"error":-0}"#,
            r#"{"error":1e1}"#,
            r#"{"error":1.0}"#,
            r#"{"error":1000000000000000000}"#,
            r#"{"error":0,"error":1}"#,
            r#"{"id":"a","id":"a"}"#,
            r#"{"id":7}"#,
            r#"{"id":true,"error":0}"#,
            r#"{"error":tru}"#,
            r#"{"err\u006fr":0}"#,
            r#"{"error":{"error":0}}"#,
            r#"{"x":[],"error":0}"#,
            "{\"x\":\"\u{e9}\",\"error\":0}",
            "{\"x\":\"\u{7f}\",\"error\":0}",
            "{\"x\":\"\n\",\"error\":0}",
            "{\"error\":\u{b}0}",
        ] {
            assert_eq!(plain(body.as_bytes()), None, "{body}");
        }
        let nested = Told::read(br#"{"members":[{"error":5}],"err\u006fr":-3,"id":"IM3"}"#);
        assert_eq!(nested, Some(Told { error: Some(VendorError::Number(-3)), id: Some("IM3".into()) }));
        assert_eq!(Told::read(br#"{"error":0,"error":1}"#), None);
        assert_eq!(Told::read(b"\xff"), None);
    }

    fn members() -> impl Strategy<Value = String> {
        let name = prop::sample::select(vec!["error", "id", "x", "", "err\\u006fr", "\u{e9}", "a\\\"b"]);
        let value = prop::sample::select(vec![
            "0",
            "7",
            "01",
            "-0",
            "-1",
            "1.5",
            "1e3",
            "9223372036854775807",
            "99999999999999999999",
            "true",
            "false",
            "null",
            "nul",
            "\"IM3\"",
            "\"\"",
            "\"not_found\"",
            "\"a\\nb\"",
            "\"\u{4e2d}\"",
            "\"\t\"",
            "[]",
            "[1,2]",
            "{\"error\":1}",
            "\"",
            "",
        ]);
        let gap = || prop::sample::select(vec!["", "", "", " ", "\r\n", "\u{a0}"]);
        let member = (gap(), name, gap(), gap(), value, gap())
            .prop_map(|(a, name, b, c, value, d)| format!("{a}\"{name}\"{b}:{c}{value}{d}"));
        prop::collection::vec(member, 0..5).prop_map(|members| format!("{{{}}}", members.join(",")))
    }

    proptest! {
        #[test]
        fn both_readings_agree(body in members(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
            let mut bytes = body.into_bytes();
            for _ in 0..2 {
                if let Some(told) = plain(&bytes) {
                    prop_assert_eq!(Some(told), by_serde(&bytes), "{}", String::from_utf8_lossy(&bytes));
                }
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
        }
    }
}
