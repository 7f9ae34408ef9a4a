use std::ops::Range;

use serde::{Serialize, Serializer};

use super::write_hexadecimal;

/// A W3C trace context: the caller's trace goes on, with a span of the gateway's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceContext {
    trace_id: u128,
    span_id: u64,
    flags: u8,
}

impl TraceContext {
    /// Goes on with the trace of an inbound `traceparent`, or starts a new one where there is none or it is
    /// malformed (Trace Context, sections 3.2 and 4.3). `entropy` is random.
    pub fn continued(traceparent: Option<&str>, entropy: (u128, u64)) -> Self {
        let (new_trace, span_id) = (entropy.0.max(1), entropy.1.max(1));
        match traceparent.and_then(parse) {
            Some((trace_id, flags)) => Self { trace_id, span_id, flags },
            None => Self { trace_id: new_trace, span_id, flags: 0 },
        }
    }

    /// The trace's id.
    pub fn trace_id(&self) -> u128 {
        self.trace_id
    }

    /// The `traceparent` to send on: version 00, 55 characters.
    pub fn traceparent(&self) -> [u8; 55] {
        let mut text = *b"00-0123456789abcdef0123456789abcdef-0123456789abcdef-00";
        let mut write = |range: Range<usize>, bytes: &[u8]| {
            write_hexadecimal(bytes, text.get_mut(range).unwrap_or_default());
        };
        write(3..35, &self.trace_id.to_be_bytes());
        write(36..52, &self.span_id.to_be_bytes());
        write(53..55, &[self.flags]);
        text
    }
}

/// Reads the trace id and the sampled flag. A later version may have more fields; version ff is forbidden.
fn parse(text: &str) -> Option<(u128, u8)> {
    let mut parts = text.split('-');
    let (version, trace, parent, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let version = hex(version, 2)?;
    if version == 0xff || (version == 0 && parts.next().is_some()) {
        return None;
    }
    let (trace, parent, flags) = (hex(trace, 32)?, hex(parent, 16)?, hex(flags, 2)?);
    (trace != 0 && parent != 0).then_some((trace, u8::try_from(flags & 1).ok()?))
}

fn hex(text: &str, length: usize) -> Option<u128> {
    let lower_hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    if text.len() != length || !text.bytes().all(lower_hex) {
        return None;
    }
    u128::from_str_radix(text, 16).ok()
}

/// The trace id alone, as 32 hexadecimal characters.
impl Serialize for TraceContext {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{:032x}", self.trace_id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn a_callers_trace_goes_on_with_a_span_of_our_own() {
        let ours = TraceContext::continued(Some(PARENT), (1, 2));
        assert_eq!(&ours.traceparent(), b"00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000002-01");
    }

    #[test]
    fn what_is_malformed_starts_a_new_trace() {
        for text in [
            "",
            "00",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
            "00-+bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        ] {
            assert_eq!(TraceContext::continued(Some(text), (7, 2)).trace_id, 7, "{text:?}");
        }
    }

    #[test]
    fn a_later_version_is_read_as_far_as_it_is_known() {
        let later = "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more";
        assert_ne!(TraceContext::continued(Some(later), (7, 2)).trace_id, 7);
    }
}
