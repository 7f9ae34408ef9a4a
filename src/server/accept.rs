//! Takes connections in and gives each to the worker that has the fewest. A thread of its own: connections are shared
//! out evenly however few they are, and a port in use is an error and not a second listener beside the first.

use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroUsize;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::FutureExt;
use ipnet::IpNet;
use rustix::net::sockopt::set_socket_send_buffer_size;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::task::LocalSet;
use tokio::time::timeout;

use super::connection::Front;
use super::phase::{Phase, PhaseView};
use super::turn_away::turn_away;
use super::unread::Unread;
use super::worker::{ConnectionCount, WorkerHandle};
use crate::domain::Code;
use crate::limits::{ConnectionsByAddress, Place};
use crate::listener::{Incoming, Listener};
use crate::stages::audit::Desk;

/// How many connections are turned away with an answer at the same time; further ones are closed without.
const TURNED_AWAY: usize = 256;
/// The same where each costs a handshake, of which this one thread can make some thousand in a second.
const TURNED_AWAY_BY_TLS: usize = 32;
/// How many bytes of answers the system keeps for a caller that does not read them. Left to itself, it comes to keep
/// megabytes for each, and some thousand such callers take all the memory that it has for TCP, of every process.
const SOCKET_SEND_BUFFER: usize = 128 * 1024;
/// How long one that is turned away has to say what it wants, before it is told that it will not get it.
const FIRST_WORDS: Duration = Duration::from_secs(1);

/// How long the very last ones have to take their answers.
const LAST_ANSWERS: Duration = Duration::from_millis(250);

/// How many connections there may be, over all workers and of each address. Both may change while it is asked.
#[derive(Debug)]
pub struct Capacity {
    max_connections: AtomicUsize,
    by_address: ConnectionsByAddress,
}

impl Capacity {
    /// At most `max_connections`, and of each address as many as `by_address` has it.
    pub fn new(max_connections: usize, by_address: ConnectionsByAddress) -> Self {
        Self { max_connections: max_connections.into(), by_address }
    }

    /// How many callers may be connected at a time.
    pub fn max_connections(&self) -> usize {
        self.max_connections.load(Ordering::Relaxed)
    }

    /// At most so many from now on. Connections that are open stay, and count.
    pub fn change(&self, max_connections: usize, per_address: Option<NonZeroUsize>, exempt: Vec<IpNet>) {
        self.max_connections.store(max_connections, Ordering::Relaxed);
        self.by_address.change(per_address, exempt);
    }

    fn enter(&self, open: usize, address: IpAddr) -> Option<Place> {
        let place = self.by_address.enter(address)?;
        (open < self.max_connections()).then_some(place)
    }
}

/// Accepts until the gateway is over. From [`Phase::Closing`] on, and while there is no `capacity`, newcomers are
/// turned away with 503.
pub async fn accept(
    mut listener: Listener,
    workers: Vec<WorkerHandle>,
    (capacity, front): (Arc<Capacity>, &Front),
    desk: Desk,
    mut phase: PhaseView,
) {
    let tasks = LocalSet::new();
    let desk = Rc::new(desk);
    let counting = Rc::clone(&desk);
    let porter = Porter::new(desk, front);
    tasks
        .run_until(async {
            tokio::task::spawn_local(async move { counting.keep_counts().await });
            let mut closing = phase.clone();
            tokio::select! {
                () = hand_out(&mut listener, &workers, &capacity, &porter) => {}
                () = closing.reached(Phase::Closing) => {}
            }
            drop(workers);
            tokio::select! {
                () = turn_all_away(&mut listener, &porter) => {}
                () = phase.reached(Phase::Over) => {}
            }
            porter.finish(&mut listener).await;
        })
        .await;
}

async fn hand_out(listener: &mut Listener, workers: &[WorkerHandle], capacity: &Capacity, porter: &Porter) {
    let connections = ConnectionCount::of(workers);
    loop {
        let (stream, peer) = next(listener, porter).await;
        let at_work = workers.iter().filter(|worker| !worker.is_gone());
        let place = capacity.enter(connections.open(), peer.ip());
        match at_work.min_by_key(|worker| worker.open()).zip(place) {
            Some((worker, place)) => match stream.into_std() {
                Ok(stream) => worker.hand_over(stream, peer, place),
                Err(error) => tracing::error!(%error, "a connection could not be handed to a worker"),
            },
            None => porter.turn_away(stream, peer, Code::Overloaded),
        }
    }
}

async fn turn_all_away(listener: &mut Listener, porter: &Porter) {
    loop {
        let (stream, peer) = next(listener, porter).await;
        porter.turn_away(stream, peer, Code::ShuttingDown);
    }
}

/// The next connection that there is a descriptor for.
async fn next(listener: &mut Listener, porter: &Porter) -> (TcpStream, SocketAddr) {
    loop {
        let Incoming { stream, peer, is_last } = listener.accept().await;
        // Answers are written whole; waiting to fill a segment would only delay them.
        let _ = stream.set_nodelay(true);
        let _ = set_socket_send_buffer_size(&stream, SOCKET_SEND_BUFFER);
        if !is_last {
            return (stream, peer);
        }
        porter.turn_away_at_once(&stream, peer);
        listener.give_back(stream);
    }
}

/// Turns connections away politely.
struct Porter {
    unread: Rc<Unread>,
    front: Front,
    /// How many places there are.
    most: usize,
    places: Arc<Semaphore>,
}

impl Porter {
    fn new(desk: Rc<Desk>, front: &Front) -> Self {
        let most = if front.tls.is_some() { TURNED_AWAY_BY_TLS } else { TURNED_AWAY };
        Self {
            unread: Rc::new(Unread::new(desk)),
            front: front.clone(),
            most,
            places: Arc::new(Semaphore::new(most)),
        }
    }

    /// Turns away who is in the kernel's queue still, which closing the socket would reset, and waits for the last
    /// answers to be out.
    async fn finish(&self, listener: &mut Listener) {
        while let Some(Incoming { stream, peer, .. }) = listener.accept().now_or_never() {
            self.turn_away(stream, peer, Code::ShuttingDown);
        }
        let all = u32::try_from(self.most).unwrap_or(u32::MAX);
        let _ = timeout(LAST_ANSWERS, self.places.acquire_many(all)).await;
    }

    /// Without waiting for anything, for its descriptor is the last one. Over TLS there is no saying anything so
    /// quickly.
    fn turn_away_at_once(&self, stream: &TcpStream, peer: SocketAddr) {
        let (id, answer) = self.unread.answer(Code::Overloaded);
        if self.front.tls.is_none() {
            // What was not read when the connection is closed would take the answer along.
            let _ = stream.try_read(&mut [0; 16 * 1024]);
            let _ = stream.try_write(&answer);
        }
        let unread = Rc::clone(&self.unread);
        tokio::task::spawn_local(async move {
            unread.record(id, peer.ip().to_canonical(), Code::Overloaded).await;
        });
    }

    fn turn_away(&self, stream: TcpStream, peer: SocketAddr, code: Code) {
        let (unread, front) = (Rc::clone(&self.unread), self.front.clone());
        let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else { return };
        tokio::task::spawn_local(async move {
            let Ok(Some(transport)) = timeout(FIRST_WORDS, front.transport(stream)).await else { return };
            let client = peer.ip().to_canonical();
            turn_away(transport, client, (&unread, code), FIRST_WORDS).await;
            drop(place);
        });
    }
}
