//! A caller's connection, as hyper reads and writes it.
//!
//! hyper answers a head that it cannot read by itself, with an empty body that no frontend developer can act on; here
//! such an answer is replaced by one of the gateway's. And hyper waits for as long as it takes a caller to read an
//! answer; here that has an end.

use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::domain::{Code, RequestId};
use crate::server::transport::{Patience, Transport};
use crate::server::unread::Unread;

/// One connection. hyper has a handle to it, and so has whoever closes it.
#[derive(Clone, Debug)]
pub(super) struct Wire(Rc<RefCell<State>>);

#[derive(Debug)]
struct State {
    transport: Transport,
    unread: Rc<Unread>,
    speaker: Speaker,
    /// What goes out in place of hyper's own answer, as far as it is not out yet.
    instead: Bytes,
    refused: Option<(RequestId, Code)>,
    /// With which an answer waits for the caller to read it.
    patience: Patience,
}

/// Whose bytes hyper writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Speaker {
    /// hyper's own: no request is being answered, so it can only be about something that is no head.
    Hyper,
    /// A request's, from its head to the end of its answer.
    Request,
    /// The same: the answer is with hyper whole, and out with the next flush.
    RequestUntilFlushed,
}

/// A request has the floor: what is written meanwhile belongs to its answer.
#[derive(Debug)]
pub(super) struct Floor(Wire);

impl Drop for Floor {
    fn drop(&mut self) {
        self.0.0.borrow_mut().speaker = Speaker::RequestUntilFlushed;
    }
}

impl Wire {
    /// An answer is out within `patience` after the caller first did not take all of it at once.
    pub(super) fn new(transport: Transport, unread: Rc<Unread>, patience: Duration) -> Self {
        Self(Rc::new(RefCell::new(State {
            transport,
            unread,
            speaker: Speaker::Hyper,
            instead: Bytes::new(),
            refused: None,
            patience: Patience::new(patience),
        })))
    }

    /// A request was read. Drop what it gets when hyper has taken its answer whole.
    pub(super) fn take_floor(&self) -> Floor {
        self.0.borrow_mut().speaker = Speaker::Request;
        Floor(self.clone())
    }

    /// The answer that was given in place of hyper's.
    pub(super) fn refused(&self) -> Option<(RequestId, Code)> {
        self.0.borrow().refused
    }

    /// Takes the connection out of hyper's hands, once hyper has let go of it. None where the caller is not worth a
    /// goodbye: it would not read it.
    pub(super) fn into_transport(self) -> Option<Transport> {
        let state = Rc::into_inner(self.0)?.into_inner();
        (!state.patience.has_ended()).then_some(state.transport)
    }
}

impl State {
    /// Takes `hypers`, an answer of hyper's own, and has one of the gateway's go out with the next flush.
    fn replace(&mut self, hypers: &[u8]) {
        let too_large = [&b" 431 "[..], b" 414 "].iter().any(|status| hypers.get(8..13) == Some(status));
        let code = if too_large { Code::HeadersTooLarge } else { Code::RequestMalformed };
        let (id, answer) = self.unread.answer(code);
        self.instead = answer;
        self.refused = Some((id, code));
    }

    fn write_instead(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.instead.is_empty() {
            let count = ready!(Pin::new(&mut self.transport).poll_write(cx, &self.instead))?;
            self.instead.advance(count);
        }
        Poll::Ready(Ok(()))
    }

    /// Passes on how a write went, unless the caller has kept it waiting for too long.
    fn unless_stalled<T>(
        &mut self,
        cx: &mut Context<'_>,
        written: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        self.patience.unless_stalled(&self.transport, cx, written)
    }

    /// All that hyper had is out.
    fn flushed(&mut self) {
        self.patience.flushed();
        if self.speaker == Speaker::RequestUntilFlushed {
            self.speaker = Speaker::Hyper;
        }
    }
}

impl AsyncRead for Wire {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0.borrow_mut().transport).poll_read(cx, into)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[io::IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let mut state = self.0.borrow_mut();
        if state.speaker == Speaker::Hyper {
            state.replace(slices.first().map_or(&[], |slice| slice));
            return Poll::Ready(Ok(slices.iter().map(|slice| slice.len()).sum()));
        }
        let written = Pin::new(&mut state.transport).poll_write_vectored(cx, slices);
        state.unless_stalled(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.0.borrow().transport.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut state = self.0.borrow_mut();
        let written = state.write_instead(cx);
        ready!(state.unless_stalled(cx, written))?;
        ready!(Pin::new(&mut state.transport).poll_flush(cx))?;
        state.flushed();
        Poll::Ready(Ok(()))
    }

    /// Only flushes: the connection is closed by [`close`](crate::server::transport::close).
    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_flush(cx)
    }
}
