//! The little HTTP/1 server under the admin port, the sandbox and the development issuer. Not for the data port, which
//! has rooms of its own.
//!
//! It binds, serves each connection with one handler, and lets the handler break a connection instead of
//! answering, which is what a server in trouble does.

use std::convert::Infallible;
use std::error::Error;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::pin::{Pin, pin};
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use http::{Request, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming as RequestBody;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinError, JoinSet};

use crate::listener::{Incoming, Listener};

/// Connections at a time; further ones wait in the kernel's queue.
const MAX_CONNECTIONS: usize = 4096;
/// How long a connection may stay idle, and how long a request's head may take.
const IDLE: Duration = Duration::from_mins(1);
/// How long requests in flight may still take once shutdown is asked for.
const DRAIN: Duration = Duration::from_secs(1);

/// Who is at the other end; every request has it among its extensions.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub SocketAddr);

/// A body of either kind: at hand as a whole, or made while it is sent.
pub type Body = UnsyncBoxBody<Bytes, Infallible>;

/// A body that is at hand as a whole.
pub fn whole(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into()).boxed_unsync()
}

/// How a handler ends a connection instead of answering.
#[derive(Debug, thiserror::Error)]
pub enum Break {
    /// The caller sees a TCP reset.
    #[error("reset on purpose")]
    Reset,
    /// The caller sees these bytes in place of an answer, then the end of the stream.
    #[error("broken on purpose")]
    Raw(&'static [u8]),
}

/// The address cannot be had.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}: {error}; choose another address, or end the program that has it")]
pub struct BindError {
    address: SocketAddr,
    error: io::Error,
}

/// A bound listener, not yet serving: connections wait from here on.
#[derive(Debug)]
pub struct SmallServer {
    listener: Listener,
    local_addr: SocketAddr,
}

impl SmallServer {
    /// Binds `address`; port 0 takes a free one.
    pub async fn bind(address: SocketAddr) -> Result<Self, BindError> {
        let refused = |error| BindError { address, error };
        let listener = TcpListener::bind(address).await.map_err(refused)?;
        let local_addr = listener.local_addr().map_err(refused)?;
        Ok(Self { listener: Listener::new(listener), local_addr })
    }

    /// Takes over a bound listener that does not block. Needs a tokio runtime around it.
    pub fn from_listener(listener: std::net::TcpListener) -> io::Result<Self> {
        let listener = Listener::from_std(listener)?;
        let local_addr = listener.local_addr()?;
        Ok(Self { listener, local_addr })
    }

    /// Where it listens, with the port that was taken.
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// Serves until `shutdown` resolves, then lets requests in flight finish for one second. Runs on a tokio
    /// runtime of either kind.
    pub async fn serve<H, F>(mut self, handler: H, shutdown: impl Future<Output = ()>)
    where
        H: Fn(Request<RequestBody>) -> F + Clone + Send + 'static,
        F: Future<Output = Result<Response<Body>, Break>> + Send + 'static,
    {
        let (stop, stopping) = watch::channel(());
        let mut connections = JoinSet::new();
        let mut shutdown = pin!(shutdown);
        loop {
            tokio::select! {
                () = &mut shutdown => break,
                Some(ended) = connections.join_next() => if let Some(stream) = or_report(ended) {
                    self.listener.give_back(stream);
                },
                incoming = self.listener.accept(), if connections.len() < MAX_CONNECTIONS => {
                    connections.spawn(serve_connection(incoming, handler.clone(), stopping.clone()));
                }
            }
        }
        drop((self.listener, stop));
        let drained = async { while connections.join_next().await.is_some() {} };
        if tokio::time::timeout(DRAIN, drained).await.is_err() {
            // Dropping the set aborts what is left, for example a caller that is kept hanging on purpose.
            tracing::debug!("connections cut off at shutdown");
        }
    }
}

fn or_report(ended: Result<TcpStream, JoinError>) -> Option<TcpStream> {
    ended.inspect_err(|error| tracing::error!(%error, "a connection's task failed")).ok()
}

/// Returns the connection once nothing more is going to be said on it.
async fn serve_connection<H, F>(
    incoming: Incoming,
    handler: H,
    mut stopping: watch::Receiver<()>,
) -> TcpStream
where
    H: Fn(Request<RequestBody>) -> F + Clone,
    F: Future<Output = Result<Response<Body>, Break>>,
{
    let Incoming { stream, peer, is_last } = incoming;
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "cannot set TCP_NODELAY");
    }
    // With the last descriptor one request is answered; the next caller is in need of it too.
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(IDLE)
        .keep_alive(!is_last)
        .serve_connection(
            TokioIo::new(stream),
            service_fn(move |mut request: Request<RequestBody>| {
                request.extensions_mut().insert(Peer(peer));
                let handler = handler.clone();
                caught(async move {
                    let answer = handler(request);
                    answer.await
                })
            }),
        );
    let ended = tokio::select! {
        result = &mut connection => Some(result),
        _ = stopping.changed() => None,
    };
    let result = if let Some(result) = ended {
        result
    } else {
        Pin::new(&mut connection).graceful_shutdown();
        (&mut connection).await
    };
    let mut stream = connection.into_parts().io.into_inner();
    let Err(error) = result else { return stream };
    let Some(how) = error.source().and_then(|source| source.downcast_ref()) else {
        tracing::debug!(%error, "connection ended");
        return stream;
    };
    if let Err(error) = break_off(&mut stream, how).await {
        tracing::debug!(%error, "the caller was gone before the connection was broken");
    }
    stream
}

/// A handler that panics fails its own request alone.
async fn caught(
    answer: impl Future<Output = Result<Response<Body>, Break>>,
) -> Result<Response<Body>, Break> {
    AssertUnwindSafe(answer).catch_unwind().await.unwrap_or_else(|_| {
        let mut response = Response::new(whole("the server failed\n"));
        *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
        Ok(response)
    })
}

async fn break_off(stream: &mut TcpStream, how: &Break) -> io::Result<()> {
    match how {
        // With nothing to linger for, closing sends RST in place of FIN.
        Break::Reset => stream.set_zero_linger(),
        Break::Raw(bytes) => {
            stream.write_all(bytes).await?;
            stream.shutdown().await
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt;

    use super::*;

    #[tokio::test]
    async fn a_handler_that_panics_fails_its_own_request_alone() {
        let server = SmallServer::bind(([127, 0, 0, 1], 0).into()).await.unwrap();
        let address = server.local_addr();
        let handler = |request: Request<RequestBody>| {
            assert!(request.uri().path() != "/now", "on purpose, before there is a future");
            async move {
                assert!(request.uri().path() != "/later", "on purpose, in the future");
                Ok(Response::new(whole("well")))
            }
        };
        tokio::spawn(server.serve(handler, std::future::pending()));
        let mut stream = TcpStream::connect(address).await.unwrap();
        let mut answers = String::new();
        for path in ["/now", "/later", "/well"] {
            let close = if path == "/well" { "Connection: close\r\n" } else { "" };
            let request = format!("GET {path} HTTP/1.1\r\nHost: a\r\n{close}\r\n");
            stream.write_all(request.as_bytes()).await.unwrap();
        }
        stream.read_to_string(&mut answers).await.unwrap();
        let statuses: Vec<_> = answers.lines().filter(|line| line.contains("HTTP/1.1 ")).collect();
        assert_eq!(statuses.len(), 3, "{answers}");
        assert!(statuses[0].contains("500") && statuses[1].contains("500") && statuses[2].contains("200"));
    }
}
