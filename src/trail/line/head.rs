//! How every line of this program begins, read without parsing the rest.

use jiff::Timestamp;

/// What comes before the sequence number: every line is of version [`VERSION`](super::VERSION).
pub(super) const PREFIX: &[u8] = b"{\"v\":1,\"seq\":";

/// The first members of a line. They are read by their place: that is enough to find a line and no proof of anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::trail) struct Head<'a> {
    /// Its sequence number.
    pub(in crate::trail) sequence: u64,
    /// When.
    pub(in crate::trail) time: &'a [u8],
    /// What it is about.
    pub(in crate::trail) kind: &'a [u8],
}

impl<'a> Head<'a> {
    /// Reads `{"v":1,"seq":4711,"time":"2026-11-23T02:47:04.123456Z","kind":"outcome"`.
    pub(in crate::trail) fn of(line: &'a [u8]) -> Option<Self> {
        let (sequence, rest) = after_sequence(line)?;
        let (time, rest) = text(rest.strip_prefix(b",\"time\":\"")?)?;
        let (kind, _) = text(rest.strip_prefix(b",\"kind\":\"")?)?;
        Some(Self { sequence, time, kind })
    }

    /// The head of a line whose time can be held against a [`Stamp`].
    pub(in crate::trail) fn stamped(line: &'a [u8]) -> Option<Self> {
        Self::of(line).filter(|head| head.time.len() == Stamp::LENGTH)
    }
}

/// The sequence number of a line, whatever follows it.
pub(in crate::trail) fn sequence_of(line: &[u8]) -> Option<u64> {
    after_sequence(line).map(|(sequence, _)| sequence)
}

fn after_sequence(line: &[u8]) -> Option<(u64, &[u8])> {
    let rest = line.strip_prefix(PREFIX)?;
    let digits = rest.iter().position(|byte| !byte.is_ascii_digit())?;
    let (digits, rest) = rest.split_at_checked(digits)?;
    Some((std::str::from_utf8(digits).ok()?.parse().ok()?, rest))
}

/// What stands before the next quotation mark and after it.
fn text(rest: &[u8]) -> Option<(&[u8], &[u8])> {
    let (text, rest) = rest.split_at_checked(rest.iter().position(|byte| *byte == b'"')?)?;
    Some((text, rest.get(1..)?))
}

/// A time as lines have it, which sort as text: RFC 3339 in UTC with six digits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::trail) struct Stamp(Vec<u8>);

impl Stamp {
    /// Of the years 0 to 9999.
    const LENGTH: usize = 27;

    pub(in crate::trail) fn of(time: Timestamp) -> Self {
        Self(format!("{time:.6}").into_bytes())
    }

    pub(in crate::trail) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trail::line::Position;
    use crate::trail::tests::outcome;

    #[test]
    fn a_line_tells_its_time_without_being_parsed() {
        let mut line = Vec::new();
        Position { next: 4711, ..Position::GENESIS }.append(&mut line, &outcome().payload().unwrap());
        let value: serde_json::Value = serde_json::from_slice(&line).unwrap();
        let head = Head::stamped(&line).unwrap();
        assert_eq!((head.sequence, head.time), (4711, value["time"].as_str().unwrap().as_bytes()));
        assert_eq!(head.kind, b"outcome");
        let time = value["time"].as_str().unwrap().parse().unwrap();
        assert_eq!(Stamp::of(time).as_bytes(), head.time);
    }

    #[test]
    fn what_is_no_line_has_no_head() {
        for line in
            ["", "{\"v\":1,\"seq\":1", "{\"v\":1,\"seq\":1,\"time\":\"2026\",\"kind\":\"start\"}", "\0\0"]
        {
            assert_eq!(Head::stamped(line.as_bytes()), None, "{line}");
        }
    }
}
