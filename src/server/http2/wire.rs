//! A caller's connection, as the implementation of HTTP/2 reads and writes it: metered, and given up when the caller
//! reads nothing.

use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::meter::Meter;
use crate::server::transport::{Patience, Transport};

/// One connection. The implementation of HTTP/2 has a handle to it, and so has whoever closes it.
#[derive(Clone, Debug)]
pub(super) struct Wire(Rc<RefCell<State>>);

#[derive(Debug)]
struct State {
    transport: Transport,
    patience: Patience,
    meter: Meter,
}

impl Wire {
    /// What is written waits for `patience` at a time.
    pub(super) fn new(transport: Transport, patience: Duration) -> Self {
        let patience = Patience::new(patience);
        Self(Rc::new(RefCell::new(State { transport, patience, meter: Meter::new() })))
    }

    /// Reads off the meter.
    pub(super) fn metered<T>(&self, read: impl FnOnce(&Meter) -> T) -> T {
        read(&self.0.borrow().meter)
    }

    /// Whether something waits for the caller to read it.
    pub(super) fn is_waiting(&self) -> bool {
        self.0.borrow().patience.is_tried()
    }

    /// Takes the connection back, once nobody else has a handle. None where the caller is not worth a goodbye: it
    /// would not read it.
    pub(super) fn into_transport(self) -> Option<Transport> {
        let state = Rc::into_inner(self.0)?.into_inner();
        (!state.patience.has_ended()).then_some(state.transport)
    }
}

impl State {
    fn written(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        let count = ready!(self.patience.unless_stalled(&self.transport, cx, written))?;
        self.meter.wrote(count);
        Poll::Ready(Ok(count))
    }
}

impl AsyncRead for Wire {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let state = &mut *self.0.borrow_mut();
        if state.meter.flood().is_some() {
            // Enough was read. Whoever polls looks at the meter next.
            return Poll::Pending;
        }
        let before = into.filled().len();
        ready!(Pin::new(&mut state.transport).poll_read(cx, into))?;
        state.meter.read(into.filled().get(before..).unwrap_or_default());
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let state = &mut *self.0.borrow_mut();
        let written = Pin::new(&mut state.transport).poll_write(cx, bytes);
        state.written(cx, written)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let state = &mut *self.0.borrow_mut();
        let written = Pin::new(&mut state.transport).poll_write_vectored(cx, slices);
        state.written(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.0.borrow().transport.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let state = &mut *self.0.borrow_mut();
        let flushed = Pin::new(&mut state.transport).poll_flush(cx);
        ready!(state.patience.unless_stalled(&state.transport, cx, flushed))?;
        state.patience.flushed();
        Poll::Ready(Ok(()))
    }

    /// Only flushes: the connection is closed by [`close`](crate::server::transport::close).
    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_flush(cx)
    }
}
