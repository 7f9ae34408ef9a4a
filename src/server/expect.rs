//! `Expect: 100-continue`, by either protocol (RFC 9110, section 10.1.1).

use http::{HeaderMap, header};

/// Whether the caller sends its body only once it is told to.
pub(super) fn expects_continue(headers: &HeaderMap) -> bool {
    headers
        .get(header::EXPECT)
        .is_some_and(|expected| expected.as_bytes().eq_ignore_ascii_case(b"100-continue"))
}
