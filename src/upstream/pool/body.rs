use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::StatusCode;
use http_body::{Body, Frame, SizeHint};

use super::WireFault;
use super::connection::Lease;
use crate::http1::{Fields, Framing, Piece};

/// What the server answered.
#[derive(Debug)]
pub struct PooledAnswer {
    /// How it went.
    pub status: StatusCode,
    /// Those of its fields that are [`KEPT`](super::KEPT), the first of each name.
    pub fields: Fields,
    /// What follows the head.
    pub body: PooledBody,
}

/// The body of an answer. Read to its end, it gives its connection back; dropped before, it closes it, as what
/// is left of the answer would be in the way of the next. Trailers are dropped.
pub struct PooledBody {
    framing: Framing,
    lease: Option<Lease>,
}

impl fmt::Debug for PooledBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PooledBody").finish_non_exhaustive()
    }
}

impl PooledBody {
    pub(super) fn new(framing: Framing, lease: Lease) -> Self {
        let mut this = Self { framing, lease: Some(lease) };
        this.release_if_done();
        this
    }

    /// Readers stop when the announced length is there, without asking for the end.
    fn release_if_done(&mut self) {
        if self.framing.is_done()
            && let Some(lease) = self.lease.take()
        {
            lease.release();
        }
    }

    /// All of it, if it has come already and is at most `limit` bytes long.
    pub fn take_whole(&mut self, limit: usize) -> Option<Bytes> {
        let Some(lease) = &mut self.lease else { return Some(Bytes::new()) };
        let inbox = &mut lease.connection.wire.inbox;
        let left = usize::try_from(self.framing.left()?).ok()?;
        if left > limit || left > inbox.len() {
            return None;
        }
        let Ok(Piece::Data(whole)) = self.framing.next(inbox) else { return None };
        self.release_if_done();
        Some(whole)
    }

    /// The next piece; none at the end.
    fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, WireFault>> {
        while let Some(lease) = &mut self.lease {
            let wire = &mut lease.connection.wire;
            match self.framing.next(&mut wire.inbox)? {
                Piece::Data(data) => {
                    self.release_if_done();
                    return Poll::Ready(Ok(Some(data)));
                }
                Piece::End => self.release_if_done(),
                Piece::Missing => match ready!(wire.poll_read(cx)).map_err(WireFault::Io)? {
                    0 if self.framing == Framing::UntilClosed => self.lease = None,
                    0 => return Poll::Ready(Err(WireFault::Closed)),
                    _ => {}
                },
            }
        }
        Poll::Ready(Ok(None))
    }
}

impl Body for PooledBody {
    type Data = Bytes;
    type Error = WireFault;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, WireFault>>> {
        let data = ready!(self.poll_data(cx));
        if data.is_err() {
            self.lease = None;
        }
        Poll::Ready(data.map(|data| data.map(Frame::data)).transpose())
    }

    fn is_end_stream(&self) -> bool {
        self.lease.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        self.framing.left().map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}
