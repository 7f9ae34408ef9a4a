/// The fields of a request that somebody looks at: the stages, and HTTP/1 to find out where the request ends. A
/// connection hands on no others, of which browsers send a dozen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// The caller's token (RFC 6750, section 2.1).
    Authorization,
    /// What becomes of the connection (RFC 9110, section 7.6.1).
    Connection,
    /// How the body is compressed (RFC 9110, section 8.4).
    ContentEncoding,
    /// How long the body is (RFC 9110, section 8.6).
    ContentLength,
    /// What the body is (RFC 9110, section 8.3).
    ContentType,
    /// Whether the caller waits for a word before it sends the body (RFC 9110, section 10.1.1).
    Expect,
    /// Whom the caller wants to talk to (RFC 9110, section 7.2).
    Host,
    /// Whose script calls (RFC 6454, section 7).
    Origin,
    /// The trace that the request is part of (Trace Context, section 3.2).
    Traceparent,
    /// How the body is framed (RFC 9112, section 6.1).
    TransferEncoding,
    /// For whom the proxies in front call.
    XForwardedFor,
}

impl Field {
    /// Each of them.
    pub const ALL: [Self; 11] = [
        Self::Authorization,
        Self::Connection,
        Self::ContentEncoding,
        Self::ContentLength,
        Self::ContentType,
        Self::Expect,
        Self::Host,
        Self::Origin,
        Self::Traceparent,
        Self::TransferEncoding,
        Self::XForwardedFor,
    ];

    /// The name, in lower case.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Authorization => "authorization",
            Self::Connection => "connection",
            Self::ContentEncoding => "content-encoding",
            Self::ContentLength => "content-length",
            Self::ContentType => "content-type",
            Self::Expect => "expect",
            Self::Host => "host",
            Self::Origin => "origin",
            Self::Traceparent => "traceparent",
            Self::TransferEncoding => "transfer-encoding",
            Self::XForwardedFor => "x-forwarded-for",
        }
    }

    /// The field of that name, in whatever case (RFC 9110, section 5.1); None of one that nobody looks at.
    pub fn named(name: &[u8]) -> Option<Self> {
        // No two are equally long but these.
        let known = match name.len() {
            4 => Self::Host,
            6 if name.eq_ignore_ascii_case(b"expect") => return Some(Self::Expect),
            6 => Self::Origin,
            10 => Self::Connection,
            11 => Self::Traceparent,
            12 => Self::ContentType,
            13 => Self::Authorization,
            14 => Self::ContentLength,
            15 => Self::XForwardedFor,
            16 => Self::ContentEncoding,
            17 => Self::TransferEncoding,
            _ => return None,
        };
        name.eq_ignore_ascii_case(known.as_str().as_bytes()).then_some(known)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_found_by_its_name() {
        for field in Field::ALL {
            assert_eq!(Field::named(field.as_str().as_bytes()), Some(field));
            assert_eq!(Field::named(field.as_str().to_ascii_uppercase().as_bytes()), Some(field));
            assert_eq!(Field::named(&field.as_str().as_bytes()[1..]), None, "{field:?}");
            let other = format!("{}x", &field.as_str()[1..]);
            assert_eq!(Field::named(other.as_bytes()), None, "{other}");
        }
        assert_eq!(Field::named(b""), None);
    }
}
