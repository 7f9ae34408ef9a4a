//! A worker's own connections to one endpoint.
//!
//! Gives a [`Turn`], for that a [`Lease`] of one connection, and for a request the answer's head with a body that
//! brings the connection back. Nothing here is shared between threads, so nothing waits for another CPU. The
//! connection used last is used next, so that the others can grow old and go, before the server closes them.
//!
//! HTTP/1.1 is spoken by hand, over httparse: whoever waits for an answer reads it from the socket itself, where a
//! client library has a task for each connection and two queues in between. And so it is known whether a byte of a
//! request has left. What has not goes out on another connection; what has is never sent again from here.

mod body;
mod connection;
mod error;
mod head;
mod idle;
mod slots;
mod wire;

#[cfg(test)]
mod tests;

use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use tokio::time::Instant;

pub use body::{PooledAnswer, PooledBody};
pub use connection::Lease;
pub use error::{SendError, SendFault, Stage, WireFault};
pub use head::KEPT;
pub use slots::Party;

use super::{Connector, Endpoint};
use connection::Connection;
use idle::Idle;
use slots::{Slot, Slots};

/// The bounds of a pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolConfig {
    /// The most connections open at a time, idle ones included; 0 counts as 1. Further requests wait their turn,
    /// and so do those of a tenant, where it is not alone, that has three times as many in use as are free.
    pub max_connections: usize,
    /// How long a connection may lie idle. Less than the server's own limit, so that it is not closed just as a
    /// request is being written.
    pub idle_timeout: Duration,
}

/// Connections to one endpoint, for one worker. Clones share them.
#[derive(Clone)]
pub struct Pool(Rc<Inner>);

struct Inner {
    endpoint: Endpoint,
    connector: Connector,
    idle: Idle,
    /// One for each connection in use. An idle one holds none: whoever has a slot takes an idle connection or opens
    /// another, so that idle and used ones together stay within the limit.
    slots: Slots,
}

/// The right to one connection.
#[derive(Debug)]
pub struct Turn(Option<Slot>);

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").finish_non_exhaustive()
    }
}

impl Pool {
    /// An empty pool; connections are opened as they are needed.
    pub fn new(endpoint: Endpoint, connector: Connector, config: PoolConfig) -> Self {
        Self(Rc::new(Inner {
            endpoint,
            connector,
            idle: Idle::new(config.idle_timeout),
            slots: Slots::new(config.max_connections.max(1)),
        }))
    }

    #[cfg(test)]
    fn idle(&self) -> usize {
        self.0.idle.len()
    }

    /// An idle connection, where one is there `now` for the party, so that nobody has to wait.
    pub fn at_hand(&self, party: Party, now: Instant) -> Option<Lease> {
        let slot = self.0.slots.try_acquire(party)?;
        let connection = self.0.idle.take(now)?;
        Some(Lease { connection, pool: self.clone(), _slot: Some(slot) })
    }

    /// Waits for the right to one connection while all are in use, or all of the tenant's share: first come, first
    /// served within that.
    pub async fn turn(&self, party: Party) -> Turn {
        Turn(self.0.slots.acquire(party).await)
    }

    /// A connection to send one request on: an idle one, or with `fresh` always a new one. Opening it takes as long as
    /// the connector allows. Must run in a `LocalSet`.
    pub async fn connect(&self, Turn(slot): Turn, fresh: bool) -> Result<Lease, SendError> {
        let connection = self.connection(fresh).await?;
        Ok(Lease { connection, pool: self.clone(), _slot: slot })
    }

    fn keep(&self, connection: Connection) {
        self.0.idle.put(connection);
    }

    async fn connection(&self, fresh: bool) -> Result<Connection, SendError> {
        let idle = if fresh { None } else { self.0.idle.take(Instant::now()) };
        match idle {
            Some(connection) => Ok(connection),
            None => self.open().await,
        }
    }

    /// Every slot that is free allows one idle connection; this one's is not among them.
    async fn open(&self) -> Result<Connection, SendError> {
        self.0.idle.shrink_to(self.0.slots.free());
        let stream = self.0.connector.connect(&self.0.endpoint).await?;
        Ok(Connection::new(stream))
    }
}
