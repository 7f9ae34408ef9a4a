//! One line: what holds it in the chain, how it begins, and how it is written.

mod head;

use std::borrow::Cow;
use std::fmt;

use aws_lc_rs::digest::{SHA256, digest};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::record::{push_hexadecimal, push_number};
pub(super) use head::{Head, Stamp, sequence_of};

/// The version of the line format.
const VERSION: u64 = 1;

/// The longest line that is read back, in bytes. Names are short and bodies are limited, so that no record comes
/// near it; it keeps a damaged file from filling the memory.
pub(super) const MAX_LINE: usize = 16 << 20;

/// The SHA-256 of a line's bytes, its newline included: what `sed -n 5p segment | sha256sum` prints.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct LineHash([u8; 32]);

impl LineHash {
    /// What the first line of a trail has for `prev`.
    pub const ZERO: Self = Self([0; 32]);

    /// Hashes one line. `line` ends with its newline.
    pub fn of(line: &[u8]) -> Self {
        let mut bytes = [0; 32];
        // SHA-256 gives 32 bytes; `zip` spares a length check that cannot fail.
        for (to, from) in bytes.iter_mut().zip(digest(&SHA256, line).as_ref()) {
            *to = *from;
        }
        Self(bytes)
    }

    /// Reads 64 lower-case hexadecimal characters.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.as_bytes();
        if digits.len() != 64 {
            return None;
        }
        let mut bytes = [0; 32];
        for (to, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            for digit in pair {
                *to = (*to << 4) | nibble(*digit)?;
            }
        }
        Some(Self(bytes))
    }
}

fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

impl<'de> Deserialize<'de> for LineHash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| de::Error::custom("not 64 lower-case hexadecimal digits"))
    }
}

impl fmt::Display for LineHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for LineHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for LineHash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A place between two lines: what the next line must say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Position {
    /// The next line's sequence number.
    pub(super) next: u64,
    /// The hash of the line before.
    pub(super) prev: LineHash,
}

impl Position {
    /// Before the first line of all.
    pub(super) const GENESIS: Self = Self { next: 1, prev: LineHash::ZERO };

    /// The sequence number of the line before; 0 when there is none.
    pub(super) fn last(self) -> u64 {
        self.next.saturating_sub(1)
    }

    /// Adds the next line to `lines`. `payload` is a record as a JSON object of at least one member and without a
    /// newline. Returns the place after the line.
    pub(super) fn append(self, lines: &mut Vec<u8>, payload: &[u8]) -> Self {
        let start = lines.len();
        let members = payload.strip_prefix(b"{").unwrap_or(payload);
        let members = members.strip_suffix(b"}").unwrap_or(members);
        lines.extend_from_slice(head::PREFIX);
        push_number(lines, self.next);
        lines.push(b',');
        lines.extend_from_slice(members);
        lines.extend_from_slice(b",\"prev\":\"");
        push_hexadecimal(lines, &self.prev.0);
        lines.extend_from_slice(b"\"}\n");
        Self { next: self.next.saturating_add(1), prev: LineHash::of(lines.get(start..).unwrap_or_default()) }
    }
}

/// Whether a line ends as every line does, with this as its `prev`.
fn ends_with(line: &[u8], prev: &str) -> bool {
    let end = line.strip_suffix(b"\"}\n").and_then(|line| line.strip_suffix(prev.as_bytes()));
    end.is_some_and(|line| line.ends_with(b",\"prev\":\""))
}

/// What of a line holds the chain together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Link {
    /// The line's sequence number.
    pub(super) seq: u64,
    /// The hash that it gives for the line before.
    pub(super) prev: LineHash,
    /// The line's own hash.
    pub(super) hash: LineHash,
}

