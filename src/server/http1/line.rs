//! A connection with what came on it and belongs to nothing yet. The session has a hold of it, and so has the body of
//! the request that is being answered.

use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::READ;
use super::head::{RequestHead, take_head};
use crate::domain::Code;
use crate::http1::{Framing, Piece};
use crate::server::connection::HeadBounds;
use crate::server::transport::{MOST_SKIPPED, Transport};

const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// One connection.
pub(super) struct Line {
    pub(super) transport: Transport,
    pub(super) inbox: BytesMut,
    /// How much of a head that has begun was looked at.
    looked_at: usize,
    reading: Rc<RefCell<Box<[u8]>>>,
    /// What is left of the current request's body.
    pub(super) framing: Framing,
    /// Counts requests: which one the body belongs to.
    pub(super) number: u64,
    /// What is left to be said before the body comes; nothing is left once the word is out.
    invitation: Option<&'static [u8]>,
}

/// Why there is no request.
pub(super) enum NoHead {
    /// What came is none.
    Refused(Code),
    /// Nothing more comes.
    Closed,
    /// The connection broke.
    Lost,
}

impl Line {
    pub(super) fn new(transport: Transport, reading: Rc<RefCell<Box<[u8]>>>) -> Self {
        let (inbox, framing) = (BytesMut::new(), Framing::Length(0));
        Self { transport, inbox, looked_at: 0, reading, framing, number: 0, invitation: None }
    }

    /// A request has come, with a body of this framing. `is_invited`: the caller waits for a word before it sends it.
    pub(super) fn begin(&mut self, framing: Framing, is_invited: bool) {
        self.number += 1;
        self.framing = framing;
        self.invitation = is_invited.then_some(CONTINUE);
    }

    /// The next head, from what has come or is read now.
    pub(super) fn poll_head(
        &mut self,
        cx: &mut Context<'_>,
        bounds: HeadBounds,
    ) -> Poll<Result<RequestHead, NoHead>> {
        let Self { transport, inbox, looked_at, reading, .. } = self;
        if let Some(head) = take_from(inbox, looked_at, bounds)? {
            return Poll::Ready(Ok(head));
        }
        let mut reading = reading.borrow_mut();
        loop {
            let mut read = ReadBuf::new(&mut reading);
            ready!(Pin::new(&mut *transport).poll_read(cx, &mut read)).map_err(|_| NoHead::Lost)?;
            let new = read.filled();
            if new.is_empty() {
                return Poll::Ready(Err(NoHead::Closed));
            }
            let head = if inbox.is_empty() {
                // Nearly every head comes whole, and is read where it came to.
                let (done, head) = take_head(new, looked_at, bounds)?;
                inbox.extend_from_slice(new.get(done..).unwrap_or_default());
                head
            } else {
                inbox.extend_from_slice(new);
                take_from(inbox, looked_at, bounds)?
            };
            if let Some(head) = head {
                return Poll::Ready(Ok(head));
            }
        }
    }

    /// Reads what there is; 0 is the end.
    pub(super) fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let mut reading = self.reading.borrow_mut();
        let mut read = ReadBuf::new(&mut reading);
        ready!(Pin::new(&mut self.transport).poll_read(cx, &mut read))?;
        self.inbox.extend_from_slice(read.filled());
        Poll::Ready(Ok(read.filled().len()))
    }

    /// Resolves when the caller has left, or the connection broke. Reads ahead for that, within bounds, but not past a
    /// request that has come already: whoever sends several may end its side of the connection after the last.
    pub(super) fn poll_left(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            let has_next = self.framing.is_done() && !self.inbox.is_empty();
            if has_next || self.inbox.len() >= READ {
                return Poll::Pending;
            }
            match ready!(self.poll_fill(cx)) {
                Ok(0) | Err(_) => return Poll::Ready(()),
                Ok(_) => {}
            }
        }
    }

    /// Asks for the body, where the caller waits for that.
    pub(super) fn poll_invite(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some(rest) = self.invitation {
            if rest.is_empty() {
                ready!(Pin::new(&mut self.transport).poll_flush(cx))?;
                self.invitation = None;
                break;
            }
            let count = ready!(Pin::new(&mut self.transport).poll_write(cx, rest))?;
            self.invitation = rest.get(count..);
        }
        Poll::Ready(Ok(()))
    }

    /// Whether the caller was asked in part only: what follows would be taken for the rest of it.
    pub(super) fn has_begun_to_invite(&self) -> bool {
        self.invitation.is_some_and(|rest| rest.len() < CONTINUE.len())
    }

    /// Skips what is left of the body and has come already. Says whether that was all of it.
    pub(super) fn skip(&mut self, cx: &mut Context<'_>) -> bool {
        let mut skipped = 0;
        while skipped <= MOST_SKIPPED {
            match self.framing.next(&mut self.inbox) {
                Ok(Piece::End) => return true,
                Ok(Piece::Data(data)) => skipped += data.len(),
                // Whoever still waits for a word may send the body or not.
                Ok(Piece::Missing) if self.invitation.is_none() => match self.poll_fill(cx) {
                    Poll::Ready(Ok(1..)) => {}
                    _ => return false,
                },
                Ok(Piece::Missing) | Err(_) => return false,
            }
        }
        false
    }
}

fn take_from(
    inbox: &mut BytesMut,
    looked_at: &mut usize,
    bounds: HeadBounds,
) -> Result<Option<RequestHead>, NoHead> {
    let mut head = None;
    if !inbox.is_empty() {
        let done;
        (done, head) = take_head(inbox, looked_at, bounds)?;
        inbox.advance(done);
    }
    if inbox.is_empty() {
        // A connection that waits for its next request needs no memory for it, nor what a body has left.
        *inbox = BytesMut::new();
    }
    Ok(head)
}

impl From<Code> for NoHead {
    fn from(code: Code) -> Self {
        Self::Refused(code)
    }
}
