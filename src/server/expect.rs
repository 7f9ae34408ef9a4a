//! `Expect: 100-continue`, by either protocol (RFC 9110, section 10.1.1).

/// Whether a caller that says so sends its body only once it is told to.
pub(super) fn is_continue(expected: Option<&[u8]>) -> bool {
    expected.is_some_and(|expected| expected.eq_ignore_ascii_case(b"100-continue"))
}
