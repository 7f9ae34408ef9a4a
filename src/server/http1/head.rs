//! The head of a request (RFC 9112).

use std::mem::MaybeUninit;

use http::{Method, Version};
use httparse::{Header, Status};

use crate::domain::Code;
use crate::http1::{Framing, end_of_head};
use crate::server::connection::HeadBounds;
use crate::server::expect::is_continue;
use crate::stages::head::{Field, Head};
use crate::stages::route::is_framed_plainly;

/// The most fields that can be configured (`listen.max_headers`).
const MOST_FIELDS: usize = 256;

/// A request whose body is to be read.
#[derive(Debug)]
pub struct RequestHead {
    /// What it says.
    pub head: Box<Head>,
    /// Where its body ends.
    pub framing: Framing,
    /// Whether the caller sends its body only once it is told to.
    pub is_invited: bool,
    /// Whether another request may come on the same connection.
    pub keeps: bool,
}

/// Reads a head at the beginning of `bytes`, if all of it is there, and says how many of them are done with. What is
/// none is refused with a code, as soon as that is clear. `looked_at` says how much was there the last time, so that
/// nobody has all of it read again for each byte.
pub fn take_head(
    bytes: &[u8],
    looked_at: &mut usize,
    bounds: HeadBounds,
) -> Result<(usize, Option<RequestHead>), Code> {
    let skipped = empty_lines(bytes);
    let bytes = bytes.get(skipped..).unwrap_or_default();
    *looked_at = looked_at.saturating_sub(skipped);
    match end_of_head(bytes, *looked_at) {
        Some(end) if end <= bounds.bytes => {
            *looked_at = 0;
            let head = read(bytes.get(..end).unwrap_or_default(), bounds)?;
            Ok((skipped + end, Some(head)))
        }
        _ => {
            let new = bytes.get(*looked_at..).unwrap_or_default();
            if *looked_at == 0 || memchr::memchr(b'\n', new).is_some() {
                look(bytes, bounds)?;
            }
            *looked_at = bytes.len();
            if bytes.len() < bounds.bytes { Ok((skipped, None)) } else { Err(Code::HeadersTooLarge) }
        }
    }
}

