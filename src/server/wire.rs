//! A caller's connection, as hyper reads and writes it. hyper answers a head that it cannot read by itself, with an
//! empty body that no frontend developer can act on; here such an answer is replaced by one of the gateway's.

use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;

use super::unread::Unread;
use crate::domain::{Code, RequestId};
use crate::stages::identify::X_REQUEST_ID;

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
    /// Bytes came in since the last answer.
    heard: bool,
    /// What goes out in place of hyper's own answer, as far as it is not out yet.
    instead: Bytes,
    refused: Option<(RequestId, Code)>,
}

impl Wire {
    pub(super) fn new(stream: TcpStream, unread: Rc<Unread>) -> Self {
        Self(Rc::new(RefCell::new(State {
            stream,
            unread,
            heard: false,
            instead: Bytes::new(),
            refused: None,
        })))
    }

    /// A request was read, or answered: what comes next is a new one.
    pub(super) fn between_requests(&self) {
        self.0.borrow_mut().heard = false;
    }

    /// The answer that was given in place of hyper's.
    pub(super) fn refused(&self) -> Option<(RequestId, Code)> {
        self.0.borrow().refused
    }

    /// Whether part of a request has come in.
    pub(super) fn has_heard(&self) -> bool {
        self.0.borrow().heard
    }

    /// Takes the connection out of hyper's hands, once hyper has let go of it.
    pub(super) fn into_stream(self) -> Option<TcpStream> {
        Rc::into_inner(self.0).map(|state| state.into_inner().stream)
    }
}

/// Says `last`, and closes so that the caller can hear it.
pub(super) async fn close(mut stream: TcpStream, last: &[u8]) {
    let goodbye = async {
        stream.write_all(last).await?;
        stream.shutdown().await?;
        let mut rest = [0; 4096];
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

impl State {
    /// Recognises an answer of hyper's own: every other one names its request.
    fn is_hypers_own(bytes: &[u8]) -> bool {
        let name = X_REQUEST_ID;
        bytes.starts_with(b"HTTP/1.1 4")
            && !bytes.windows(name.as_str().len()).any(|window| window == name.as_str().as_bytes())
    }

    fn replace(&mut self, bytes: &[u8]) {
        let too_large = bytes.starts_with(b"HTTP/1.1 431") || bytes.starts_with(b"HTTP/1.1 414");
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
}

impl AsyncRead for Wire {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let mut state = self.0.borrow_mut();
        let before = into.remaining();
        let result = ready!(Pin::new(&mut state.stream).poll_read(cx, into));
        state.heard |= into.remaining() < before;
        Poll::Ready(result)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let mut state = self.0.borrow_mut();
        if State::is_hypers_own(bytes) {
            state.replace(bytes);
            return Poll::Ready(Ok(bytes.len()));
        }
        Pin::new(&mut state.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let mut state = self.0.borrow_mut();
        if let Some(first) = slices.first()
            && State::is_hypers_own(first)
        {
            state.replace(first);
            return Poll::Ready(Ok(slices.iter().map(|slice| slice.len()).sum()));
        }
        Pin::new(&mut state.stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.0.borrow().stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut state = self.0.borrow_mut();
        ready!(state.write_instead(cx))?;
        Pin::new(&mut state.stream).poll_flush(cx)
    }

    /// Only flushes: the connection is closed by [`close`].
    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_flush(cx)
    }
}
