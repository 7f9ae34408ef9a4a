//! Reads just as much of an HTTP/1.1 message as it takes to know where it ends.

use memchr::memmem;

/// What stands at the beginning of some bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Read {
    /// More is needed.
    Partial,
    /// Nothing that this bench can read: no length, or not HTTP.
    Unreadable,
    /// A message whole.
    Whole {
        /// Of its first line and its fields, with the empty line after them.
        head: usize,
        /// Of its body.
        body: usize,
    },
}

/// A message that has a body when it says so by `Content-Length`; one that says nothing has none where
/// `may_lack_length`, as a request may.
pub(crate) fn read(bytes: &[u8], may_lack_length: bool) -> Read {
    let Some(end) = memmem::find(bytes, b"\r\n\r\n") else { return Read::Partial };
    let head = end + 4;
    let body = match content_length(&bytes[..head]) {
        Some(length) => length,
        None if may_lack_length && memmem::find(&bytes[..head], b"hunked").is_none() => 0,
        None => return Read::Unreadable,
    };
    if bytes.len() < head + body { Read::Partial } else { Read::Whole { head, body } }
}

/// The status of an answer: the three digits after `HTTP/1.1 `.
pub(crate) fn status(head: &[u8]) -> Option<u16> {
    std::str::from_utf8(head.get(9..12)?).ok()?.parse().ok()
}

/// Names of fields are written in small letters or with a capital at each word's beginning by everybody here.
fn content_length(head: &[u8]) -> Option<usize> {
    const NAME: &[u8] = b"ontent-";
    let mut at = 0;
    while let Some(found) = memmem::find(&head[at..], NAME) {
        at += found + NAME.len();
        let rest = &head[at..];
        if rest.len() > 8 && rest[..7].eq_ignore_ascii_case(b"length:") {
            let end = memchr::memchr(b'\r', rest)?;
            return std::str::from_utf8(&rest[7..end]).ok()?.trim().parse().ok();
        }
    }
    None
}
