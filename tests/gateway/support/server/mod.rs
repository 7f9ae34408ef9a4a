//! A server that records every request and answers as it is told: also late, wrong, or not at all.

mod reply;
mod serve;

use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use serde_json::Value;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio_rustls::TlsAcceptor;

pub(crate) use reply::{Gate, Reply, Step, bytes};

use super::wire::{Head, Headers};
use super::within;
use serve::accept;

/// One request as the server saw it.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) method: String,
    /// The request target as it was written.
    pub(crate) path: String,
    /// In order, names as they were written.
    pub(crate) headers: Headers,
    pub(crate) body: Vec<u8>,
    /// The head's bytes as they came.
    pub(crate) head: Vec<u8>,
    /// Which connection it came on, counted from 0.
    pub(crate) connection: usize,
    /// When it was there whole; it is answered after that.
    pub(crate) at: Instant,
}

impl Call {
    fn new(head: Head, body: Vec<u8>, connection: usize) -> Self {
        let mut words = head.start_line.split(' ').map(str::to_owned);
        Self {
            method: words.next().unwrap_or_default(),
            path: words.next().unwrap_or_default(),
            headers: head.headers,
            body,
            head: head.raw,
            connection,
            at: Instant::now(),
        }
    }

    /// The trace that it belongs to (W3C Trace Context), which the trail knows it by.
    pub(crate) fn trace(&self) -> &str {
        let trace = self.headers.get("traceparent").and_then(|parent| parent.split('-').nth(1));
        trace.unwrap_or_else(|| panic!("no trace: {self:?}"))
    }

    /// The body as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error} in {self:?}"))
    }
}

type Handler = Box<dyn Fn(&Call) -> Reply + Send + Sync>;

struct Shared {
    calls: watch::Sender<Vec<Call>>,
    connections: watch::Sender<usize>,
    open: AtomicUsize,
    hangups: watch::Sender<usize>,
    /// Bytes of floods that were taken by somebody so far.
    flooded: watch::Sender<usize>,
    /// How the next connections are received; well, after these.
    receptions: Mutex<VecDeque<Reception>>,
    /// What the next requests get as soon as their heads are there.
    early: Mutex<VecDeque<Reply>>,
    handler: Handler,
}

/// How a connection is received, before a byte of it is read.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Reception {
    /// Closed in good order.
    Close,
    /// Reset (RST).
    Reset,
    /// Left alone, for as long as the other side has patience: no handshake, no answer.
    Hang,
}

/// A server on a port of its own on 127.0.0.1.
pub(crate) struct Server {
    address: SocketAddr,
    tls: Option<TlsAcceptor>,
    accepting: Mutex<AbortHandle>,
    shared: Arc<Shared>,
}

impl Server {
    /// Serves plain HTTP, or TLS with `tls`, answering as `handler` says.
    pub(crate) async fn start(
        tls: Option<TlsAcceptor>,
        handler: impl Fn(&Call) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
        let address = listener.local_addr().expect("a bound port");
        let shared = Arc::new(Shared {
            calls: watch::Sender::default(),
            connections: watch::Sender::default(),
            open: AtomicUsize::new(0),
            hangups: watch::Sender::default(),
            flooded: watch::Sender::default(),
            receptions: Mutex::default(),
            early: Mutex::default(),
            handler: Box::new(handler),
        });
        let accepting = tokio::spawn(accept(listener, tls.clone(), Arc::clone(&shared))).abort_handle();
        Self { address, tls, accepting: Mutex::new(accepting), shared }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on connections are refused; those that are open stay.
    pub(crate) async fn refuse_connections(&self) {
        self.accepting.lock().expect("no panic while it is held").abort();
        let refused = async {
            while TcpStream::connect(self.address).await.is_ok() {
                tokio::task::yield_now().await;
            }
        };
        within("the port to be closed", refused).await;
    }

    /// Connections are accepted again, at the same address.
    pub(crate) async fn accept_connections(&self) {
        let listener = TcpListener::bind(self.address).await.expect("the port that was its own");
        let accepting = tokio::spawn(accept(listener, self.tls.clone(), Arc::clone(&self.shared)));
        *self.accepting.lock().expect("no panic while it is held") = accepting.abort_handle();
    }

    /// The next connection is received like this; more of them in sequence.
    pub(crate) fn receive(&self, reception: Reception) {
        self.shared.receptions.lock().expect("no panic while it is held").push_back(reception);
    }

    /// The next request gets this answer before its body is read; more of them in sequence.
    pub(crate) fn answer_early(&self, reply: Reply) {
        self.shared.early.lock().expect("no panic while it is held").push_back(reply);
    }

    /// Every request so far, in the order in which they had arrived whole.
    pub(crate) fn calls(&self) -> Vec<Call> {
        self.shared.calls.borrow().clone()
    }

    /// Waits until `enough` requests have come; gives all of them.
    pub(crate) async fn wait_for(&self, what: &str, enough: impl Fn(&[Call]) -> bool) -> Vec<Call> {
        let mut calls = self.shared.calls.subscribe();
        let what = format!("{what} at {}", self.address);
        let calls = within(&what, calls.wait_for(|calls| enough(calls))).await;
        calls.expect("the server is there").clone()
    }

    /// Connections that were accepted so far.
    pub(crate) fn connections(&self) -> usize {
        *self.shared.connections.borrow()
    }

    /// Waits until `count` connections have been accepted in all.
    pub(crate) async fn wait_for_connections(&self, count: usize) {
        let mut connections = self.shared.connections.subscribe();
        let reached =
            within(&format!("{count} connections"), connections.wait_for(|have| *have >= count)).await;
        drop(reached.expect("the server is there"));
    }

    /// Connections that are open now.
    pub(crate) fn open_connections(&self) -> usize {
        self.shared.open.load(Ordering::Relaxed)
    }

    /// How many bytes of floods the other side's socket has taken so far.
    pub(crate) fn flooded(&self) -> usize {
        *self.shared.flooded.borrow()
    }

    /// Callers that have gone away so far before they had their answer.
    pub(crate) fn hangups(&self) -> usize {
        *self.shared.hangups.borrow()
    }

    /// Waits until `count` callers have gone away before they had their answer.
    pub(crate) async fn wait_for_hangups(&self, count: usize) {
        let mut hangups = self.shared.hangups.subscribe();
        let what = format!("{count} callers to hang up");
        let reached = within(&what, hangups.wait_for(|hangups| *hangups >= count)).await;
        drop(reached.expect("the server is there"));
    }
}
