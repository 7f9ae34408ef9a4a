//! Takes connections in and gives each to the worker that has the fewest. A thread of its own: connections are shared
//! out evenly however few they are, and a port in use is an error and not a second listener beside the first.

use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::LocalSet;
use tokio::time::timeout;

use super::connection::Front;
use super::phase::{Phase, PhaseView};
use super::tls::Certificates;
use super::turn_away::turn_away;
use super::unread::Unread;
use super::worker::{ConnectionCount, WorkerHandle};
use crate::domain::Code;
use crate::stages::audit::Desk;

/// How many connections are turned away with an answer at the same time; further ones are closed without.
const TURNED_AWAY: usize = 256;
/// The same where each costs a handshake, of which this one thread can make some thousand in a second.
const TURNED_AWAY_BY_TLS: usize = 32;
/// How long one that is turned away has to say what it wants, before it is told that it will not get it.
const FIRST_WORDS: Duration = Duration::from_secs(1);

/// Accepts until the gateway is over. From [`Phase::Closing`] on, and while `max_connections` are open, newcomers are
/// turned away with 503.
pub async fn accept(
    listener: TcpListener,
    workers: Vec<WorkerHandle>,
    (max_connections, front): (Arc<AtomicUsize>, &Front),
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
                () = hand_out(&listener, &workers, &max_connections, &porter) => {}
                () = closing.reached(Phase::Closing) => {}
            }
            drop(workers);
            tokio::select! {
                () = turn_all_away(&listener, &porter) => {}
                () = phase.reached(Phase::Over) => {}
            }
        })
        .await;
}

async fn hand_out(
    listener: &TcpListener,
    workers: &[WorkerHandle],
    max_connections: &AtomicUsize,
    porter: &Porter,
) {
    let connections = ConnectionCount::of(workers);
    loop {
        let (stream, peer) = next(listener).await;
        let at_work = workers.iter().filter(|worker| !worker.is_gone());
        match at_work.min_by_key(|worker| worker.open()) {
            Some(worker) if connections.open() < max_connections.load(Ordering::Relaxed) => {
                match stream.into_std() {
                    Ok(stream) => worker.hand_over(stream, peer),
                    Err(error) => tracing::error!(%error, "a connection could not be handed to a worker"),
                }
            }
            _ => porter.turn_away(stream, peer, Code::Overloaded),
        }
    }
}

async fn turn_all_away(listener: &TcpListener, porter: &Porter) {
    loop {
        let (stream, peer) = next(listener).await;
        porter.turn_away(stream, peer, Code::ShuttingDown);
    }
}

/// The next connection. Where the system has no descriptor left, waits for one to be given back.
async fn next(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                // Answers are written whole; waiting to fill a segment would only delay them.
                let _ = stream.set_nodelay(true);
                return (stream, peer);
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

/// Turns connections away politely.
struct Porter {
    unread: Rc<Unread>,
    tls: Option<Certificates>,
    places: Arc<Semaphore>,
}

impl Porter {
    fn new(desk: Rc<Desk>, front: &Front) -> Self {
        let places = if front.tls.is_some() { TURNED_AWAY_BY_TLS } else { TURNED_AWAY };
        Self {
            unread: Rc::new(Unread::new(desk)),
            tls: front.tls.clone(),
            places: Arc::new(Semaphore::new(places)),
        }
    }

    fn turn_away(&self, stream: TcpStream, peer: SocketAddr, code: Code) {
        let (unread, tls) = (Rc::clone(&self.unread), self.tls.clone());
        let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else { return };
        tokio::task::spawn_local(async move {
            let transport = match tls {
                None => stream.into(),
                Some(certificates) => match timeout(FIRST_WORDS, certificates.shake_hands(stream)).await {
                    Ok(Ok(stream)) => stream.into(),
                    _ => return,
                },
            };
            let client = peer.ip().to_canonical();
            turn_away(transport, client, (&unread, code), FIRST_WORDS).await;
            drop(place);
        });
    }
}
