use std::time::Duration;

use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;

/// The wait that a `Retry-After` of this value asks for, in seconds or until a date (RFC 9110, section 10.2.3). A date
/// that has passed is a wait of zero; what is malformed counts as absent.
pub fn retry_after(value: impl AsRef<[u8]>, now: Timestamp) -> Option<Duration> {
    let text = std::str::from_utf8(value.as_ref().trim_ascii()).ok()?;
    if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
        // More digits than fit are a very long time, not a fault.
        return Some(Duration::from_secs(text.parse().unwrap_or(u64::from(u32::MAX))));
    }
    let until = DateTimeParser::new().parse_timestamp(text).ok()?;
    Some(Duration::try_from(until.duration_since(now)).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(value: &str) -> Option<Duration> {
        retry_after(value, "2026-11-23T02:47:04Z".parse().unwrap())
    }

    #[test]
    fn seconds_and_dates_are_understood() {
        assert_eq!(asked("0"), Some(Duration::ZERO));
        assert_eq!(asked(" 120 "), Some(Duration::from_mins(2)));
        assert!(asked(&"9".repeat(40)).is_some_and(|wait| wait > Duration::from_hours(24)));
        assert_eq!(asked("Mon, 23 Nov 2026 02:47:34 GMT"), Some(Duration::from_secs(30)));
        assert_eq!(asked("Mon, 23 Nov 2026 02:46:34 GMT"), Some(Duration::ZERO));
    }

    #[test]
    fn the_rest_counts_as_absent() {
        for value in ["", "-1", "1.5", "+1", "soon", "\u{a0}1", "Mon, 99 Nov 2026 02:47:34 GMT"] {
            assert_eq!(asked(value), None, "{value:?}");
        }
        assert_eq!(retry_after(b"\xff", Timestamp::now()), None);
    }
}
