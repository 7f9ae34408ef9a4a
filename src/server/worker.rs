//! One CPU's share of the data plane: a thread with a runtime of its own, which serves the connections it is given.

use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;

use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::LocalSet;

use super::connection::{ConnectionConfig, Protocols, Stack, serve};
use super::current::Current;
use super::phase::{Phase, PhaseView, phases};
use super::unread::Unread;
use crate::stages::audit::Desk;

/// Hands connections to a worker.
#[derive(Clone, Debug)]
pub struct WorkerHandle {
    connections: mpsc::UnboundedSender<Handed>,
    open: Arc<AtomicUsize>,
}

impl WorkerHandle {
    /// How many connections the worker serves.
    pub(super) fn open(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    /// Whether the worker has ended.
    pub(super) fn is_gone(&self) -> bool {
        self.connections.is_closed()
    }

    /// Gives the worker one connection more.
    pub(super) fn hand_over(&self, stream: std::net::TcpStream, peer: SocketAddr) {
        self.open.fetch_add(1, Ordering::Relaxed);
        // A worker that is gone has dropped the receiver; the connection is dropped, and so closed.
        let _ = self.connections.send(Handed { stream, peer, open: OpenConnection(Arc::clone(&self.open)) });
    }
}

/// How many connections all workers serve together. Clones count the same.
#[derive(Clone, Debug)]
pub struct ConnectionCount(Arc<[Arc<AtomicUsize>]>);

impl ConnectionCount {
    /// Over these workers.
    pub fn of(workers: &[WorkerHandle]) -> Self {
        Self(workers.iter().map(|worker| Arc::clone(&worker.open)).collect())
    }

    /// As of now.
    pub fn open(&self) -> usize {
        self.0.iter().map(|open| open.load(Ordering::Relaxed)).sum()
    }
}

/// A connection on its way to a worker.
struct Handed {
    stream: std::net::TcpStream,
    peer: SocketAddr,
    open: OpenConnection,
}

/// Counts a connection for as long as it lives.
#[derive(Debug)]
struct OpenConnection(Arc<AtomicUsize>);

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What a worker serves by until it is given another: the bounds of new connections, and `P`, which its stack is built
/// from.
#[derive(Clone, Debug)]
pub struct Plan<P> {
    /// For connections from now on.
    pub bounds: ConnectionConfig,
    /// For requests from now on, on whatever connection.
    pub stack: P,
}

/// A worker's plans, of which the newest counts.
pub type Plans<P> = mpsc::UnboundedSender<Plan<P>>;

/// What only one worker has, and what it does its work with.
#[derive(Debug)]
pub struct Outfit {
    /// Where its requests are put on record.
    pub desk: Desk,
    /// Where the gateway stands.
    pub phase: PhaseView,
}

/// Starts a worker with a first plan. `builder` is called on its thread, where everything that it makes stays: it gives
/// what builds a stack by a plan. `alive` is dropped when the worker has ended, which is when the last connection is
/// closed after the last [`WorkerHandle`] is gone.
pub fn start<P, S, B>(
    name: String,
    outfit: Outfit,
    first: Plan<P>,
    builder: impl FnOnce(Rc<Desk>) -> B + Send + 'static,
    alive: impl Send + 'static,
) -> io::Result<(WorkerHandle, Plans<P>, JoinHandle<()>)>
where
    P: Send + 'static,
    B: FnMut(P) -> S,
    S: Stack,
{
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (sender, receiver) = mpsc::unbounded_channel();
    let handle = WorkerHandle { connections: sender, open: Arc::new(AtomicUsize::new(0)) };
    let (plans, planned) = mpsc::unbounded_channel();
    let thread = std::thread::Builder::new().name(name).spawn(move || {
        let tasks = LocalSet::new();
        let mut over = outfit.phase.clone();
        let work = tasks.run_until(work(outfit, first, (receiver, planned), builder));
        runtime.block_on(work);
        runtime.block_on(async {
            tokio::select! {
                () = tasks => {}
                () = over.reached(Phase::Over) => {}
            }
        });
        drop(alive);
    })?;
    Ok((handle, plans, thread))
}

/// A view of this worker's own. Waiting for a phase takes a lock each time it is polled, and connections wait for one
/// for as long as they live: that lock is none that another CPU takes.
fn local(mut phase: PhaseView) -> PhaseView {
    let (switch, view) = phases();
    tokio::task::spawn_local(async move {
        for next in [Phase::Draining, Phase::Closing] {
            phase.reached(next).await;
            switch.advance(next);
        }
    });
    view
}

/// Ends the desk's windows. From [`Phase::Closing`] on the worker is to end, and must not wait for another one: what is
/// counted then goes on record when the desk is dropped.
fn keep_counts(desk: &Rc<Desk>, mut phase: PhaseView) {
    let desk = Rc::clone(desk);
    tokio::task::spawn_local(async move {
        tokio::select! {
            () = desk.keep_counts() => {}
            () = phase.reached(Phase::Closing) => {}
        }
    });
}

/// Serves what comes until nothing more will come.
async fn work<P, S, B>(
    Outfit { desk, phase }: Outfit,
    first: Plan<P>,
    (mut connections, mut plans): (mpsc::UnboundedReceiver<Handed>, mpsc::UnboundedReceiver<Plan<P>>),
    builder: impl FnOnce(Rc<Desk>) -> B,
) where
    B: FnMut(P) -> S,
    S: Stack,
{
    let phase = local(phase);
    let desk = Rc::new(desk);
    keep_counts(&desk, phase.clone());
    let mut build = builder(Rc::clone(&desk));
    let unread = Rc::new(Unread::new(desk));
    let mut protocol = Rc::new(Protocols::new(&first.bounds));
    let current = Current::new(build(first.stack));
    loop {
        let Handed { stream, peer, open } = tokio::select! {
            // First, so that whoever connects after a reload is served by it.
            biased;
            Some(plan) = plans.recv() => {
                protocol = Rc::new(Protocols::new(&plan.bounds));
                current.replace(build(plan.stack));
                continue;
            }
            handed = connections.recv() => match handed {
                Some(handed) => handed,
                None => break,
            },
        };
        let stream = match TcpStream::from_std(stream) {
            Ok(stream) => stream,
            Err(error) => {
                tracing::error!(%error, "a connection could not be registered with the worker");
                continue;
            }
        };
        let (protocol, stack, unread, phase) =
            (Rc::clone(&protocol), current.clone(), Rc::clone(&unread), phase.clone());
        tokio::task::spawn_local(async move {
            serve(&protocol, stack, (stream, peer), unread, phase).await;
            drop(open);
        });
    }
}
