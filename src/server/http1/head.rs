//! The head of a request (RFC 9112).

use std::mem::MaybeUninit;

use bytes::{Buf, Bytes, BytesMut};
use http::header::{CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, Version};
use httparse::{Header, Status};

use crate::domain::Code;
use crate::http1::{Framing, end_of_head};
use crate::server::expect::expects_continue;
use crate::stages::identify::LOOKED_AT;
use crate::stages::route::is_framed_plainly;

/// The most fields that can be configured (`listen.max_headers`).
const MOST_FIELDS: usize = 256;

/// The fields that say where a request ends, and what becomes of its connection.
const FRAMING: [&str; 4] = ["connection", "content-length", "expect", "transfer-encoding"];

/// The bounds of a head.
#[derive(Clone, Copy, Debug)]
pub struct HeadBounds {
    /// How long it may be, with the empty line at its end.
    pub bytes: usize,
    /// How many fields it may have, 256 at most.
    pub fields: usize,
}

/// A request whose body is to be read.
#[derive(Debug)]
pub struct RequestHead {
    /// What it says.
    pub parts: Parts,
    /// Where its body ends.
    pub framing: Framing,
    /// Whether the caller sends its body only once it is told to.
    pub is_invited: bool,
    /// Whether another request may come on the same connection.
    pub keeps: bool,
}

/// Takes a head from the beginning of `inbox`, if all of it is there. What is none is refused with a code, as soon as
/// that is clear. `looked_at` says how much was there the last time, so that nobody has all of it read again for each
/// byte.
pub fn take_head(
    inbox: &mut BytesMut,
    looked_at: &mut usize,
    bounds: HeadBounds,
) -> Result<Option<RequestHead>, Code> {
    *looked_at = looked_at.saturating_sub(skip_empty_lines(inbox));
    match end_of_head(inbox, *looked_at) {
        Some(end) if end <= bounds.bytes => {
            *looked_at = 0;
            read(&inbox.split_to(end).freeze(), bounds).map(Some)
        }
        _ => {
            let new = inbox.get(*looked_at..).unwrap_or_default();
            if *looked_at == 0 || memchr::memchr(b'\n', new).is_some() {
                look(inbox, bounds)?;
            }
            *looked_at = inbox.len();
            if inbox.len() < bounds.bytes { Ok(None) } else { Err(Code::HeadersTooLarge) }
        }
    }
}

/// They may stand before a request, and are none of it (RFC 9112, section 2.2). Says how many bytes they were.
fn skip_empty_lines(inbox: &mut BytesMut) -> usize {
    let before = inbox.len();
    loop {
        let length = if inbox.starts_with(b"\r\n") {
            2
        } else if inbox.starts_with(b"\n") {
            1
        } else {
            return before - inbox.len();
        };
        inbox.advance(length);
    }
}

/// Whether the beginning of a head is right.
fn look(bytes: &[u8], bounds: HeadBounds) -> Result<(), Code> {
    let mut fields = [const { MaybeUninit::uninit() }; MOST_FIELDS];
    parse(bytes, bounds, &mut fields, &mut httparse::Request::new(&mut [])).map(drop)
}

fn parse<'b>(
    bytes: &'b [u8],
    bounds: HeadBounds,
    fields: &'b mut [MaybeUninit<Header<'b>>; MOST_FIELDS],
    into: &mut httparse::Request<'b, 'b>,
) -> Result<Status<usize>, Code> {
    let fields = fields.get_mut(..bounds.fields).unwrap_or_default();
    httparse::ParserConfig::default().parse_request_with_uninit_headers(into, bytes, fields).map_err(
        |error| match error {
            httparse::Error::TooManyHeaders => Code::HeadersTooLarge,
            _ => Code::RequestMalformed,
        },
    )
}

/// Reads a whole head.
fn read(bytes: &Bytes, bounds: HeadBounds) -> Result<RequestHead, Code> {
    let mut fields = [const { MaybeUninit::uninit() }; MOST_FIELDS];
    let mut head = httparse::Request::new(&mut []);
    let (Status::Complete(length), Some(method), Some(target)) =
        (parse(bytes, bounds, &mut fields, &mut head)?, head.method, head.path)
    else {
        return Err(Code::RequestMalformed);
    };
    if length != bytes.len() {
        return Err(Code::RequestMalformed);
    }
    let mut request = Request::new(());
    *request.method_mut() = Method::from_bytes(method.as_bytes()).map_err(|_| Code::RequestMalformed)?;
    *request.uri_mut() = uri(bytes.slice_ref(target.as_bytes()))?;
    *request.version_mut() = if head.version == Some(0) { Version::HTTP_10 } else { Version::HTTP_11 };
    let (headers, is_plain) = headers(bytes, head.headers).ok_or(Code::RequestMalformed)?;
    *request.headers_mut() = headers;
    let (parts, ()) = request.into_parts();
    let is_current = parts.version == Version::HTTP_11;
    if is_plain {
        return Ok(RequestHead { parts, framing: Framing::Length(0), is_invited: false, keeps: is_current });
    }
    let framing = framing(parts.version, &parts.headers).ok_or(Code::RequestMalformed)?;
    let is_invited = is_current && !framing.is_done() && expects_continue(&parts.headers);
    Ok(RequestHead { keeps: keeps(&parts), parts, framing, is_invited })
}

