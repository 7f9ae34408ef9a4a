//! Members of a JSON object, written one after another. What each request leaves is written by hand: to collect members
//! for serde to flatten takes ten times as long.

use std::cell::Cell;
use std::fmt::Display;
use std::io::Write as _;
use std::net::IpAddr;

use jiff::Timestamp;

use crate::domain::write_hexadecimal;

/// The members so far. The text is that of `serde_json`, byte for byte.
pub(super) struct Members<'a>(&'a mut Vec<u8>);

impl<'a> Members<'a> {
    /// Begins an object with its time and its kind, where a reader looks first.
    pub(super) fn begin(out: &'a mut Vec<u8>, time: Timestamp, kind: &str) -> Self {
        out.extend_from_slice(b"{\"time\":\"");
        push_time(out, time);
        out.extend_from_slice(b"\",\"kind\":\"");
        out.extend_from_slice(kind.as_bytes());
        out.push(b'"');
        Self(out)
    }

    /// A value that is JSON already. `name` stands with its quotation marks, between a comma and a colon.
    #[inline]
    pub(super) fn raw(&mut self, name: &str, json: Option<&str>) {
        self.0.extend_from_slice(name.as_bytes());
        self.0.extend_from_slice(json.unwrap_or("null").as_bytes());
    }

    /// Text that has nothing to be escaped: words and names of the gateway's own alphabet.
    #[inline]
    pub(super) fn plain(&mut self, name: &str, text: Option<&str>) {
        let Some(text) = text else { return self.raw(name, None) };
        self.0.extend_from_slice(name.as_bytes());
        self.0.push(b'"');
        self.0.extend_from_slice(text.as_bytes());
        self.0.push(b'"');
    }

    /// Any text.
    #[inline]
    pub(super) fn text(&mut self, name: &str, text: Option<&str>) {
        let Some(text) = text else { return self.raw(name, None) };
        self.0.extend_from_slice(name.as_bytes());
        self.0.push(b'"');
        push_escaped(self.0, text);
        self.0.push(b'"');
    }

    #[inline]
    pub(super) fn number(&mut self, name: &str, number: Option<u64>) {
        let Some(number) = number else { return self.raw(name, None) };
        self.0.extend_from_slice(name.as_bytes());
        push_number(self.0, number);
    }

    pub(super) fn displayed(&mut self, name: &str, value: impl Display) {
        self.0.extend_from_slice(name.as_bytes());
        push_displayed(self.0, value);
    }

    #[inline]
    pub(super) fn flag(&mut self, name: &str, flag: bool) {
        self.raw(name, Some(if flag { "true" } else { "false" }));
    }

    /// 32 hexadecimal digits.
    pub(super) fn hexadecimal(&mut self, name: &str, number: u128) {
        self.0.extend_from_slice(name.as_bytes());
        self.0.push(b'"');
        push_hexadecimal(self.0, &number.to_be_bytes());
        self.0.push(b'"');
    }

    pub(super) fn address(&mut self, name: &str, address: IpAddr) {
        self.0.extend_from_slice(name.as_bytes());
        self.0.push(b'"');
        match address {
            IpAddr::V4(address) => {
                let [first, rest @ ..] = address.octets();
                push_number(self.0, first.into());
                for octet in rest {
                    self.0.push(b'.');
                    push_number(self.0, octet.into());
                }
            }
            IpAddr::V6(address) => push_displayed(self.0, address),
        }
        self.0.push(b'"');
    }

    pub(super) fn end(self) {
        self.0.push(b'}');
    }
}

/// In decimal.
pub(in crate::trail) fn push_number(out: &mut Vec<u8>, number: u64) {
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

/// In lower case.
pub(in crate::trail) fn push_hexadecimal(out: &mut Vec<u8>, bytes: &[u8]) {
    let begin = out.len();
    out.resize(begin + 2 * bytes.len(), 0);
    write_hexadecimal(bytes, out.get_mut(begin..).unwrap_or_default());
}

fn push_displayed(out: &mut Vec<u8>, value: impl Display) {
    // Memory takes every write.
    let _ = write!(out, "{value}");
}

fn push_escaped(out: &mut Vec<u8>, text: &str) {
    // Without a way out in between, so that the compiler looks at many at a time.
    let odd = |byte| u8::from(byte < b' ') | u8::from(byte == b'"') | u8::from(byte == b'\\');
    if text.bytes().fold(0, |any, byte| any | odd(byte)) == 0 {
        out.extend_from_slice(text.as_bytes());
        return;
    }
    for byte in text.bytes() {
        let short = match byte {
            b'"' | b'\\' => byte,
            0x08 => b'b',
            0x0c => b'f',
            b'\n' => b'n',
            b'\r' => b'r',
            b'\t' => b't',
            0..0x20 => {
                out.extend_from_slice(b"\\u00");
                push_hexadecimal(out, &[byte]);
                continue;
            }
            _ => {
                out.push(byte);
                continue;
            }
        };
        out.extend_from_slice(&[b'\\', short]);
    }
}

thread_local! {
    /// The second that was written last, and how it begins: `2026-11-23T02:47:04.`.
    static SECOND: Cell<(i64, [u8; 20])> = const { Cell::new((0, *b"1970-01-01T00:00:00.")) };
}

/// RFC 3339 in UTC, always with six digits, so that lines sort as text.
fn push_time(out: &mut Vec<u8>, time: Timestamp) {
    let second = time.as_second();
    let (Ok(nanos), true) = (u32::try_from(time.subsec_nanosecond()), second >= 0) else {
        return push_displayed(out, format_args!("{time:.6}"));
    };
    let (known, mut text) = SECOND.get();
    if known != second {
        let whole = format!("{:.6}", Timestamp::from_second(second).unwrap_or_default());
        text.iter_mut().zip(whole.bytes()).for_each(|(to, from)| *to = from);
        SECOND.set((second, text));
    }
    out.extend_from_slice(&text);
    let mut micros = nanos / 1000;
    let mut digits = [0; 6];
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + u8::try_from(micros % 10).unwrap_or_default();
        micros /= 10;
    }
    out.extend_from_slice(&digits);
    out.push(b'Z');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn times_are_written_as_they_always_were() {
        let times = ["1970-01-01T00:00:00Z", "2026-11-23T02:47:04.1234567Z", "2026-11-23T02:47:04.9999999Z"];
        for time in times.into_iter().chain([
            "2026-11-23T02:47:05Z",
            "1969-12-31T23:59:59.5Z",
            "0001-01-01T00:00:00Z",
        ]) {
            let time: Timestamp = time.parse().unwrap();
            assert_eq!(written(|out| push_time(out, time)), format!("{time:.6}"));
        }
    }

    #[test]
    fn numbers_and_text_are_written_as_serde_writes_them() {
        for number in [0, 9, 10, 200, 65535, u64::MAX] {
            assert_eq!(written(|out| push_number(out, number)), number.to_string());
        }
        for text in (0..=0x100).map(|code| format!("a{}b\u{1f600}", char::from_u32(code).unwrap())) {
            let json = serde_json::to_string(&text).unwrap();
            assert_eq!(format!("\"{}\"", written(|out| push_escaped(out, &text))), json);
        }
    }
}
