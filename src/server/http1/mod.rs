//! HTTP/1.1 on one connection, until either side ends it.
//!
//! Spoken by hand, over httparse: a request is read from the socket, answered, and the answer written, by one task and
//! without a queue between; and whatever is no request gets an answer that a frontend developer can act on.

mod answer;
mod body;
mod head;
mod line;
mod session;

use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

pub use self::body::{BodyFault, RequestBody};
pub use self::head::{RequestHead, take_head};
use self::session::{End, Session};
use super::connection::{ConnectionConfig, HeadBounds, LAST_WORDS, Stack};
use super::current::Current;
use super::phase::PhaseView;
use super::transport::{Transport, close};
use super::unread::Unread;
use crate::domain::Code;

/// How many bytes are read at a time.
const READ: usize = 16 * 1024;
/// The largest buffer for answers that is kept for the next one.
const MOST_KEPT: usize = 64 * 1024;

/// How HTTP/1 is served, set up once for all of a worker's connections.
#[derive(Debug)]
pub(super) struct Http1 {
    idle_timeout: Duration,
    answer_timeout: Duration,
    head: HeadBounds,
    /// What is read goes through here, so that a connection needs a buffer only for what it has not yet understood.
    reading: Rc<RefCell<Box<[u8]>>>,
    /// What is written is put together here, one answer at a time; an answer whose caller is slow keeps it.
    writing: RefCell<Vec<u8>>,
    date: answer::Date,
}

impl Http1 {
    /// Within these bounds.
    pub(super) fn new(config: &ConnectionConfig) -> Self {
        Self {
            idle_timeout: config.idle_timeout,
            answer_timeout: config.answer_timeout,
            head: config.head_bounds(),
            reading: Rc::new(RefCell::new(vec![0; READ].into())),
            writing: RefCell::default(),
            date: answer::Date::default(),
        }
    }

    /// A buffer for an answer, empty.
    fn take_buffer(&self) -> Vec<u8> {
        self.writing.take()
    }

    fn give_back(&self, mut buffer: Vec<u8>) {
        buffer.clear();
        if buffer.capacity() <= MOST_KEPT {
            *self.writing.borrow_mut() = buffer;
        }
    }
}

/// Serves the caller at `transport` with `stack`, until it leaves, errs or idles, or the gateway closes.
pub(super) async fn serve<S: Stack>(
    http1: &Http1,
    stack: Current<S>,
    (transport, peer): (Transport, SocketAddr),
    unread: Rc<Unread>,
    phase: PhaseView,
) {
    let client = peer.ip().to_canonical();
    let session = Session::new(http1, transport, peer);
    let (end, transport) = session.run(stack, phase).await;
    // Nobody is there to read a goodbye, or a body still has hold of the connection.
    let Some(mut transport) = transport else { return };
    match end {
        End::Done => close(transport, &[]).await,
        End::Refused(code) => unread.refuse(transport, client, code).await,
        // Its next request may have been on the way all the while.
        End::Closing if transport.speaks(LAST_WORDS).await => {
            unread.refuse(transport, client, Code::ShuttingDown).await;
        }
        End::Closing | End::Lost => {}
    }
}
