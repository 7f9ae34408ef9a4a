use super::slots::Slot;
use super::wire::{NoAnswer, Wire};
use super::{Pool, PooledAnswer, PooledBody, SendError};
use crate::upstream::Stream;

/// One open connection. Dropped, it is closed at once, whatever is on its way.
pub(super) struct Connection {
    pub(super) wire: Wire,
    reused: bool,
    keep: bool,
}

impl Connection {
    pub(super) fn new(stream: Stream) -> Self {
        Self { wire: Wire::new(stream), reused: false, keep: true }
    }
}

/// A connection in use. Dropped, it is closed before its slot is free.
pub struct Lease {
    pub(super) connection: Connection,
    pub(super) pool: Pool,
    pub(super) _slot: Option<Slot>,
}

impl Lease {
    /// Sends `request`, a whole one as it goes over the wire, and waits for the head of the answer. Where an idle
    /// connection turns out to be closed before a byte of it left, it is sent on another.
    ///
    /// Has no timeout of its own: the caller gives up by dropping the future, which ends the connection.
    pub async fn send(mut self, request: &[u8]) -> Result<PooledAnswer, SendError> {
        loop {
            let reused = self.connection.reused;
            let error = match self.connection.wire.exchange(request).await {
                Ok(head) => {
                    self.connection.keep = head.keeps;
                    let body = PooledBody::new(head.framing, self);
                    return Ok(PooledAnswer { status: head.status, fields: head.fields, body });
                }
                Err(NoAnswer::Sent(fault)) => return Err(SendError::sent(fault, reused)),
                Err(NoAnswer::Unsent(error)) => error,
            };
            if !reused {
                return Err(SendError::unsent(error));
            }
            // On the heap, as it is rare: within the future it would be part of every call.
            self.connection = Box::pin(self.pool.connection(false)).await?;
        }
    }

    /// Hands the connection to whoever comes next, if it is good for another request.
    pub(super) fn release(mut self) {
        // What follows the answer is none to a request that was not sent yet.
        if self.connection.keep && self.connection.wire.inbox.is_empty() {
            self.connection.reused = true;
            self.pool.keep(self.connection);
        }
    }
}
