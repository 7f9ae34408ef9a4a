use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::task::{AbortHandle, spawn_local};
use tokio::time::{Instant, sleep_until};

use super::connection::Connection;

/// The connections that nobody uses, the one used last at the back. A task that lives while there are any closes those
/// that grow old, that the server has closed, or on which it speaks unasked.
pub(super) struct Idle {
    kept: Rc<Kept>,
    keeper: RefCell<Option<AbortHandle>>,
}

struct Kept {
    timeout: Duration,
    connections: RefCell<VecDeque<(Instant, Connection)>>,
    /// Of the task, while there is one.
    waker: RefCell<Option<Waker>>,
}

impl Idle {
    pub(super) fn new(timeout: Duration) -> Self {
        let kept = Kept { timeout, connections: RefCell::default(), waker: RefCell::default() };
        Self { kept: Rc::new(kept), keeper: RefCell::default() }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.kept.connections.borrow().len()
    }

    /// The connection used last that the server has not closed, and that is not too old `now`.
    pub(super) fn take(&self, now: Instant) -> Option<Connection> {
        let mut connections = self.kept.connections.borrow_mut();
        while let Some((since, mut connection)) = connections.pop_back() {
            if now.duration_since(since) < self.kept.timeout && connection.wire.is_quiet() {
                return Some(connection);
            }
        }
        None
    }

    /// Must run in a `LocalSet`.
    pub(super) fn put(&self, mut connection: Connection) {
        let mut keeper = self.keeper.borrow_mut();
        match (&*self.kept.waker.borrow(), &*keeper) {
            // Has the task woken when something happens on it, which spares it a round for each that comes.
            (Some(waker), _) => {
                if connection.wire.poll_disturbed(&mut Context::from_waker(waker)).is_ready() {
                    return;
                }
            }
            (None, Some(begun)) if !begun.is_finished() => {}
            (None, _) => *keeper = Some(spawn_local(Rc::clone(&self.kept).watch()).abort_handle()),
        }
        self.kept.connections.borrow_mut().push_back((Instant::now(), connection));
    }

    /// Closes the oldest until `most` are left.
    pub(super) fn shrink_to(&self, most: usize) {
        let mut connections = self.kept.connections.borrow_mut();
        let excess = connections.len().saturating_sub(most);
        connections.drain(..excess);
    }
}

impl Drop for Idle {
    fn drop(&mut self) {
        if let Some(keeper) = self.keeper.take() {
            keeper.abort();
        }
    }
}

impl Kept {
    async fn watch(self: Rc<Self>) {
        loop {
            let oldest = self.connections.borrow().front().map(|(since, _)| *since);
            let Some(oldest) = oldest else { break };
            tokio::select! {
                () = sleep_until(oldest + self.timeout) => self.close_old(),
                () = poll_fn(|cx| self.poll_disturbed(cx)) => {}
            }
        }
        self.waker.take();
    }

    fn close_old(&self) {
        let now = Instant::now();
        let mut connections = self.connections.borrow_mut();
        while connections.front().is_some_and(|(since, _)| now.duration_since(*since) >= self.timeout) {
            connections.pop_front();
        }
    }

    /// Closes those on which something happens. Resolves when there is none left.
    fn poll_disturbed(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.waker.replace(Some(cx.waker().clone()));
        let mut connections = self.connections.borrow_mut();
        connections.retain_mut(|(_, connection)| connection.wire.poll_disturbed(cx).is_pending());
        if connections.is_empty() { Poll::Ready(()) } else { Poll::Pending }
    }
}

#[cfg(test)]
impl Idle {
    pub(super) fn all_closed(&self) -> bool {
        self.kept.connections.borrow_mut().iter_mut().all(|(_, connection)| !connection.wire.is_quiet())
    }

    /// Breaks all connections in a way that nobody sees before something is written to them.
    pub(super) fn shut_down_all(&self) {
        self.kept.connections.borrow().iter().for_each(|(_, connection)| connection.wire.shut_down());
    }
}
