use std::cell::RefCell;
use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use super::connection::Connection;

/// The connections that nobody uses, the one used last at the back. Looked through on every visit, so that no
/// task has to watch them; hyper sees by itself when the server closes one.
pub(super) struct Idle {
    timeout: Duration,
    connections: RefCell<VecDeque<(Instant, Connection)>>,
}

impl Idle {
    pub(super) fn new(timeout: Duration) -> Self {
        Self { timeout, connections: RefCell::default() }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.connections.borrow().len()
    }

    /// The connection used last that the server has not closed.
    pub(super) fn take(&self) -> Option<Connection> {
        self.drop_expired();
        let mut connections = self.connections.borrow_mut();
        while let Some((_, connection)) = connections.pop_back() {
            if connection.is_ready() {
                return Some(connection);
            }
        }
        None
    }

    pub(super) fn put(&self, connection: Connection) {
        self.drop_expired();
        self.connections.borrow_mut().push_back((Instant::now(), connection));
    }

    /// Closes the oldest until `most` are left.
    pub(super) fn shrink_to(&self, most: usize) {
        let mut connections = self.connections.borrow_mut();
        let excess = connections.len().saturating_sub(most);
        connections.drain(..excess);
    }

    fn drop_expired(&self) {
        let now = Instant::now();
        let mut connections = self.connections.borrow_mut();
        let fresh = |since: Instant| now.duration_since(since) < self.timeout;
        while connections.front().is_some_and(|(since, _)| !fresh(*since)) {
            connections.pop_front();
        }
    }
}

#[cfg(test)]
impl Idle {
    pub(super) fn all_closed(&self) -> bool {
        self.connections.borrow().iter().all(|(_, connection)| !connection.is_ready())
    }

    /// Ends the tasks of all connections, which nobody sees before the tasks are run.
    pub(super) fn end_all(&self) {
        self.connections.borrow().iter().for_each(|(_, connection)| connection.end());
    }
}
