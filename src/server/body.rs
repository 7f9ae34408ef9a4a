use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use super::http1::{self, BodyFault};
use super::http2::RequestBody;

/// The body of a caller's request, whatever it came by.
#[derive(Debug)]
pub enum CallerBody {
    /// By HTTP/1.
    Http1(http1::RequestBody),
    /// By HTTP/2.
    Http2(RequestBody),
}

/// Why a caller's body has no end.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// HTTP/1 broke off, or was malformed.
    #[error(transparent)]
    Http1(#[from] BodyFault),
    /// HTTP/2 broke off, or was malformed.
    #[error(transparent)]
    Http2(#[from] h2::Error),
}

impl Body for CallerBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match self.get_mut() {
            Self::Http1(body) => body.poll_data(cx).map(|data| data.map(|data| Ok(Frame::data(data?)))),
            Self::Http2(body) => body.poll_data(cx).map(|data| data.map(|data| Ok(Frame::data(data?)))),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Http1(body) => body.is_end_stream(),
            Self::Http2(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Http1(body) => body.size_hint(),
            Self::Http2(body) => body.size_hint(),
        }
    }
}