impl Link {
    /// Reads a line with its newline; says what is wrong with it.
    pub(super) fn parse(line: &[u8]) -> Result<Self, &'static str> {
        // Of what nobody asks for, serde_json does not see to it that it is text.
        let text = std::str::from_utf8(line).map_err(|_| "it is not UTF-8")?;
        let members: Members = serde_json::from_str(text).map_err(|_| "it is not a record in JSON")?;
        if members.v != VERSION {
            return Err("its format version is not 1");
        }
        let prev = LineHash::parse(&members.prev).ok_or("its prev is not a SHA-256")?;
        // Readers go by the form, without which they would see another line than a JSON parser does.
        let begins = |head: Head<'_>| head.sequence == members.seq && head.kind == members.kind.as_bytes();
        let as_written = Head::of(line).is_some_and(begins) && ends_with(line, &members.prev);
        if !as_written {
            return Err("it does not begin and end as every line does");
        }
        Ok(Self { seq: members.seq, prev, hash: LineHash::of(line) })
    }

    /// Whether the line is the one that belongs at `position`.
    pub(super) fn follows(&self, position: Position) -> bool {
        self.seq == position.next && self.prev == position.prev
    }

    /// The place after the line.
    pub(super) fn position(&self) -> Position {
        Position { next: self.seq.saturating_add(1), prev: self.hash }
    }
}

/// The members that every line has, whatever its kind.
#[derive(Deserialize)]
struct Members<'a> {
    v: u64,
    seq: u64,
    #[serde(borrow, rename = "time")]
    _time: Cow<'a, str>,
    #[serde(borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    prev: Cow<'a, str>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_carries_its_number_and_the_hash_before() {
        let mut lines = Vec::new();
        let second = Position::GENESIS.append(&mut lines, br#"{"time":"t","kind":"k"}"#);
        let text =
            format!("{{\"v\":1,\"seq\":1,\"time\":\"t\",\"kind\":\"k\",\"prev\":\"{}\"}}\n", "0".repeat(64));
        assert_eq!(String::from_utf8(lines.clone()).unwrap(), text);
        let link = Link::parse(&lines).unwrap();
        assert_eq!(link.position(), second);
        assert_eq!(second.last(), 1);
    }

    #[test]
    fn a_hash_is_what_sha256sum_prints() {
        assert_eq!(
            LineHash::of(b"hello\n").to_string(),
            "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03"
        );
        let hash = LineHash::of(b"x");
        assert_eq!(LineHash::parse(&hash.to_string()), Some(hash));
        assert_eq!(LineHash::parse(&hash.to_string().to_uppercase()), None);
    }

    #[test]
    fn what_is_no_line_is_refused() {
        let zero = "0".repeat(64);
        for line in [
            String::new(),
            "{}\n".into(),
            format!(r#"{{"v":1,"seq":1,"time":"t","kind":"k","prev":"{zero}0"}}"#),
            format!(r#"{{"v":2,"seq":1,"time":"t","kind":"k","prev":"{zero}"}}"#) + "\n",
            format!(r#"{{"v":1,"seq":-1,"time":"t","kind":"k","prev":"{zero}"}}"#),
            format!(r#"{{"v":1,"seq":1,"seq":2,"time":"t","kind":"k","prev":"{zero}"}}"#),
            format!(r#"{{"v":1,"seq":1,"time":"t","kind":"k","prev":"{zero}"}} x"#),
            format!("{{\"v\":1,\"seq\":1,\"time\":\"t\",\"kind\":\"k\",\"prev\":\"{zero}\"}}"),
            format!("{{\"v\":1,\"seq\":1,\"time\":\"t\",\"kind\":\"k\",\"prev\":\"{zero}\"}} \n"),
            format!("{{\"v\":1,\"seq\":1,\"time\":\"t\",\"kind\":\"k\", \"prev\":\"{zero}\"}}\n"),
            format!("{{\"v\":1, \"seq\":1,\"time\":\"t\",\"kind\":\"k\",\"prev\":\"{zero}\"}}\n"),
            format!("{{\"v\":1,\"seq\":1,\"kind\":\"k\",\"time\":\"t\",\"prev\":\"{zero}\"}}\n"),
            format!("{{\"v\":1,\"seq\":1,\"time\":\"t\",\"kind\":\"\\u006b\",\"prev\":\"{zero}\"}}\n"),
        ] {
            assert!(Link::parse(line.as_bytes()).is_err(), "{line}");
        }
    }

    #[test]
    fn what_is_no_text_is_no_line() {
        let line = |text: &[u8]| {
            let mut lines = Vec::new();
            Position::GENESIS
                .append(&mut lines, &[br#"{"time":"t","kind":"k","x":""#, text, br#""}"#].concat());
            Link::parse(&lines).map(|link| link.seq)
        };
        assert_eq!(line("ä".as_bytes()), Ok(1));
        assert_eq!(line(b"\xc8"), Err("it is not UTF-8"));
    }
}
