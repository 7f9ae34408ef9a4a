//! HTTP/1.1 on one connection, until either side ends it.

mod wire;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use pin_project_lite::pin_project;

use self::wire::{Floor, Wire};
use super::body::CallerBody;
use super::connection::{ConnectionConfig, LAST_WORDS, Stack};
use super::current::Current;
use super::phase::{Phase, PhaseView};
use super::transport::{Transport, close};
use super::unread::Unread;
use crate::domain::Code;
use crate::stages::identify::Accepted;
use crate::stages::reply::{BrokenOff, GateBody};
use crate::stages::route::is_framed_plainly;

/// How HTTP/1 is served, set up once for all of a worker's connections.
#[derive(Clone, Debug)]
pub(super) struct Http1 {
    builder: http1::Builder,
    answer_timeout: Duration,
}

impl Http1 {
    /// Within these bounds.
    pub(super) fn new(config: &ConnectionConfig) -> Self {
        let mut builder = http1::Builder::new();
        builder
            .timer(TokioTimer::new())
            .header_read_timeout(config.idle_timeout)
            .max_header_size(config.max_header_bytes)
            .max_buf_size(config.max_header_bytes.max(64 * 1024))
            .max_headers(config.max_headers);
        Self { builder, answer_timeout: config.answer_timeout }
    }
}

/// Serves the caller at `transport` with `stack`, until it leaves, errs or idles, or the gateway closes.
pub(super) async fn serve<S: Stack>(
    http1: &Http1,
    stack: Current<S>,
    (transport, peer): (Transport, SocketAddr),
    unread: Rc<Unread>,
    mut phase: PhaseView,
) {
    let wire = Wire::new(transport, Rc::clone(&unread), http1.answer_timeout);
    let gate = Rc::new(Gate { wire: wire.clone(), phase: phase.clone() });
    let entrance = Entrance { stack, peer, gate };
    let mut connection = http1.builder.serve_connection(TokioIo::new(wire.clone()), entrance);
    let result = tokio::select! {
        biased;
        result = &mut connection => Some(result),
        () = phase.reached(Phase::Closing) => {
            Pin::new(&mut connection).graceful_shutdown();
            // It ends at once where nothing is going on.
            match (&mut connection).now_or_never() {
                Some(_) => None,
                None => Some((&mut connection).await),
            }
        }
    };
    let rest = connection.into_parts().read_buf;
    let (client, refused) = (peer.ip().to_canonical(), wire.refused());
    if let Some((id, code)) = refused {
        unread.record(id, client, code).await;
    }
    let Some(mut transport) = wire.into_transport() else { return };
    match (owed(result.as_ref(), &rest).filter(|_| refused.is_none()), result) {
        (Some(code), _) => unread.refuse(transport, client, code).await,
        (None, Some(_)) => close(transport, &[]).await,
        // Its next request may have been on the way all the while.
        (None, None) if transport.speaks(LAST_WORDS).await => {
            unread.refuse(transport, client, Code::ShuttingDown).await;
        }
        (None, None) => {}
    }
}

/// What the caller has yet to be told: it had begun a head, and hyper gave up on it without an answer. `rest` is what
/// was read and belongs to no request; there is no result where the gateway closed an idle connection.
fn owed(result: Option<&hyper::Result<()>>, rest: &[u8]) -> Option<Code> {
    // Empty lines may stand before a head, and are none of it (RFC 9112, section 2.2).
    if rest.iter().all(|byte| b"\r\n".contains(byte)) {
        return None;
    }
    match result {
        None => Some(Code::ShuttingDown),
        Some(Err(error)) if error.is_timeout() => Some(Code::RequestTimeout),
        // It broke off, or is no HTTP.
        Some(Err(error)) if error.is_incomplete_message() || error.is_parse() => Some(Code::RequestMalformed),
        Some(_) => None,
    }
}

/// Where hyper hands a request to the stack.
struct Entrance<S> {
    stack: Current<S>,
    peer: SocketAddr,
    gate: Rc<Gate>,
}

/// What a request on its way out needs to know about its connection.
struct Gate {
    wire: Wire,
    phase: PhaseView,
}

impl<S: Stack> hyper::service::Service<Request<Incoming>> for Entrance<S> {
    type Response = Response<Answer>;
    type Error = Infallible;
    type Future = EntranceFuture<S::Future>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let floor = self.gate.wire.take_floor();
        // The stack is always ready: what it must wait for, it waits for inside of its future.
        let is_last = !is_framed_plainly(request.headers());
        let request = request.map(CallerBody::Http1);
        let inner = self.stack.take().call(Accepted { peer: self.peer, request });
        EntranceFuture { inner, gate: Rc::clone(&self.gate), floor: Some(floor), is_last }
    }
}

pin_project! {
    /// Asks the caller to close where the gateway is about to.
    struct EntranceFuture<F> {
        #[pin]
        inner: F,
        gate: Rc<Gate>,
        floor: Option<Floor>,
        // Whether a caller and the gateway may not agree on where the next request begins.
        is_last: bool,
    }
}

impl<F> Future for EntranceFuture<F>
where
    F: Future<Output = Result<Response<GateBody>, Infallible>>,
{
    type Output = Result<Response<Answer>, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let mut response = ready!(this.inner.poll(cx))?;
        let is_closing = this.gate.phase.has_reached(Phase::Draining);
        if *this.is_last || is_closing || leaves_a_body_unread(response.status()) {
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        let floor = this.floor.take();
        Poll::Ready(Ok(response.map(|body| Answer { body, _floor: floor })))
    }
}

/// Whether an answer with this status means that part of the request will never be read, and so no further request
/// either.
fn leaves_a_body_unread(status: StatusCode) -> bool {
    matches!(status, StatusCode::REQUEST_TIMEOUT | StatusCode::PAYLOAD_TOO_LARGE)
}

/// The body of an answer, which has the floor until hyper has taken all of it.
struct Answer {
    body: GateBody,
    _floor: Option<Floor>,
}

impl Body for Answer {
    type Data = Bytes;
    type Error = BrokenOff;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
