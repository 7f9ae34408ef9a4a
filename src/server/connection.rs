//! Serves one connection: HTTP/1.1 until either side ends it.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use http::{HeaderValue, Request, Response, header};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use pin_project_lite::pin_project;
use tokio::net::TcpStream;
use tower::Service;

use super::phase::{Phase, PhaseView};
use super::unread::Unread;
use super::wire::{Wire, close};
use crate::domain::Code;
use crate::stages::identify::Accepted;
use crate::stages::reply::GateBody;

/// Bounds of a connection.
#[derive(Clone, Copy, Debug)]
pub struct ConnectionConfig {
    /// How long a head may take to arrive; the same time ends a connection on which nothing happens.
    pub idle_timeout: Duration,
    /// The longest head, in bytes.
    pub max_header_bytes: usize,
    /// The most header fields.
    pub max_headers: usize,
}

impl ConnectionConfig {
    /// hyper, set up by these bounds.
    pub(super) fn http1(&self) -> http1::Builder {
        let mut builder = http1::Builder::new();
        builder
            .timer(TokioTimer::new())
            .header_read_timeout(self.idle_timeout)
            .max_header_size(self.max_header_bytes)
            .max_buf_size(self.max_header_bytes.max(64 * 1024))
            .max_headers(self.max_headers);
        builder
    }
}

/// Serves `stream` with `stack`, until the caller leaves, errs or idles, or the gateway closes.
pub(super) async fn serve<S>(
    http1: &http1::Builder,
    stack: S,
    (stream, peer): (TcpStream, SocketAddr),
    unread: Rc<Unread>,
    mut phase: PhaseView,
) where
    S: Service<Accepted<Incoming>, Response = Response<GateBody>, Error = Infallible> + Clone + 'static,
{
    let wire = Wire::new(stream, Rc::clone(&unread));
    let gate = Rc::new(Gate { wire: wire.clone(), phase: phase.clone() });
    let entrance = Entrance { stack, peer, gate };
    let result = {
        let mut connection = pin!(http1.serve_connection(TokioIo::new(wire.clone()), entrance));
        tokio::select! {
            biased;
            result = connection.as_mut() => result,
            () = phase.reached(Phase::Closing) => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        }
    };
    let mut last = bytes::Bytes::new();
    let mut refused = wire.refused();
    if result.is_err_and(|error| error.is_timeout()) && wire.has_heard() {
        let (id, answer) = unread.answer(Code::RequestTimeout);
        refused = Some((id, Code::RequestTimeout));
        last = answer;
    }
    if let Some((id, code)) = refused {
        unread.record(id, peer.ip().to_canonical(), code).await;
    }
    if let Some(stream) = wire.into_stream() {
        close(stream, &last).await;
    }
}

/// Where hyper hands a request to the stack.
struct Entrance<S> {
    stack: S,
    peer: SocketAddr,
    gate: Rc<Gate>,
}

/// What a request on its way out needs to know about its connection.
struct Gate {
    wire: Wire,
    phase: PhaseView,
}

impl<S> hyper::service::Service<Request<Incoming>> for Entrance<S>
where
    S: Service<Accepted<Incoming>, Response = Response<GateBody>, Error = Infallible> + Clone,
{
    type Response = Response<GateBody>;
    type Error = Infallible;
    type Future = EntranceFuture<S::Future>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        self.gate.wire.between_requests();
        // The stack is always ready: what it must wait for, it waits for inside of its future.
        let inner = self.stack.clone().call(Accepted { peer: self.peer, request });
        EntranceFuture { inner, gate: Rc::clone(&self.gate) }
    }
}

pin_project! {
    /// Asks the caller to close where the gateway is about to.
    struct EntranceFuture<F> {
        #[pin]
        inner: F,
        gate: Rc<Gate>,
    }
}

impl<F> Future for EntranceFuture<F>
where
    F: Future<Output = Result<Response<GateBody>, Infallible>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let mut response = ready!(this.inner.poll(cx))?;
        this.gate.wire.between_requests();
        if this.gate.phase.has_reached(Phase::Draining) {
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        Poll::Ready(Ok(response))
    }
}
