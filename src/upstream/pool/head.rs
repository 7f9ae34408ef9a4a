//! The head of an answer (RFC 9112).

use std::mem::MaybeUninit;

use http::StatusCode;
use httparse::{Header, Status};

use super::{SendFault, WireFault};
use crate::http1::{Fields, Framing};
use crate::upstream::MAX_HEADERS;

/// The fields that are kept of an answer: those that mean something to whoever asked. All others are between the two
/// ends of the connection.
pub const KEPT: [&str; 3] = ["content-type", "content-encoding", "retry-after"];

const NO_FIELD: &str = "a field of the answer is none";

/// An answer's head, and what it says about what follows.
pub(super) struct Head {
    pub(super) status: StatusCode,
    /// Those of its fields that are [`KEPT`].
    pub(super) fields: Fields,
    pub(super) framing: Framing,
    /// Whether the server takes another request after it.
    pub(super) keeps: bool,
}

/// How much of it is there.
pub(super) enum Parsed {
    /// Not all.
    Partial,
    /// One of class 1xx that is so many bytes long, after which another comes.
    Interim(usize),
    /// All, and so many bytes long.
    Final(Head, usize),
}

/// Reads what stands at the beginning of `bytes`.
pub(super) fn parse(bytes: &[u8]) -> Result<Parsed, SendFault> {
    let mut fields = [const { MaybeUninit::uninit() }; MAX_HEADERS];
    let mut head = httparse::Response::new(&mut []);
    let parsed = httparse::ParserConfig::default()
        .parse_response_with_uninit_headers(&mut head, bytes, &mut fields)
        .map_err(|error| WireFault::Malformed(what_is_wrong(error)))?;
    let Status::Complete(length) = parsed else { return Ok(Parsed::Partial) };
    let status = head.code.and_then(|code| StatusCode::from_u16(code).ok());
    let status = status.ok_or(WireFault::Malformed("the answer has no status"))?;
    if status == StatusCode::SWITCHING_PROTOCOLS {
        return Err(SendFault::SwitchedProtocols);
    }
    if status.is_informational() {
        return Ok(Parsed::Interim(length));
    }
    let said = Said::by(head.headers)?;
    let is_current = head.version == Some(1);
    let framing = said.framing(status, is_current)?;
    // HTTP/1.0 servers differ in what they mean by keep-alive (RFC 9112, section 9.3). A length beside the chunks is
    // overruled by them, and may be an attempt to split the answer in two (section 6.3).
    let is_twice = said.is_chunked && said.length.is_some();
    let keeps = is_current && !said.closes && !is_twice && framing != Framing::UntilClosed;
    Ok(Parsed::Final(Head { status, fields: said.kept, framing, keeps }, length))
}

/// What the fields say.
#[derive(Default)]
struct Said {
    length: Option<u64>,
    is_chunked: bool,
    closes: bool,
    kept: Fields,
}

impl Said {
    fn by(fields: &[Header<'_>]) -> Result<Self, SendFault> {
        // With room for what the gateway adds on the way out.
        let mut said = Self { kept: Fields::with_room(), ..Self::default() };
        for Header { name, value } in fields {
            let is = |other: &str| name.eq_ignore_ascii_case(other);
            if is("content-length") {
                said.length = Some(length(said.length, value)?);
            } else if is("transfer-encoding") {
                // Coded otherwise is what nobody has asked for (RFC 9112, section 6.1).
                if said.is_chunked || !value.eq_ignore_ascii_case(b"chunked") {
                    return Err(SendFault::Coded);
                }
                said.is_chunked = true;
            } else if is("connection") {
                let mut options = value.split(|byte| *byte == b',');
                said.closes |= options.any(|option| option.trim_ascii().eq_ignore_ascii_case(b"close"));
            } else if let Some(kept) = KEPT.iter().find(|kept| is(kept))
                && said.kept.get(kept).is_none()
            {
                let invalid = |_| WireFault::Malformed(NO_FIELD);
                said.kept.put_foreign(kept, value).map_err(invalid)?;
            }
        }
        Ok(said)
    }

    /// RFC 9112, section 6.3.
    fn framing(&self, status: StatusCode, is_current: bool) -> Result<Framing, SendFault> {
        if matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED) {
            return Ok(Framing::Length(0));
        }
        match (self.is_chunked, self.length) {
            (true, _) if !is_current => Err(WireFault::Malformed("HTTP/1.0 has no chunks").into()),
            (true, _) => Ok(Framing::chunked()),
            (false, Some(length)) => Ok(Framing::Length(length)),
            (false, None) => Ok(Framing::UntilClosed),
        }
    }
}

/// One length, however often it is said (RFC 9112, section 6.3, item 5).
fn length(mut known: Option<u64>, value: &[u8]) -> Result<u64, WireFault> {
    for text in value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii) {
        let digits = text.iter().all(u8::is_ascii_digit).then_some(text);
        let length = digits.and_then(|digits| std::str::from_utf8(digits).ok()?.parse().ok());
        match (known, length) {
            (None, Some(length)) => known = Some(length),
            (Some(known), Some(length)) if known == length => {}
            _ => return Err(WireFault::Malformed("the answer's length is no number, or two")),
        }
    }
    known.ok_or(WireFault::Malformed("the answer's length is no number"))
}

fn what_is_wrong(error: httparse::Error) -> &'static str {
    match error {
        httparse::Error::HeaderName | httparse::Error::HeaderValue | httparse::Error::NewLine => NO_FIELD,
        httparse::Error::Status => "the answer has no status",
        httparse::Error::Version => "the answer has no version of HTTP/1",
        httparse::Error::TooManyHeaders => "the answer has too many fields",
        httparse::Error::Token => "what came is no HTTP",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_head_is_refused_as_soon_as_it_is_clear() {
        for text in [
            "{\"error\":0}",
            "SSH-2.0-OpenSSH_9.6\r\n",
            "HTTP/2.0 200 OK\r\n",
            "HTTP/1.2 200 OK\r\n",
            "HTTP/1.1 000 OK\r\n\r\n",
            "HTTP/1.1 99 OK\r\n",
            "HTTP/1.1 1000 OK\r\n",
            "HTTP/1.1 -20 OK\r\n",
            "HTTP/1.1 two OK\r\n",
            "GET / HTTP/1.1\r\n",
            "HTTP/1.1 200 OK\r\nX: a\r\n  b\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length : 2\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length 2\r\n",
            "HTTP/1.1 200 OK\r\n: 2\r\n",
            "HTTP/1.1 200 OK\r\nX: a\0b\r\n",
            "HTTP/1.1 200 OK\r\nX\0Y: b\r\n",
            &format!("HTTP/1.1 200 OK\r\n{}", "X: y\r\n".repeat(200)),
            "HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n",
        ] {
            assert!(parse(text.as_bytes()).is_err(), "{text:.60?}");
        }
    }
}
