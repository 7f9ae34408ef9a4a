//! Serves one connection: a handshake where TLS is configured, then whichever HTTP the caller speaks.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use tokio::net::TcpStream;
use tower::Service;

use super::body::CallerBody;
use super::counts::Misbehaviour;
use super::current::Current;
use super::http1::{self, Http1};
use super::http2::{self, Http2, Http2Config};
use super::phase::{Phase, PhaseView};
use super::protocol::{Protocol, Unclear, spoken};
use super::tls::Certificates;
use super::transport::{Transport, close};
use super::turn_away::turn_away;
use super::unread::Unread;
use crate::domain::Code;
use crate::stages::identify::Accepted;
use crate::stages::reply::Reply;

/// How long an idle connection is listened to once more before the gateway closes it.
pub(super) const LAST_WORDS: Duration = Duration::from_millis(100);

/// Bounds of a connection.
#[derive(Clone, Debug)]
pub struct ConnectionConfig {
    /// How long a head may take to arrive; the same time ends a connection on which nothing happens.
    pub idle_timeout: Duration,
    /// How long an answer may wait for the caller to read it.
    pub answer_timeout: Duration,
    /// The longest head, in bytes.
    pub max_header_bytes: usize,
    /// The most header fields.
    pub max_headers: usize,
    /// Requests at once over all of one worker's connections of HTTP/2; one more is answered with 503.
    pub max_streams: usize,
    /// HTTP/2, unless HTTP/1 alone is spoken.
    pub http2: Option<Http2Config>,
    /// What connections of all workers share.
    pub front: Front,
}

/// The bounds of a request's head.
#[derive(Clone, Copy, Debug)]
pub struct HeadBounds {
    /// How long it may be, in bytes, as its protocol counts them: by HTTP/1 with the empty line at its end.
    pub bytes: usize,
    /// How many fields it may have, 256 at most, without HTTP/2's pseudo-header fields.
    pub fields: usize,
}

impl ConnectionConfig {
    pub(super) fn head_bounds(&self) -> HeadBounds {
        HeadBounds { bytes: self.max_header_bytes, fields: self.max_headers }
    }
}

/// What connections of all workers share, for as long as the gateway lives. Clones share it too.
#[derive(Clone, Debug, Default)]
pub struct Front {
    /// What handshakes go by; None is clear text.
    pub tls: Option<Certificates>,
    /// Where callers that misbehave are counted.
    pub misbehaviour: Misbehaviour,
}

/// A worker's stack: what answers requests. It is always ready: what it must wait for, it waits for inside of its
/// future.
pub trait Stack:
    Service<Accepted<CallerBody>, Response = Reply, Error = Infallible> + Clone + 'static
{
}

impl<S> Stack for S where
    S: Service<Accepted<CallerBody>, Response = Reply, Error = Infallible> + Clone + 'static
{
}

/// How connections are served, set up once for all of a worker's.
#[derive(Debug)]
pub(super) struct Protocols {
    idle_timeout: Duration,
    front: Front,
    http1: Http1,
    http2: Option<Http2>,
}

impl Protocols {
    /// Within these bounds.
    pub(super) fn new(config: &ConnectionConfig) -> Self {
        Self {
            idle_timeout: config.idle_timeout,
            front: config.front.clone(),
            http1: Http1::new(config),
            http2: config.http2.map(|http2| Http2::new(config, http2)),
        }
    }
}

impl Front {
    /// What carries the bytes of HTTP; None where the handshake failed.
    pub(super) async fn transport(&self, stream: TcpStream) -> Option<Transport> {
        let Some(certificates) = &self.tls else { return Some(stream.into()) };
        // Boxed, so that a connection has its room for as long as the handshake takes.
        match Box::pin(certificates.shake_hands(stream)).await {
            Ok(stream) => Some(stream.into()),
            Err(error) => {
                self.misbehaviour.note_handshake(&error);
                None
            }
        }
    }
}

/// Serves the caller at `stream` with `stack`, until it leaves, errs or idles, or the gateway closes.
pub(super) async fn serve<S: Stack>(
    protocols: &Protocols,
    stack: Current<S>,
    (stream, peer): (TcpStream, SocketAddr),
    unread: Rc<Unread>,
    mut phase: PhaseView,
) {
    // Nobody has asked for anything yet, so there is nothing to wait for when the gateway closes.
    let shaken = tokio::select! {
        biased;
        transport = protocols.front.transport(stream) => transport,
        () = phase.reached(Phase::Closing) => None,
    };
    let Some(mut transport) = shaken else { return };
    let Some(http2) = &protocols.http2 else {
        return http1::serve(&protocols.http1, stack, (transport, peer), unread, phase).await;
    };
    let client = peer.ip().to_canonical();
    let spoken = tokio::select! {
        biased;
        spoken = spoken(&mut transport, protocols.idle_timeout) => spoken,
        () = phase.reached(Phase::Closing) => {
            // Its first request may have been on the way all the while.
            return Box::pin(turn_away(transport, client, (&unread, Code::ShuttingDown), LAST_WORDS)).await;
        }
    };
    match spoken {
        Ok(Protocol::Http1) => {
            http1::serve(&protocols.http1, stack, (transport, peer), unread, phase).await;
        }
        // Boxed, so that the many connections that never speak it do not have its room set aside.
        Ok(Protocol::Http2) => Box::pin(http2::serve(http2, stack, (transport, peer), unread, phase)).await,
        Err(Unclear::Begun) => Box::pin(unread.refuse(transport, client, Code::RequestTimeout)).await,
        Err(Unclear::Silent) => close(transport, &[]).await,
    }
}
