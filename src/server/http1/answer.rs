//! An answer as HTTP/1.1 has it.

use std::cell::Cell;
use std::time::Duration;

use http::{StatusCode, Version};
use http_body::SizeHint;
use jiff::Timestamp;
use tokio::time::Instant;

use crate::http1::Fields;
use crate::server::unread::date;

/// How long `Date` is (RFC 9110, section 5.6.7).
const DATE_LENGTH: usize = 29;

/// The time of day as answers have it, written once a second.
#[derive(Debug, Default)]
pub(super) struct Date(Cell<Option<(Instant, [u8; DATE_LENGTH])>>);

impl Date {
    pub(super) fn at(&self, now: Instant) -> [u8; DATE_LENGTH] {
        match self.0.get() {
            Some((until, text)) if now < until => text,
            _ => self.renew(now),
        }
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

/// What the head of an answer says.
#[derive(Clone, Copy, Debug)]
pub(super) struct Head<'a> {
    pub(super) asked: Asked,
    pub(super) status: StatusCode,
    pub(super) fields: &'a Fields,
    pub(super) sent: Sent,
    /// The body's, where it is known; told even if the body itself is not sent.
    pub(super) length: Option<u64>,
    /// Whether the connection ends with it.
    pub(super) closes: bool,
}

impl Head<'_> {
    pub(super) fn write(&self, date: &[u8], into: &mut Vec<u8>) {
        self.write_status(into);
        into.extend_from_slice(self.fields.as_bytes());
        match (self.sent, self.length) {
            (Sent::Chunks, _) => into.extend_from_slice(b"transfer-encoding: chunked\r\n"),
            (_, Some(length)) if !is_bodiless(self.status) => {
                into.extend_from_slice(b"content-length: ");
                into.extend_from_slice(itoa::Buffer::new().format(length).as_bytes());
                into.extend_from_slice(b"\r\n");
            }
            _ => {}
        }
        match (self.closes, self.asked.version) {
            (true, _) => into.extend_from_slice(b"connection: close\r\n"),
            (false, Version::HTTP_10) => into.extend_from_slice(b"connection: keep-alive\r\n"),
            (false, _) => {}
        }
        into.extend_from_slice(b"date: ");
        into.extend_from_slice(date);
        into.extend_from_slice(b"\r\n\r\n");
    }

    fn write_status(&self, into: &mut Vec<u8>) {
        let version = if self.asked.version == Version::HTTP_10 { "HTTP/1.0 " } else { "HTTP/1.1 " };
        let reason = self.status.canonical_reason().unwrap_or("Unknown");
        for part in [version, self.status.as_str(), " ", reason, "\r\n"] {
            into.extend_from_slice(part.as_bytes());
        }
    }
}
