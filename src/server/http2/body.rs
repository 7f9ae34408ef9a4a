use std::task::{Context, Poll, ready};

use bytes::Bytes;
use h2::RecvStream;
use http::{HeaderMap, header};
use http_body::SizeHint;

/// The body of a request that came by HTTP/2. Windows open as it is read.
#[derive(Debug)]
pub struct RequestBody {
    stream: RecvStream,
    /// As the head has it; HTTP/2 sees to it that it is true.
    length: Option<u64>,
    data_has_ended: bool,
}

impl RequestBody {
    pub(super) fn new(stream: RecvStream, headers: &HeaderMap) -> Self {
        let length =
            headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
        Self { stream, length, data_has_ended: false }
    }

    /// The next data. What comes after it, trailers, has to be right, and means nothing here.
    pub(crate) fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, h2::Error>>> {
        if !self.data_has_ended {
            if let Some(data) = ready!(self.stream.poll_data(cx)) {
                let data = data?;
                self.stream.flow_control().release_capacity(data.len())?;
                return Poll::Ready(Some(Ok(data)));
            }
            self.data_has_ended = true;
        }
        let trailers = ready!(self.stream.poll_trailers(cx));
        Poll::Ready(trailers.err().map(Err))
    }

    pub(crate) fn is_end_stream(&self) -> bool {
        self.stream.is_end_stream()
    }

    pub(crate) fn size_hint(&self) -> SizeHint {
        self.length.map(SizeHint::with_exact).unwrap_or_default()
    }
}
