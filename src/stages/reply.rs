//! What goes back to the caller: an answer of the vendor's, passed through, or a document of the gateway's own.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::{fmt, mem};

use bytes::Bytes;
use http::{HeaderMap, Response, StatusCode};
use http_body::{Body, Frame, SizeHint};
use tokio::time::Sleep;

use super::shed::Place;
use crate::http1::{Fields, Lines};
use crate::limits::InFlightGuard;
use crate::upstream::{PooledBody, WireFault};

/// Says whose answer it is (RFC 9209).
pub const PROXY_STATUS: &str = "proxy-status";

/// What every answer says that has to do with a call: it may hold a conference's password, so no cache keeps it, and
/// what the vendor sends as JSON no browser takes for a page.
pub(super) const GUARDS: Lines = Lines::new("cache-control: no-store\r\nx-content-type-options: nosniff\r\n");

/// An answer, ready to go back.
#[derive(Debug)]
pub struct Reply {
    /// What became of the request.
    pub status: StatusCode,
    /// What each stage has to say of it.
    pub fields: Fields,
    /// What follows the head.
    pub body: GateBody,
    /// Whether nothing that follows on the connection can be read (RFC 9112, section 9.6).
    pub ends_connection: bool,
}

impl Reply {
    /// With no fields yet.
    pub fn new(status: StatusCode, body: GateBody) -> Self {
        Self { status, fields: Fields::with_room(), body, ends_connection: false }
    }

    /// Whether it says, or means, that nothing follows it: part of its request will never be read.
    pub fn is_last(&self) -> bool {
        self.ends_connection
            || matches!(self.status, StatusCode::REQUEST_TIMEOUT | StatusCode::PAYLOAD_TOO_LARGE)
    }

    /// The same for libraries that speak HTTP.
    pub fn into_http(self) -> Response<GateBody> {
        let mut response = Response::new(self.body);
        *response.status_mut() = self.status;
        *response.headers_mut() = HeaderMap::from(&self.fields);
        response
    }
}

/// The body of an answer.
pub enum GateBody {
    /// Held whole.
    Held(Bytes),
    /// Longer than the gateway cares to hold: what was read so far, and the rest as it comes.
    Streaming(Box<Streaming>),
}

/// The rest of an answer that the vendor is still sending. The caller's places among the tenant's and the worker's
/// requests in flight are taken until it has gone by.
pub struct Streaming {
    pub(super) first: Option<Bytes>,
    pub(super) rest: PooledBody,
    pub(super) due: Pin<Box<Sleep>>,
    pub(super) _in_flight: InFlightGuard,
    pub(super) place: Option<Place>,
}

/// Says how long it is: it may hold a conference's password.
impl fmt::Debug for GateBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Held(bytes) => write!(f, "Held({} bytes)", bytes.len()),
            Self::Streaming(_) => f.write_str("Streaming"),
        }
    }
}

impl GateBody {
    /// The bytes of a body that is held whole and was not sent yet; nothing of any other.
    pub fn into_held(self) -> Bytes {
        match self {
            Self::Held(bytes) => bytes,
            Self::Streaming(_) => Bytes::new(),
        }
    }
}

/// Why an answer broke off after its head had gone out.
#[derive(Debug, thiserror::Error)]
pub enum BrokenOff {
    /// The vendor's connection broke.
    #[error("the vendor's answer broke off")]
    Vendor(#[from] WireFault),
    /// The vendor was too slow.
    #[error("the vendor's answer did not end in time")]
    Late,
    /// A panic, on the way.
    #[error("the gateway failed on the way")]
    Panicked,
}

/// A frame, or the end of this answer where there is a panic on its way: others share the connection, or will.
fn caught(
    frame: impl FnOnce() -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>>,
) -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
    catch_unwind(AssertUnwindSafe(frame)).unwrap_or(Poll::Ready(Some(Err(BrokenOff::Panicked))))
}

impl Default for GateBody {
    fn default() -> Self {
        Self::Held(Bytes::new())
    }
}

impl Body for GateBody {
    type Data = Bytes;
    type Error = BrokenOff;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
        match self.get_mut() {
            Self::Held(bytes) if bytes.is_empty() => Poll::Ready(None),
            Self::Held(bytes) => Poll::Ready(Some(Ok(Frame::data(mem::take(bytes))))),
            Self::Streaming(streaming) => match streaming.first.take() {
                Some(first) => Poll::Ready(Some(Ok(Frame::data(first)))),
                None => caught(|| {
                    // First: a vendor that never stops must not be waited for either.
                    if streaming.due.as_mut().poll(cx).is_ready() {
                        return Poll::Ready(Some(Err(BrokenOff::Late)));
                    }
                    let frame = Pin::new(&mut streaming.rest).poll_frame(cx);
                    frame.map(|frame| frame.map(|result| result.map_err(BrokenOff::Vendor)))
                }),
            },
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Held(bytes) => bytes.is_empty(),
            Self::Streaming(streaming) => streaming.first.is_none() && streaming.rest.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Held(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Self::Streaming(streaming) => {
                let first = streaming.first.as_ref().map_or(0, |bytes| bytes.len() as u64);
                let rest = streaming.rest.size_hint();
                let mut hint = SizeHint::new();
                hint.set_lower(rest.lower() + first);
                if let Some(upper) = rest.upper() {
                    hint.set_upper(upper + first);
                }
                hint
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_on_the_way_breaks_the_answer_off() {
        let frame = caught(|| panic!("on purpose, to see what becomes of the answer"));
        assert!(matches!(frame, Poll::Ready(Some(Err(BrokenOff::Panicked)))));
        assert!(caught(|| Poll::Ready(None)).is_ready());
    }
}