/// How many bytes they are. They may stand before a request, and are none of it (RFC 9112, section 2.2).
fn empty_lines(bytes: &[u8]) -> usize {
    let mut rest = bytes;
    while let Some(after) = rest.strip_prefix(b"\r\n").or_else(|| rest.strip_prefix(b"\n")) {
        rest = after;
    }
    bytes.len() - rest.len()
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
fn read(bytes: &[u8], bounds: HeadBounds) -> Result<RequestHead, Code> {
    let mut fields = [const { MaybeUninit::uninit() }; MOST_FIELDS];
    let mut parsed = httparse::Request::new(&mut []);
    let (Status::Complete(length), Some(method), Some(target)) =
        (parse(bytes, bounds, &mut fields, &mut parsed)?, parsed.method, parsed.path)
    else {
        return Err(Code::RequestMalformed);
    };
    if length != bytes.len() {
        return Err(Code::RequestMalformed);
    }
    let method = Method::from_bytes(method.as_bytes()).map_err(|_| Code::RequestMalformed)?;
    let version = if parsed.version == Some(0) { Version::HTTP_10 } else { Version::HTTP_11 };
    let mut head = Box::new(Head::new(method, version, target.as_bytes(), length - target.len())?);
    let mut is_framed = false;
    for Header { name, value } in parsed.headers {
        if let Some(field) = Field::named(name.as_bytes()) {
            is_framed |= is_framing(field);
            head.push(field, value);
        }
    }
    let is_current = version == Version::HTTP_11;
    if !is_framed {
        return Ok(RequestHead { head, framing: Framing::Length(0), is_invited: false, keeps: is_current });
    }
    let framing = framing(&head).ok_or(Code::RequestMalformed)?;
    let is_invited = is_current && !framing.is_done() && is_continue(head.values(Field::Expect).next());
    Ok(RequestHead { keeps: keeps(&head), head, framing, is_invited })
}

/// Whether it says where the request ends, or what becomes of its connection.
fn is_framing(field: Field) -> bool {
    matches!(field, Field::Connection | Field::ContentLength | Field::Expect | Field::TransferEncoding)
}

/// RFC 9112, section 6.3. None where nobody can say.
fn framing(head: &Head) -> Option<Framing> {
    let mut length = None;
    for said in head.values(Field::ContentLength) {
        let is_number = !said.is_empty() && said.iter().all(u8::is_ascii_digit);
        let said: u64 = std::str::from_utf8(said).ok().filter(|_| is_number)?.parse().ok()?;
        if length.replace(said).is_some_and(|before| before != said) {
            return None;
        }
    }
    if let Some(codings) = head.values(Field::TransferEncoding).next_back() {
        let last = codings.rsplit(|byte| *byte == b',').next()?;
        let is_chunked = last.trim_ascii().eq_ignore_ascii_case(b"chunked");
        return (head.version == Version::HTTP_11 && is_chunked).then(Framing::chunked);
    }
    Some(Framing::Length(length.unwrap_or(0)))
}

/// Whether the caller wants to send more requests, and both sides agree on where the next one begins.
fn keeps(head: &Head) -> bool {
    let mut wants = head.version == Version::HTTP_11;
    for options in head.values(Field::Connection) {
        for option in options.split(|byte| *byte == b',').map(<[u8]>::trim_ascii) {
            if option.eq_ignore_ascii_case(b"close") {
                return false;
            }
            wants |= option.eq_ignore_ascii_case(b"keep-alive");
        }
    }
    // A length beside the chunks may be an attempt to have what follows taken for a request of somebody else's.
    let is_twice = head.has(Field::TransferEncoding) && head.has(Field::ContentLength);
    wants && !is_twice && is_framed_plainly(head)
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;
    use crate::stages::head::Said;

    const BOUNDS: HeadBounds = HeadBounds { bytes: 1024, fields: 16 };

    fn taken(text: &str) -> (Result<Option<RequestHead>, Code>, String) {
        match take_head(text.as_bytes(), &mut 0, BOUNDS) {
            Ok((done, head)) => (Ok(head), text[done..].to_owned()),
            Err(code) => (Err(code), text.to_owned()),
        }
    }

    #[test]
    fn a_head_is_taken_once_it_is_whole() {
        let whole = "\r\n\nPOST /a?b HTTP/1.1\r\nHost: gate\nContent-Length: 2\r\n\r\nok";
        for length in 0..whole.len() - 2 {
            assert!(matches!(taken(&whole[..length]), (Ok(None), _)), "{length}");
        }
        let (head, rest) = taken(whole);
        let head = head.unwrap().unwrap();
        assert_eq!((head.framing, head.keeps, head.is_invited), (Framing::Length(2), true, false));
        let head = head.head;
        assert_eq!((&head.method, head.path(), head.query(), &*rest), (&Method::POST, "/a", Some("b"), "ok"));
        assert_eq!(head.said(Field::Host), Said::Once(b"gate"));
    }

    #[test]
    fn a_head_may_come_byte_by_byte() {
        for whole in ["\r\n\r\nGET / HTTP/1.1\r\nA: b\r\n\r\n", "\nGET / HTTP/1.1\nA: b\n\n"] {
            let (mut inbox, mut looked_at) = (Vec::new(), 0);
            for (count, byte) in (1..).zip(whole.bytes()) {
                inbox.push(byte);
                let (done, head) = take_head(&inbox, &mut looked_at, BOUNDS).unwrap();
                inbox.drain(..done);
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
        assert!(head.head.values(Field::Host).eq([b"gate", &b"two"[..]]));
        assert_eq!(head.head.said(Field::XForwardedFor), Said::Once(b"10.0.0.1"));
        for byte in 0..=u8::MAX {
            for (before, after, is_name) in
                [("GET / HTTP/1.1\r\na", "a: b", true), ("GET / HTTP/1.1\r\na: b", "b", false)]
            {
                let text = [before.as_bytes(), &[byte], after.as_bytes(), b"\r\n\r\n"].concat();
                let is_field = match (is_name, byte) {
                    (true, b':') | (false, b'\n') => continue,
                    (true, _) => HeaderName::from_bytes(&[b'a', byte]).is_ok(),
                    (false, _) => HeaderValue::from_bytes(&[byte]).is_ok(),
                };
                let head = take_head(&text, &mut 0, BOUNDS);
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