fn uri(target: Bytes) -> Result<Uri, Code> {
    // The longest that the type takes (RFC 9110, section 4.1, asks for 8000 at least).
    const LONGEST: usize = u16::MAX as usize - 1;
    if target.len() > LONGEST {
        return Err(Code::HeadersTooLarge);
    }
    Uri::from_maybe_shared(target).map_err(|_| Code::RequestMalformed)
}

/// The fields that somebody behind here looks at, and whether none of them says how the request is framed. A browser
/// sends a dozen others, which the parser has checked as well, and each of which would cost as much as one that counts.
fn headers(bytes: &Bytes, fields: &[Header<'_>]) -> Option<(HeaderMap, bool)> {
    let is_among = |names: &[&str], name: &str| names.iter().any(|known| known.eq_ignore_ascii_case(name));
    let mut headers = HeaderMap::with_capacity(fields.len().min(FRAMING.len() + LOOKED_AT.len()));
    let mut is_plain = true;
    for field in fields {
        if is_among(&FRAMING, field.name) {
            is_plain = false;
        } else if !is_among(&LOOKED_AT, field.name) {
            continue;
        }
        let name = HeaderName::from_bytes(field.name.as_bytes()).ok()?;
        headers.append(name, HeaderValue::from_maybe_shared(bytes.slice_ref(field.value)).ok()?);
    }
    Some((headers, is_plain))
}

/// RFC 9112, section 6.3. None where nobody can say.
fn framing(version: Version, headers: &HeaderMap) -> Option<Framing> {
    let mut length = None;
    for said in headers.get_all(CONTENT_LENGTH) {
        let digits = said.as_bytes();
        let is_number = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
        let said: u64 = said.to_str().ok().filter(|_| is_number)?.parse().ok()?;
        if length.replace(said).is_some_and(|before| before != said) {
            return None;
        }
    }
    if let Some(codings) = headers.get_all(TRANSFER_ENCODING).iter().next_back() {
        let last = codings.as_bytes().rsplit(|byte| *byte == b',').next()?;
        let is_chunked = last.trim_ascii().eq_ignore_ascii_case(b"chunked");
        return (version == Version::HTTP_11 && is_chunked).then(Framing::chunked);
    }
    Some(Framing::Length(length.unwrap_or(0)))
}

/// Whether the caller wants to send more requests, and both sides agree on where the next one begins.
fn keeps(head: &Parts) -> bool {
    let mut wants = head.version == Version::HTTP_11;
    for options in head.headers.get_all(CONNECTION) {
        for option in options.as_bytes().split(|byte| *byte == b',').map(<[u8]>::trim_ascii) {
            if option.eq_ignore_ascii_case(b"close") {
                return false;
            }
            wants |= option.eq_ignore_ascii_case(b"keep-alive");
        }
    }
    // A length beside the chunks may be an attempt to have what follows taken for a request of somebody else's.
    let is_twice = head.headers.contains_key(TRANSFER_ENCODING) && head.headers.contains_key(CONTENT_LENGTH);
    wants && !is_twice && is_framed_plainly(&head.headers)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: HeadBounds = HeadBounds { bytes: 1024, fields: 16 };

    fn taken(text: &str) -> (Result<Option<RequestHead>, Code>, String) {
        let mut inbox = BytesMut::from(text);
        let head = take_head(&mut inbox, &mut 0, BOUNDS);
        (head, String::from_utf8(inbox.to_vec()).unwrap())
    }

    #[test]
    fn a_head_is_taken_once_it_is_whole() {
        let whole = "\r\n\nPOST /a?b HTTP/1.1\r\nHost: gate\nContent-Length: 2\r\n\r\nok";
        for length in 0..whole.len() - 2 {
            assert!(matches!(taken(&whole[..length]), (Ok(None), _)), "{length}");
        }
        let (head, rest) = taken(whole);
        let head = head.unwrap().unwrap();
        assert_eq!(
            (head.parts.method, head.parts.uri.to_string(), &*rest),
            (Method::POST, "/a?b".into(), "ok")
        );
        assert_eq!((head.framing, head.keeps, head.is_invited), (Framing::Length(2), true, false));
        assert_eq!(head.parts.headers["host"], "gate");
    }

    #[test]
    fn a_head_may_come_byte_by_byte() {
        for whole in ["\r\n\r\nGET / HTTP/1.1\r\nA: b\r\n\r\n", "\nGET / HTTP/1.1\nA: b\n\n"] {
            let (mut inbox, mut looked_at) = (BytesMut::new(), 0);
            for (count, byte) in (1..).zip(whole.bytes()) {
                inbox.extend_from_slice(&[byte]);
                let head = take_head(&mut inbox, &mut looked_at, BOUNDS).unwrap();
                assert_eq!(head.is_some(), count == whole.len(), "{count} bytes of {whole:?}");
            }
            assert_eq!((looked_at, inbox.len()), (0, 0));
        }
    }

    #[test]
    fn what_is_no_head_is_refused_before_it_ends() {
        for text in
            ["\u{16}\u{3}\u{1}", "GET /\u{0} HTTP/1.1", "GET / HTTP/3\r\n", "GET / HTTP/1.1\r\na b: c\r\n"]
        {
            assert!(matches!(taken(text).0, Err(Code::RequestMalformed)), "{text:?}");
        }
    }

    #[test]
    fn a_head_has_its_bounds() {
        let of = |bytes: usize| format!("GET /{} HTTP/1.1\r\n\r\n", "x".repeat(bytes - 18));
        assert!(taken(&of(1024)).0.is_ok());
        assert!(matches!(taken(&of(1025)).0, Err(Code::HeadersTooLarge)));
        assert!(matches!(taken(&of(2048)[..1024]).0, Err(Code::HeadersTooLarge)));
        let fields = |count: usize| format!("GET / HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(count));
        assert!(taken(&fields(16)).0.is_ok());
        assert!(matches!(taken(&fields(17)).0, Err(Code::HeadersTooLarge)));
    }

    #[test]
    fn fields_that_nobody_looks_at_are_dropped_and_checked_all_the_same() {
        let fields = "A: b\r\nhOST: gate\r\nCookie: c\r\nHost: two\r\nX-Forwarded-For: 10.0.0.1\r\n";
        let head = taken(&format!("GET / HTTP/1.1\r\n{fields}\r\n")).0.unwrap().unwrap();
        let kept: Vec<_> =
            head.parts.headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
        assert_eq!(kept, [("host", "gate"), ("host", "two"), ("x-forwarded-for", "10.0.0.1")]);
        for byte in 0..=u8::MAX {
            for (before, after, is_name) in
                [("GET / HTTP/1.1\r\na", "a: b", true), ("GET / HTTP/1.1\r\na: b", "b", false)]
            {
                let mut inbox = BytesMut::from(before);
                inbox.extend_from_slice(&[byte]);
                inbox.extend_from_slice(after.as_bytes());
                inbox.extend_from_slice(b"\r\n\r\n");
                let is_field = match (is_name, byte) {
                    (true, b':') | (false, b'\n') => continue,
                    (true, _) => HeaderName::from_bytes(&[b'a', byte]).is_ok(),
                    (false, _) => HeaderValue::from_bytes(&[byte]).is_ok(),
                };
                let head = take_head(&mut inbox, &mut 0, BOUNDS);
                assert_eq!(head.is_ok(), is_field, "{byte:#x} in {before:?}");
            }
        }
    }

    #[test]
    fn a_connection_is_kept_where_both_want_and_know_how() {
        for (version, fields, kept) in [
            ("1.1", "", true),
            ("1.1", "Connection: x, Close\r\n", false),
            ("1.1", "Connection: keep-alive\r\nConnection: close\r\n", false),
            ("1.1", "Transfer-Encoding: chunked\r\n", true),
            ("1.1", "Transfer-Encoding: chunked\r\nContent-Length: 1\r\n", false),
            ("1.1", "Transfer-Encoding: gzip, chunked\r\n", false),
            ("1.0", "", false),
            ("1.0", "Connection: keep-alive\r\n", true),
        ] {
            let head = taken(&format!("GET / HTTP/{version}\r\n{fields}\r\n")).0.unwrap().unwrap();
            assert_eq!(head.keeps, kept, "{version} {fields}");
        }
    }

    #[test]
    fn a_length_that_nobody_can_tell_is_refused() {
        for fields in [
            "Content-Length: 1\r\nContent-Length: 2\r\n",
            "Content-Length: 1, 1\r\n",
            "Content-Length: +1\r\n",
            "Content-Length: \r\n",
            "Content-Length: 99999999999999999999\r\n",
            "Transfer-Encoding: gzip\r\n",
            "Transfer-Encoding: chunked, gzip\r\n",
            "Transfer-Encoding: \r\n",
        ] {
            let text = format!("POST / HTTP/1.1\r\n{fields}\r\n");
            assert!(matches!(taken(&text).0, Err(Code::RequestMalformed)), "{fields}");
        }
        assert!(taken("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n").0.is_err());
        let same = taken("POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n").0;
        assert_eq!(same.unwrap().unwrap().framing, Framing::Length(1));
    }
}
