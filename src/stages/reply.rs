//! What goes back to the caller: an answer of the vendor's, passed through, or a document of the gateway's own.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response, header};
use http_body::{Body, Frame, SizeHint};
use http_body_util::Full;
use tokio::time::Sleep;

use super::shed::Place;
use crate::limits::InFlightGuard;
use crate::upstream::{PooledBody, WireFault};

/// Says whose answer it is (RFC 9209).
pub const PROXY_STATUS: HeaderName = HeaderName::from_static("proxy-status");

/// An answer of the vendor's, ready to go back.
pub type Reply = Response<GateBody>;

/// The body of an answer.
#[derive(Debug)]
pub enum GateBody {
    /// Held whole.
    Full(Full<Bytes>),
    /// Longer than the gateway cares to hold: what was read so far, and the rest as it comes.
    Streaming(Box<Streaming>),
}

/// The rest of an answer that the vendor is still sending. The caller's places among the tenant's and the worker's
/// requests in flight are taken until it has gone by.
#[derive(Debug)]
pub struct Streaming {
    pub(super) first: Option<Bytes>,
    pub(super) rest: PooledBody,
    pub(super) due: Pin<Box<Sleep>>,
    pub(super) _in_flight: InFlightGuard,
    pub(super) place: Option<Place>,
}

impl GateBody {
    /// A body that is held whole.
    pub fn full(bytes: impl Into<Bytes>) -> Self {
        Self::Full(Full::new(bytes.into()))
    }

    /// The bytes of a body that is held whole and was not sent yet; nothing of any other.
    pub fn into_held(self) -> Bytes {
        match self {
            Self::Full(full) => full.into_inner().unwrap_or_default(),
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
        Self::full(Bytes::new())
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
            Self::Full(full) => Pin::new(full).poll_frame(cx).map_err(|never| match never {}),
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
            Self::Full(full) => full.is_end_stream(),
            Self::Streaming(streaming) => streaming.first.is_none() && streaming.rest.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Full(full) => full.size_hint(),
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

/// Headers that every answer has: it may hold a conference's password, so no cache keeps it, and what the vendor sends
/// as JSON no browser takes for a page.
pub(super) fn guard_headers(response: &mut Response<GateBody>) {
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
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
