//! An answer as HTTP/1.1 has it.

use std::cell::Cell;
use std::time::Duration;

use http::header::{CONNECTION, CONTENT_LENGTH, DATE, TRANSFER_ENCODING};
use http::response::Parts;
use http::{HeaderMap, StatusCode, Version};
use http_body::SizeHint;
use jiff::Timestamp;
use tokio::time::Instant;

use crate::server::unread::date;

/// How long `Date` is (RFC 9110, section 5.6.7).
const DATE_LENGTH: usize = 29;

/// The time of day as answers have it, written once a second.
#[derive(Debug, Default)]
pub(super) struct Date(Cell<Option<(Instant, [u8; DATE_LENGTH])>>);

impl Date {
    fn write(&self, now: Instant, into: &mut Vec<u8>) {
        let text = match self.0.get() {
            Some((until, text)) if now < until => text,
            _ => self.renew(now),
        };
        into.extend_from_slice(&text);
    }

    fn renew(&self, now: Instant) -> [u8; DATE_LENGTH] {
        let time = Timestamp::now();
        let passed = Duration::from_nanos(u64::from(time.subsec_nanosecond().unsigned_abs()));
        let text = date(time).as_bytes().try_into().unwrap_or([b' '; DATE_LENGTH]);
        self.0.set(Some((now + Duration::from_secs(1).saturating_sub(passed), text)));
        text
    }
}

/// How the end of an answer's body is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sent {
    /// It has none, whatever its head says (RFC 9110, sections 9.3.2, 15.3.5 and 15.4.5).
    None,
    /// So many bytes are still to come.
    Length(u64),
    Chunks,
    /// By closing.
    UntilClosed,
}

/// What an answer depends on beside itself.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    /// What the caller speaks.
    pub(super) version: Version,
    /// Whether it asked for the head alone.
    pub(super) only_head: bool,
}

impl Sent {
    pub(super) fn of(asked: Asked, status: StatusCode, hint: &SizeHint) -> Self {
        if asked.only_head || is_bodiless(status) {
            return Self::None;
        }
        match hint.exact() {
            Some(length) => Self::Length(length),
            None if asked.version == Version::HTTP_10 => Self::UntilClosed,
            None => Self::Chunks,
        }
    }

    /// Writes a piece of the body. False where it is longer than its length.
    pub(super) fn write(&mut self, piece: &[u8], into: &mut Vec<u8>) -> bool {
        match self {
            Self::None => {}
            Self::Length(left) => match left.checked_sub(piece.len() as u64) {
                Some(rest) => {
                    *left = rest;
                    into.extend_from_slice(piece);
                }
                None => return false,
            },
            Self::Chunks if piece.is_empty() => {}
            Self::Chunks => {
                into.extend_from_slice(format!("{:x}\r\n", piece.len()).as_bytes());
                into.extend_from_slice(piece);
                into.extend_from_slice(b"\r\n");
            }
            Self::UntilClosed => into.extend_from_slice(piece),
        }
        true
    }

    /// Writes the end. False where something is missing.
    pub(super) fn end(self, into: &mut Vec<u8>) -> bool {
        if self == Self::Chunks {
            into.extend_from_slice(b"0\r\n\r\n");
        }
        !matches!(self, Self::Length(1..))
    }
}

/// Whether answers of this status have no body, and no length of one (RFC 9110, section 8.6).
fn is_bodiless(status: StatusCode) -> bool {
    matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)
}

/// Writes a head. `length` is the body's, where it is known, and told even if the body itself is not sent.
pub(super) fn write_head(
    head: &Parts,
    asked: Asked,
    (sent, length): (Sent, Option<u64>),
    closes: bool,
    (date, now, into): (&Date, Instant, &mut Vec<u8>),
) {
    let is_current = asked.version != Version::HTTP_10;
    into.extend_from_slice(if is_current { b"HTTP/1.1 " } else { b"HTTP/1.0 " });
    into.extend_from_slice(head.status.as_str().as_bytes());
    into.push(b' ');
    into.extend_from_slice(head.status.canonical_reason().unwrap_or("Unknown").as_bytes());
    into.extend_from_slice(b"\r\n");
    write_fields(&head.headers, into);
    match (sent, length) {
        (Sent::Chunks, _) => field(TRANSFER_ENCODING.as_str(), b"chunked", into),
        (_, Some(length)) if !is_bodiless(head.status) => {
            field(CONTENT_LENGTH.as_str(), itoa::Buffer::new().format(length).as_bytes(), into);
        }
        _ => {}
    }
    match (closes, is_current) {
        (true, _) => field(CONNECTION.as_str(), b"close", into),
        (false, false) => field(CONNECTION.as_str(), b"keep-alive", into),
        (false, true) => {}
    }
    into.extend_from_slice(DATE.as_str().as_bytes());
    into.extend_from_slice(b": ");
    date.write(now, into);
    into.extend_from_slice(b"\r\n\r\n");
}

/// All but those that the connection itself has to say.
fn write_fields(headers: &HeaderMap, into: &mut Vec<u8>) {
    for (name, value) in headers {
        // As text: nearly all differ in their length, which is the first that is compared.
        match name.as_str() {
            "connection" | "content-length" | "date" | "transfer-encoding" => {}
            name => field(name, value.as_bytes(), into),
        }
    }
}

fn field(name: &str, value: &[u8], into: &mut Vec<u8>) {
    into.extend_from_slice(name.as_bytes());
    into.extend_from_slice(b": ");
    into.extend_from_slice(value);
    into.extend_from_slice(b"\r\n");
}
