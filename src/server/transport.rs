//! A caller's connection as bytes: with or without TLS, and with what was read ahead of time in front of the rest.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep, timeout};
use tokio_rustls::server::TlsStream;

/// How long a closed connection is listened to, so that the caller gets to read the last answer: bytes that arrive at
/// a closed socket make the kernel throw away what was not read yet (RFC 9112, section 9.6).
pub(super) const LINGER: Duration = Duration::from_secs(1);
/// How much of a body that nobody wants is read over for the sake of what follows, or of its answer.
pub(super) const MOST_SKIPPED: usize = 64 * 1024;
/// How many bytes are listened to.
const LINGER_BYTES: usize = 1024 * 1024;

/// One connection.
#[derive(Debug)]
pub(super) struct Transport {
    socket: Socket,
    /// What was read to find out what is spoken, and is still to be read. Empty but for callers that begin slowly.
    ahead: Vec<u8>,
}

#[derive(Debug)]
enum Socket {
    Clear(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl From<TcpStream> for Transport {
    fn from(stream: TcpStream) -> Self {
        Self { socket: Socket::Clear(stream), ahead: Vec::new() }
    }
}

impl From<TlsStream<TcpStream>> for Transport {
    fn from(stream: TlsStream<TcpStream>) -> Self {
        Self { socket: Socket::Tls(Box::new(stream)), ahead: Vec::new() }
    }
}

impl Transport {
    /// What the handshake has agreed on; None in clear text.
    pub(super) fn agreed_protocol(&self) -> Option<&[u8]> {
        match &self.socket {
            Socket::Clear(_) => None,
            Socket::Tls(stream) => stream.get_ref().1.alpn_protocol(),
        }
    }

    /// Whether it is encrypted.
    pub(super) fn is_tls(&self) -> bool {
        matches!(self.socket, Socket::Tls(_))
    }

    /// Looks at up to `into.len()` of the first bytes without reading them; none are there when the caller has left.
    /// For clear text, of which nothing was read yet.
    pub(super) async fn peek(&self, into: &mut [u8]) -> io::Result<usize> {
        match &self.socket {
            Socket::Clear(stream) => stream.peek(into).await,
            Socket::Tls(_) => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    /// Reads a few bytes more ahead, up to `limit` in all, and gives all that were; no more come when the caller has
    /// left.
    pub(super) async fn read_ahead(&mut self, limit: usize) -> io::Result<&[u8]> {
        let had = self.ahead.len();
        self.ahead.resize(limit.max(had), 0);
        let room = self.ahead.get_mut(had..).unwrap_or_default();
        let read = match &mut self.socket {
            Socket::Clear(stream) => stream.read(room).await,
            Socket::Tls(stream) => stream.read(room).await,
        };
        self.ahead.truncate(had + read.as_ref().map_or(0, |count| *count));
        read.map(|_| self.ahead.as_slice())
    }

    /// Whether the caller says something within `patience`. Leaves it to be read.
    pub(super) async fn speaks(&mut self, patience: Duration) -> bool {
        if !self.ahead.is_empty() {
            return true;
        }
        let first = async {
            match &self.socket {
                // Not `readable()`, which may say so of a socket that has nothing to read.
                Socket::Clear(stream) => stream.peek(&mut [0]).await.is_ok_and(|count| count > 0),
                Socket::Tls(_) => self.read_ahead(1).await.is_ok_and(|ahead| !ahead.is_empty()),
            }
        };
        timeout(patience, first).await.unwrap_or(false)
    }

    /// Has the kernel forget what the caller has not taken, once the connection is dropped.
    pub(super) fn forget_the_rest(&self) {
        let stream = match &self.socket {
            Socket::Clear(stream) => stream,
            Socket::Tls(stream) => stream.get_ref().0,
        };
        let _ = stream.set_zero_linger();
    }
}

/// Writes `last`, and closes so that the caller can read it.
pub(super) async fn close(stream: impl AsyncRead + AsyncWrite + Unpin, last: &[u8]) {
    close_within(LINGER, stream, last).await;
}

/// The same for a caller that is listened to for another while.
pub(super) async fn close_within(
    linger: Duration,
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    last: &[u8],
) {
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
    let _ = timeout(linger, goodbye).await;
}

/// How long a caller keeps what is written to it waiting.
#[derive(Debug)]
pub(super) struct Patience {
    limit: Duration,
    /// Runs while the caller does.
    stalled: Option<Pin<Box<Sleep>>>,
    /// It did for too long.
    ended: bool,
}

impl Patience {
    /// For `limit` at a time.
    pub(super) fn new(limit: Duration) -> Self {
        Self { limit, stalled: None, ended: false }
    }

    /// Passes on how a write to `transport` went, unless the caller has kept it waiting for too long.
    pub(super) fn unless_stalled<T>(
        &mut self,
        transport: &Transport,
        cx: &mut Context<'_>,
        written: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if written.is_ready() {
            return written;
        }
        let limit = self.limit;
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(sleep(limit)));
        if stalled.as_mut().poll(cx).is_pending() {
            return Poll::Pending;
        }
        self.ended = true;
        // Or the kernel would go on offering it what is in its buffer.
        transport.forget_the_rest();
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }

    /// All that was to be written is out.
    pub(super) fn flushed(&mut self) {
        self.stalled = None;
    }

    /// Whether something waits to be written.
    pub(super) fn is_tried(&self) -> bool {
        self.stalled.is_some()
    }

    /// Whether the caller is given up.
    pub(super) fn has_ended(&self) -> bool {
        self.ended
    }
}

impl AsyncRead for Transport {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if !this.ahead.is_empty() {
            let count = this.ahead.len().min(into.remaining());
            into.put_slice(this.ahead.get(..count).unwrap_or_default());
            this.ahead.drain(..count);
            return Poll::Ready(Ok(()));
        }
        match &mut this.socket {
            Socket::Clear(stream) => Pin::new(stream).poll_read(cx, into),
            Socket::Tls(stream) => Pin::new(stream).poll_read(cx, into),
        }
    }
}

impl AsyncWrite for Transport {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match &mut self.get_mut().socket {
            Socket::Clear(stream) => Pin::new(stream).poll_write(cx, bytes),
            Socket::Tls(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match &mut self.get_mut().socket {
            Socket::Clear(stream) => Pin::new(stream).poll_write_vectored(cx, slices),
            Socket::Tls(stream) => Pin::new(stream).poll_write_vectored(cx, slices),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match &self.socket {
            Socket::Clear(stream) => stream.is_write_vectored(),
            Socket::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().socket {
            Socket::Clear(stream) => Pin::new(stream).poll_flush(cx),
            Socket::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().socket {
            Socket::Clear(stream) => Pin::new(stream).poll_shutdown(cx),
            Socket::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
