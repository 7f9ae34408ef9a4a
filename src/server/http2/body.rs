use std::cell::RefCell;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use h2::RecvStream;
use http::{HeaderMap, header};
use http_body::SizeHint;
use tokio::time::timeout;

use super::life::SkippedStream;
use crate::server::transport::{LINGER, MOST_SKIPPED};

/// The body of a request that came by HTTP/2. Windows open as it is read.
#[derive(Debug)]
pub struct RequestBody {
    /// None while the body is dropped, and at no other time.
    stream: Option<RecvStream>,
    /// As the head has it; HTTP/2 sees to it that it is true.
    length: Option<u64>,
    data_has_ended: bool,
    rest: Rest,
}

/// Where a body is left by whoever has no more use for it.
#[derive(Clone, Debug, Default)]
pub(super) struct Rest(Rc<RefCell<Option<RecvStream>>>);

impl Rest {
    /// Reads over what is left of the body, once the answer is on its way, if that is short and comes soon, and there
    /// is a `place` for it. Otherwise the stream is reset, which is right (RFC 9113, section 8.1), and which some
    /// callers take for a failure while they still send.
    pub(super) async fn skip(self, place: impl FnOnce() -> Option<SkippedStream>) {
        let Some(mut stream) = self.0.take() else { return };
        let Some(_place) = place() else { return };
        let mut room = MOST_SKIPPED;
        let skipping = async {
            while let Some(Ok(data)) = stream.data().await
                && let Some(left) = room.checked_sub(data.len())
            {
                room = left;
                let _ = stream.flow_control().release_capacity(data.len());
            }
        };
        let _ = timeout(LINGER, skipping).await;
    }
}

impl Drop for RequestBody {
    fn drop(&mut self) {
        let is_short = self.length.is_none_or(|length| length <= MOST_SKIPPED as u64);
        *self.rest.0.borrow_mut() = self.stream.take().filter(|stream| is_short && !stream.is_end_stream());
    }
}

impl RequestBody {
    /// What is left of it in the end goes to `rest`.
    pub(super) fn new(stream: RecvStream, headers: &HeaderMap, rest: &Rest) -> Self {
        let length =
            headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
        Self { stream: Some(stream), length, data_has_ended: false, rest: rest.clone() }
    }

    /// The next data. What comes after it, trailers, has to be right, and means nothing here.
    pub(crate) fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, h2::Error>>> {
        let Some(stream) = &mut self.stream else { return Poll::Ready(None) };
        if !self.data_has_ended {
            if let Some(data) = ready!(stream.poll_data(cx)) {
                let data = data?;
                stream.flow_control().release_capacity(data.len())?;
                return Poll::Ready(Some(Ok(data)));
            }
            self.data_has_ended = true;
        }
        let trailers = ready!(stream.poll_trailers(cx));
        Poll::Ready(trailers.err().map(Err))
    }

    pub(crate) fn is_end_stream(&self) -> bool {
        self.stream.as_ref().is_none_or(RecvStream::is_end_stream)
    }

    pub(crate) fn size_hint(&self) -> SizeHint {
        self.length.map(SizeHint::with_exact).unwrap_or_default()
    }
}
