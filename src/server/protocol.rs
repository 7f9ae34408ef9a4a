//! Finds out what a caller speaks: by the TLS handshake, and in clear text by the first bytes, of which HTTP/2 has some
//! that are no HTTP/1 (RFC 9113, section 3.4).

use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::tls::ALPN_HTTP2;
use super::transport::Transport;

/// What an HTTP/2 client says first.
pub(super) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// What is spoken on a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    /// HTTP/1.1, or 1.0, or what is to be taken for it.
    Http1,
    /// HTTP/2.
    Http2,
}

/// Why nobody knows what is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unclear {
    /// Nothing was said, in time or at all.
    Silent,
    /// Something was begun, and not ended in time.
    Begun,
}

/// What the caller of `transport` speaks, who has `patience` to show it. Nothing that it says is lost.
pub(super) async fn spoken(transport: &mut Transport, patience: Duration) -> Result<Protocol, Unclear> {
    if transport.is_tls() {
        let is_http2 = transport.agreed_protocol() == Some(ALPN_HTTP2);
        return Ok(if is_http2 { Protocol::Http2 } else { Protocol::Http1 });
    }
    let until = Instant::now() + patience;
    let mut first = [0; PREFACE.len()];
    match timeout_at(until, transport.peek(&mut first)).await {
        Ok(Ok(count)) if count > 0 => {
            let first = first.get(..count).unwrap_or_default();
            match judged(first) {
                Some(protocol) => Ok(protocol),
                None => wait_for_the_rest(transport, until).await,
            }
        }
        _ => Err(Unclear::Silent),
    }
}

/// What begins with `first`; None where it may become either.
fn judged(first: &[u8]) -> Option<Protocol> {
    if first == PREFACE {
        Some(Protocol::Http2)
    } else if PREFACE.starts_with(first) {
        None
    } else {
        Some(Protocol::Http1)
    }
}

/// The preface came in part. What has been looked at stays readable, so that waiting for more takes reading it.
async fn wait_for_the_rest(transport: &mut Transport, until: Instant) -> Result<Protocol, Unclear> {
    let mut had = 0;
    loop {
        match timeout_at(until, transport.read_ahead(PREFACE.len())).await {
            // The end of what the caller has to say: no HTTP/2, and HTTP/1 knows what to answer.
            Ok(Ok(ahead)) if ahead.len() == had => return Ok(Protocol::Http1),
            Ok(Ok(ahead)) => match judged(ahead) {
                Some(protocol) => return Ok(protocol),
                None => had = ahead.len(),
            },
            Ok(Err(_)) => return Err(Unclear::Silent),
            Err(_) => return Err(Unclear::Begun),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_bytes_decide_as_soon_as_they_can() {
        for length in 1..PREFACE.len() {
            assert_eq!(judged(&PREFACE[..length]), None);
            let mut other = PREFACE[..length].to_vec();
            other[length - 1] ^= 1;
            assert_eq!(judged(&other), Some(Protocol::Http1));
        }
        assert_eq!(judged(PREFACE), Some(Protocol::Http2));
        for head in ["GET / HTTP/1.1\r\n", "POST / HTTP/1.1\r\n", "PRI / HTTP/1.1\r\n\r\n", "PUT", "\r\n"] {
            assert_eq!(judged(head.as_bytes()), Some(Protocol::Http1), "{head}");
        }
    }
}
