//! Serves one connection: HTTP/1.1 until either side ends it.

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
use tokio::net::TcpStream;
use tower::Service;

use super::current::Current;
use super::phase::{Phase, PhaseView};
use super::unread::Unread;
use super::wire::{Floor, Wire, close, speaks};
use crate::domain::Code;
use crate::stages::identify::Accepted;
use crate::stages::reply::{BrokenOff, GateBody};

/// How long an idle connection is listened to once more before the gateway closes it.
const LAST_WORDS: Duration = Duration::from_millis(100);

/// Bounds of a connection.
#[derive(Clone, Copy, Debug)]
pub struct ConnectionConfig {
    /// How long a head may take to arrive; the same time ends a connection on which nothing happens.
    pub idle_timeout: Duration,
    /// How long an answer may wait for the caller to read it.
    pub answer_timeout: Duration,
    /// The longest head, in bytes.
    pub max_header_bytes: usize,
    /// The most header fields.
    pub max_headers: usize,
}

/// How connections are served, set up once for all of a worker's.
#[derive(Clone, Debug)]
pub(super) struct Protocol {
    http1: http1::Builder,
    answer_timeout: Duration,
}

impl Protocol {
    /// Within these bounds.
    pub(super) fn new(config: &ConnectionConfig) -> Self {
        let mut http1 = http1::Builder::new();
        http1
            .timer(TokioTimer::new())
            .header_read_timeout(config.idle_timeout)
            .max_header_size(config.max_header_bytes)
            .max_buf_size(config.max_header_bytes.max(64 * 1024))
            .max_headers(config.max_headers);
        Self { http1, answer_timeout: config.answer_timeout }
    }
}

/// Serves `stream` with `stack`, until the caller leaves, errs or idles, or the gateway closes.
pub(super) async fn serve<S>(
    protocol: &Protocol,
    stack: Current<S>,
    (stream, peer): (TcpStream, SocketAddr),
    unread: Rc<Unread>,
    mut phase: PhaseView,
) where
    S: Service<Accepted<Incoming>, Response = Response<GateBody>, Error = Infallible> + Clone + 'static,
{
    let wire = Wire::new(stream, Rc::clone(&unread), protocol.answer_timeout);
    let gate = Rc::new(Gate { wire: wire.clone(), phase: phase.clone() });
    let entrance = Entrance { stack, peer, gate };
    let mut connection = protocol.http1.serve_connection(TokioIo::new(wire.clone()), entrance);
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
    let Some(stream) = wire.into_stream() else { return };
    match (owed(result.as_ref(), &rest).filter(|_| refused.is_none()), result) {
        (Some(code), _) => unread.refuse(stream, client, code).await,
        (None, Some(_)) => close(stream, &[]).await,
        // Its next request may have been on the way all the while.
        (None, None) if speaks(&stream, LAST_WORDS).await => {
            unread.refuse(stream, client, Code::ShuttingDown).await;
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
        // It broke off, or is the beginning of HTTP/2.
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

impl<S> hyper::service::Service<Request<Incoming>> for Entrance<S>
where
    S: Service<Accepted<Incoming>, Response = Response<GateBody>, Error = Infallible> + Clone,
{
    type Response = Response<Answer>;
    type Error = Infallible;
    type Future = EntranceFuture<S::Future>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let floor = self.gate.wire.take_floor();
        // The stack is always ready: what it must wait for, it waits for inside of its future.
        let inner = self.stack.take().call(Accepted { peer: self.peer, request });
        EntranceFuture { inner, gate: Rc::clone(&self.gate), floor: Some(floor) }
    }
}

pin_project! {
    /// Asks the caller to close where the gateway is about to.
    struct EntranceFuture<F> {
        #[pin]
        inner: F,
        gate: Rc<Gate>,
        floor: Option<Floor>,
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
        if this.gate.phase.has_reached(Phase::Draining) || leaves_a_body_unread(response.status()) {
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
