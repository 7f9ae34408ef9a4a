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
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep};

use super::unread::Unread;
use crate::domain::{Code, RequestId};

/// How long a closed connection is listened to, so that the caller gets to read the last answer: bytes that arrive at
/// a closed socket make the kernel throw away what was not read yet (RFC 9112, section 9.6).
const LINGER: Duration = Duration::from_secs(1);
/// How many bytes are listened to.
const LINGER_BYTES: usize = 1024 * 1024;

/// One connection. hyper has a handle to it, and so has whoever closes it.
#[derive(Clone, Debug)]
pub(super) struct Wire(Rc<RefCell<State>>);

#[derive(Debug)]
struct State {
    stream: TcpStream,
    unread: Rc<Unread>,
    speaker: Speaker,
    /// What goes out in place of hyper's own answer, as far as it is not out yet.
    instead: Bytes,
    refused: Option<(RequestId, Code)>,
    /// How long the caller may keep an answer waiting.
    patience: Duration,
    /// Runs while the caller does.
    stalled: Option<Pin<Box<Sleep>>>,
    /// It did for too long.
    given_up: bool,
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
    pub(super) fn new(stream: TcpStream, unread: Rc<Unread>, patience: Duration) -> Self {
        Self(Rc::new(RefCell::new(State {
            stream,
            unread,
            speaker: Speaker::Hyper,
            instead: Bytes::new(),
            refused: None,
            patience,
            stalled: None,
            given_up: false,
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
    pub(super) fn into_stream(self) -> Option<TcpStream> {
        let state = Rc::into_inner(self.0)?.into_inner();
        (!state.given_up).then_some(state.stream)
    }
}

/// Writes `last`, and closes so that the caller can read it.
pub(super) async fn close(mut stream: TcpStream, last: &[u8]) {
    let goodbye = async {
        stream.write_all(last).await?;
        stream.shutdown().await?;
        // On the heap, for the short time that it takes: within the future it would be part of every connection.
        let mut rest = vec![0; 4096];
        let mut heard = 0;
        while heard < LINGER_BYTES {
            match stream.read(&mut rest).await? {
                0 => break,
                count => heard += count,
            }
        }
        io::Result::Ok(())
    };
    // A caller that is gone, or does not close its end, is none to wait for.
    let _ = tokio::time::timeout(LINGER, goodbye).await;
}

/// Whether the caller says something within `patience`. Leaves it to be read.
pub(super) async fn speaks(stream: &TcpStream, patience: Duration) -> bool {
    // Not `readable()`, which may say so of a socket that has nothing to read.
    matches!(tokio::time::timeout(patience, stream.peek(&mut [0])).await, Ok(Ok(1)))
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
            let count = ready!(Pin::new(&mut self.stream).poll_write(cx, &self.instead))?;
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
        if written.is_ready() {
            return written;
        }
        let patience = self.patience;
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(sleep(patience)));
        ready!(stalled.as_mut().poll(cx));
        self.given_up = true;
        // Or the kernel would go on offering it what is in its buffer.
        let _ = self.stream.set_zero_linger();
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }

    /// All that hyper had is out.
    fn flushed(&mut self) {
        self.stalled = None;
        if self.speaker == Speaker::RequestUntilFlushed {
            self.speaker = Speaker::Hyper;
        }
    }
}

impl AsyncRead for Wire {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0.borrow_mut().stream).poll_read(cx, into)
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
        let written = Pin::new(&mut state.stream).poll_write_vectored(cx, slices);
        state.unless_stalled(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.0.borrow().stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut state = self.0.borrow_mut();
        let written = state.write_instead(cx);
        ready!(state.unless_stalled(cx, written))?;
        ready!(Pin::new(&mut state.stream).poll_flush(cx))?;
        state.flushed();
        Poll::Ready(Ok(()))
    }

    /// Only flushes: the connection is closed by [`close`].
    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_flush(cx)
    }
}
