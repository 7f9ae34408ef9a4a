//! One connection as bytes: a request out, the head of its answer in.

use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker, ready};

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWrite};
use tokio::task::coop::unconstrained;

use super::head::{Head, Parsed, parse};
use super::{SendFault, WireFault};
use crate::http1::end_of_head;
use crate::upstream::{MAX_HEAD_BYTES, Stream};

/// How many bytes there is room for with each read.
const READ: usize = 4 * 1024;

const TOO_LONG: WireFault = WireFault::Malformed("the answer's head is too long");

/// The socket, and what came and belongs to nothing yet.
pub(super) struct Wire {
    stream: Stream,
    pub(super) inbox: BytesMut,
}

/// Why there is no answer.
pub(super) enum NoAnswer {
    /// No byte of the request left.
    Unsent(io::Error),
    /// Some may have.
    Sent(SendFault),
}

impl<T: Into<SendFault>> From<T> for NoAnswer {
    fn from(fault: T) -> Self {
        Self::Sent(fault.into())
    }
}

/// A request that goes out, while its answer may be on the way already: a server need not read all of it.
struct Outgoing<'a> {
    rest: &'a [u8],
    failed: Option<io::Error>,
}

impl Wire {
    pub(super) fn new(stream: Stream) -> Self {
        Self { stream, inbox: BytesMut::new() }
    }

    /// Resolves when the server has closed, or has said something: what it says unasked is no answer.
    pub(super) fn poll_disturbed(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.inbox.is_empty() { self.stream.poll_disturbed(cx) } else { Poll::Ready(()) }
    }

    /// Whether it has not.
    pub(super) fn is_quiet(&mut self) -> bool {
        // However much this task has done already: what is known of the connection counts.
        let disturbed = unconstrained(poll_fn(|cx| self.poll_disturbed(cx)));
        pin!(disturbed).poll(&mut Context::from_waker(Waker::noop())).is_pending()
    }

    /// Reads more into the inbox; 0 is the end.
    pub(super) fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        self.inbox.reserve(READ);
        pin!(self.stream.read_buf(&mut self.inbox)).poll(cx)
    }

    /// Writes `request`, and reads until the head of its answer is there. What follows it stays in the inbox. The head
    /// says whether all of the request was written.
    pub(super) async fn exchange(&mut self, request: &[u8]) -> Result<Head, NoAnswer> {
        let mut outgoing = Outgoing { rest: request, failed: None };
        let mut looked_at = 0;
        loop {
            self.more(&mut outgoing, request.len()).await?;
            while ends_in(&self.inbox, looked_at) {
                match parse(&self.inbox)? {
                    Parsed::Partial => break,
                    Parsed::Interim(length) => {
                        self.inbox.advance(length);
                        looked_at = 0;
                    }
                    Parsed::Final(_, length) if length > MAX_HEAD_BYTES => return Err(TOO_LONG.into()),
                    Parsed::Final(mut head, length) => {
                        self.inbox.advance(length);
                        head.keeps &= outgoing.rest.is_empty();
                        return Ok(head);
                    }
                }
            }
            looked_at = self.inbox.len();
            if looked_at > MAX_HEAD_BYTES {
                return Err(TOO_LONG.into());
            }
        }
    }

    /// Writes as much as goes, until something was read.
    async fn more(&mut self, outgoing: &mut Outgoing<'_>, whole: usize) -> Result<(), NoAnswer> {
        poll_fn(|cx| {
            self.poll_write(outgoing, cx);
            if outgoing.rest.len() == whole && matches!(self.stream, Stream::Plain(_)) {
                // TLS may have sent a part of what it did not take.
                if let Some(error) = outgoing.failed.take() {
                    return Poll::Ready(Err(NoAnswer::Unsent(error)));
                }
            }
            let failed = |error| Poll::Ready(Err(WireFault::Io(error).into()));
            match (ready!(self.poll_read(cx)), outgoing.failed.take()) {
                (Ok(0), None) => Poll::Ready(Err(WireFault::Closed.into())),
                (Ok(0), Some(error)) | (Err(error), _) => failed(error),
                (Ok(_), failed) => {
                    // What it has answered may still be read.
                    outgoing.failed = failed;
                    Poll::Ready(Ok(()))
                }
            }
        })
        .await
    }

    fn poll_write(&mut self, outgoing: &mut Outgoing<'_>, cx: &mut Context<'_>) {
        while outgoing.failed.is_none() && !outgoing.rest.is_empty() {
            match Pin::new(&mut self.stream).poll_write(cx, outgoing.rest) {
                Poll::Ready(Ok(0)) => outgoing.failed = Some(io::ErrorKind::WriteZero.into()),
                Poll::Ready(Ok(count)) => outgoing.rest = outgoing.rest.get(count..).unwrap_or_default(),
                Poll::Ready(Err(error)) => outgoing.failed = Some(error),
                Poll::Pending => return,
            }
        }
        if let Poll::Ready(Err(error)) = Pin::new(&mut self.stream).poll_flush(cx) {
            outgoing.failed.get_or_insert(error);
        }
    }

    /// Breaks it, as a server does that is gone.
    #[cfg(test)]
    pub(super) fn shut_down(&self) {
        if let Stream::Plain(stream) = &self.stream {
            rustix::net::shutdown(stream, rustix::net::Shutdown::Write).unwrap();
        }
    }
}

/// Whether it is worth parsing: the first bytes always, as they may be no HTTP, and then only where an end came with
/// the last ones. Otherwise a server could have the same bytes parsed for each one that it sends.
fn ends_in(bytes: &[u8], looked_at: usize) -> bool {
    !bytes.is_empty() && (looked_at == 0 || end_of_head(bytes, looked_at).is_some())
}
