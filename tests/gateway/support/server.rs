//! A server that records every request and answers as it is told: also late, wrong, or not at all.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::wire::{Head, Headers, Wire};
use super::within;

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
        }
    }

    /// The body as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error} in {self:?}"))
    }
}

/// A door that is closed until the test opens it, and then stays open.
#[derive(Clone, Debug)]
pub(crate) struct Gate(Arc<watch::Sender<bool>>);

impl Gate {
    pub(crate) fn closed() -> Self {
        Self(Arc::new(watch::Sender::new(false)))
    }

    pub(crate) fn open(&self) {
        self.0.send_replace(true);
    }

    async fn passed(&self) {
        self.0.subscribe().wait_for(|open| *open).await.expect("the gate is held here");
    }
}

/// What the server does about one request.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    act: Act,
    gate: Option<Gate>,
}

#[derive(Clone, Debug)]
enum Act {
    Answer(u16, Headers, Vec<u8>),
    Raw(Vec<u8>),
    Close,
    Reset,
    Hang,
}

impl Reply {
    fn new(act: Act) -> Self {
        Self { act, gate: None }
    }

    /// A status without a body.
    pub(crate) fn status(status: u16) -> Self {
        Self::new(Act::Answer(status, Headers::default(), Vec::new()))
    }

    pub(crate) fn json(status: u16, body: &Value) -> Self {
        Self::body(status, "application/json", body.to_string())
    }

    pub(crate) fn body(status: u16, media_type: &str, body: impl Into<Vec<u8>>) -> Self {
        let media_type = ("Content-Type".to_owned(), media_type.to_owned());
        Self::new(Act::Answer(status, Headers(vec![media_type]), body.into()))
    }

    /// These bytes, and the connection closed.
    pub(crate) fn raw(bytes: impl Into<Vec<u8>>) -> Self {
        Self::new(Act::Raw(bytes.into()))
    }

    /// The connection closed without an answer.
    pub(crate) fn close() -> Self {
        Self::new(Act::Close)
    }

    /// The connection reset (RST) without an answer.
    pub(crate) fn reset() -> Self {
        Self::new(Act::Reset)
    }

    /// Nothing at all, for as long as the other side has patience.
    pub(crate) fn hang() -> Self {
        Self::new(Act::Hang)
    }

    /// One header field more.
    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        let Act::Answer(_, headers, _) = &mut self.act else {
            panic!("only an answer has headers");
        };
        headers.0.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The status that it answers with, if it answers with one.
    pub(crate) fn status_code(&self) -> Option<u16> {
        match &self.act {
            Act::Answer(status, ..) => Some(*status),
            _ => None,
        }
    }

    /// Not before `gate` is open.
    pub(crate) fn behind(mut self, gate: &Gate) -> Self {
        self.gate = Some(gate.clone());
        self
    }
}

type Handler = Box<dyn Fn(&Call) -> Reply + Send + Sync>;

struct Shared {
    calls: watch::Sender<Vec<Call>>,
    connections: watch::Sender<usize>,
    hangups: watch::Sender<usize>,
    handler: Handler,
}

/// A server on a port of its own on 127.0.0.1.
pub(crate) struct Server {
    address: SocketAddr,
    accepting: AbortHandle,
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
            hangups: watch::Sender::default(),
            handler: Box::new(handler),
        });
        let accepting = tokio::spawn(accept(listener, tls, Arc::clone(&shared))).abort_handle();
        Self { address, accepting, shared }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on connections are refused; those that are open stay.
    pub(crate) async fn refuse_connections(&self) {
        self.accepting.abort();
        let refused = async {
            while TcpStream::connect(self.address).await.is_ok() {
                tokio::task::yield_now().await;
            }
        };
        within("the port to be closed", refused).await;
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

    /// Waits until `count` callers have gone away before they had their answer.
    pub(crate) async fn wait_for_hangups(&self, count: usize) {
        let mut hangups = self.shared.hangups.subscribe();
        let what = format!("{count} callers to hang up");
        let reached = within(&what, hangups.wait_for(|hangups| *hangups >= count)).await;
        drop(reached.expect("the server is there"));
    }
}

async fn accept(listener: TcpListener, tls: Option<TlsAcceptor>, shared: Arc<Shared>) {
    while let Ok((stream, _)) = listener.accept().await {
        let (tls, shared) = (tls.clone(), Arc::clone(&shared));
        let number = *shared.connections.borrow();
        shared.connections.send_modify(|count| *count += 1);
        // What goes wrong with a connection is the other side's to see.
        tokio::spawn(async move {
            stream.set_nodelay(true)?;
            match tls {
                Some(tls) => serve(tls.accept(stream).await?, number, &shared).await,
                None => serve(stream, number, &shared).await,
            }
        });
    }
}

trait Socket: AsyncRead + AsyncWrite + Unpin {
    fn tcp(&self) -> &TcpStream;
}

impl Socket for TcpStream {
    fn tcp(&self) -> &TcpStream {
        self
    }
}

impl Socket for TlsStream<TcpStream> {
    fn tcp(&self) -> &TcpStream {
        self.get_ref().0
    }
}

async fn serve<S: Socket>(stream: S, number: usize, shared: &Shared) -> io::Result<()> {
    let mut wire = Wire::new(stream);
    while let Some(head) = wire.head().await? {
        let body = wire.framed(&head.headers).await?.unwrap_or_default();
        let call = Call::new(head, body, number);
        let reply = (shared.handler)(&call);
        shared.calls.send_modify(|calls| calls.push(call));
        if let Some(gate) = &reply.gate
            && hung_up_before(&mut wire, gate.passed()).await
        {
            shared.hangups.send_modify(|count| *count += 1);
            return Ok(());
        }
        match reply.act {
            Act::Answer(status, headers, body) => {
                wire.write(&answer(status, &headers, &body)).await?;
                if headers.get("connection").is_some_and(|option| option.eq_ignore_ascii_case("close")) {
                    return Ok(());
                }
            }
            Act::Raw(bytes) => return wire.write(&bytes).await,
            Act::Close => return Ok(()),
            Act::Reset => return wire.stream.tcp().set_zero_linger(),
            Act::Hang => {
                hung_up_before(&mut wire, std::future::pending()).await;
                shared.hangups.send_modify(|count| *count += 1);
            }
        }
    }
    Ok(())
}

/// Whether the other side went away before `event`.
async fn hung_up_before<S: Socket>(wire: &mut Wire<S>, event: impl Future<Output = ()>) -> bool {
    tokio::pin!(event);
    loop {
        tokio::select! {
            () = &mut event => return false,
            more = wire.fill() => if !more.is_ok_and(|read| read > 0) { return true },
        }
    }
}

fn answer(status: u16, headers: &Headers, body: &[u8]) -> Vec<u8> {
    let mut message = format!("HTTP/1.1 {status} Scripted\r\n").into_bytes();
    for (name, value) in &headers.0 {
        message.extend(format!("{name}: {value}\r\n").bytes());
    }
    let says_length = |name: &str| !headers.all(name).is_empty();
    if !says_length("content-length") && !says_length("transfer-encoding") && status != 204 && status != 304 {
        message.extend(format!("Content-Length: {}\r\n", body.len()).bytes());
    }
    message.extend([b"\r\n", body].concat());
    message
}
