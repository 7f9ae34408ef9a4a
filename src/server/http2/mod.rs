//! HTTP/2 on one connection, until either side ends it: a task for the connection, and one for each stream.
//!
//! The framing, header compression, flow control and most of the rules of RFC 9113 are the `h2` crate's. Its limits,
//! set here, end a connection by GOAWAY for heads without end (CONTINUATION), for streams that are reset before they
//! were accepted, for streams that broke a rule, and for DATA in crumbs. `meter` adds those on frames that ask for
//! nothing, `stream` the end of answers that nobody takes, `body` those on what is read over after an answer, and
//! `session` the ends of connections that idle or that the gateway wants to close.

mod body;
mod head;
mod life;
mod meter;
mod records;
mod session;
mod stream;
mod wire;

use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use tokio::time::timeout;

pub use self::body::RequestBody;
use self::records::Records;
use self::session::Session;
use self::wire::Wire;
use super::connection::{ConnectionConfig, HeadBounds, LAST_WORDS, Stack};
use super::current::Current;
use super::phase::{Phase, PhaseView};
use super::transport::{LINGER, Transport, close_within};
use super::unread::Unread;
use crate::domain::Code;

/// Streams at once that the caller has taken back before they were accepted.
const MAX_PENDING_RESETS: usize = 100;
/// Streams of one connection that the gateway may have to reset for breaking a rule.
const MAX_BROKEN_STREAMS: usize = 1024;
/// Streams that were reset of late, whose frames on the way are still known for what they are.
const MAX_RECENT_RESETS: usize = 64;
/// How long they are known.
const RECENT: Duration = Duration::from_secs(5);
/// The most that waits to be written of one answer, in bytes.
const STREAM_SEND_BUFFER: usize = 64 * 1024;

/// Bounds of HTTP/2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Http2Config {
    /// Requests at once on one connection.
    pub max_concurrent_streams: u32,
    /// Bytes of one request's body that may come before they are read.
    pub stream_window: u32,
    /// The same of all bodies of a connection together.
    pub connection_window: u32,
    /// How often a caller is asked for a sign of life; None is never.
    pub keep_alive_interval: Option<Duration>,
    /// How long it has to give one.
    pub keep_alive_timeout: Duration,
}

/// How HTTP/2 is served, set up once for all of a worker's connections.
#[derive(Debug)]
pub(super) struct Http2 {
    builder: h2::server::Builder,
    config: Http2Config,
    head: HeadBounds,
    idle_timeout: Duration,
    answer_timeout: Duration,
    max_streams: usize,
    misbehaviour: super::counts::Misbehaviour,
    /// One for each stream of the worker that is being answered.
    streams: Rc<()>,
    /// One for each that is answered, and whose body is read over.
    skipped: Rc<()>,
}

impl Http2 {
    /// Within these bounds.
    pub(super) fn new(config: &ConnectionConfig, http2: Http2Config) -> Self {
        let mut builder = h2::server::Builder::new();
        // A head that is over the limit by less than its size gets an answer that tells what to do about it; what is
        // larger, h2 answers with a bare 431.
        let head_bytes = u32::try_from(config.max_header_bytes.saturating_mul(2)).unwrap_or(u32::MAX);
        builder
            .max_header_list_size(head_bytes)
            .max_concurrent_streams(http2.max_concurrent_streams)
            .initial_window_size(http2.stream_window)
            .initial_connection_window_size(http2.connection_window)
            .max_pending_accept_reset_streams(MAX_PENDING_RESETS)
            .max_local_error_reset_streams(Some(MAX_BROKEN_STREAMS))
            .max_concurrent_reset_streams(MAX_RECENT_RESETS)
            .reset_stream_duration(RECENT)
            .max_send_buffer_size(STREAM_SEND_BUFFER);
        Self {
            builder,
            config: http2,
            head: config.head_bounds(),
            idle_timeout: config.idle_timeout,
            answer_timeout: config.answer_timeout,
            max_streams: config.max_streams,
            misbehaviour: config.front.misbehaviour.clone(),
            streams: Rc::new(()),
            skipped: Rc::new(()),
        }
    }
}

/// Serves the caller at `transport` with `stack`, until it leaves, errs or idles, or the gateway closes.
pub(super) async fn serve<S: Stack>(
    http2: &Http2,
    stack: Current<S>,
    (transport, peer): (Transport, SocketAddr),
    unread: Rc<Unread>,
    mut phase: PhaseView,
) {
    let wire = Wire::new(transport, http2.answer_timeout);
    let handshake = timeout(http2.idle_timeout, http2.builder.handshake(wire.clone()));
    let connection = tokio::select! {
        biased;
        connection = handshake => connection,
        () = phase.reached(Phase::Closing) => return,
    };
    let mut records = Records::new({
        let (unread, client) = (Rc::clone(&unread), peer.ip().to_canonical());
        move |code| {
            let unread = Rc::clone(&unread);
            async move { unread.note(client, code).await }
        }
    });
    if let Ok(Ok(connection)) = connection {
        let session = Session::new(http2, connection, (wire.clone(), peer), unread, &mut records);
        session.run(stack, phase.clone()).await;
    }
    // Whoever is to end does not wait for callers that do not look.
    let linger = if phase.has_reached(Phase::Closing) { LAST_WORDS } else { LINGER };
    let close = async {
        if let Some(transport) = wire.into_transport() {
            close_within(linger, transport, &[]).await;
        }
    };
    // The connection counts until all that came on it is on record, so that those of many cannot pile up.
    tokio::join!(close, records.finish());
}

/// All that is said to a caller who is not served: empty settings, and GOAWAY of which stream 0 is the last, so that
/// whatever was asked may be asked elsewhere (RFC 9113, section 6.8).
pub(super) fn go_away(code: Code) -> Vec<u8> {
    const SETTINGS: [u8; 9] = [0, 0, 0, 4, 0, 0, 0, 0, 0];
    const NO_STREAM_AND_NO_ERROR: [u8; 8] = [0; 8];
    let reason = code.as_str().as_bytes();
    let length = u8::try_from(NO_STREAM_AND_NO_ERROR.len() + reason.len()).unwrap_or(u8::MAX);
    [&SETTINGS[..], &[0, 0, length, 7, 0, 0, 0, 0, 0], &NO_STREAM_AND_NO_ERROR, reason].concat()
}
