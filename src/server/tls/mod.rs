//! TLS on the listening side: the certificate that callers are shown, checked before it is used, and replaced while
//! the gateway serves.

mod config;
mod der;
mod fault;
#[cfg(test)]
mod tests;

use std::io;
use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

pub use self::config::{ClientAuth, MinVersion, TlsConfig, TlsSettings};
pub use self::fault::{Part, TlsFault};

/// HTTP/2 as the handshake negotiates it (RFC 7301).
pub(super) const ALPN_HTTP2: &[u8] = b"h2";
/// HTTP/1.1, likewise.
pub(super) const ALPN_HTTP1: &[u8] = b"http/1.1";

/// What handshakes go by from now on. Clones share it: a replacement counts for all of them.
#[derive(Clone, Debug)]
pub struct Certificates(Arc<ArcSwap<TlsConfig>>);

impl Certificates {
    /// `config`, until it is replaced.
    pub fn new(config: TlsConfig) -> Self {
        Self(Arc::new(ArcSwap::from_pointee(config)))
    }

    /// Has every handshake from now on go by `config`. Connections that are open stay as they are; tickets that were
    /// given out before resume nothing any more.
    pub fn replace(&self, config: TlsConfig) {
        self.0.store(Arc::new(config));
    }

    /// What a handshake would go by now.
    pub fn current(&self) -> Arc<TlsConfig> {
        self.0.load_full()
    }

    /// Shakes hands with a caller, for as long as the configuration allows. A caller that comes with something else, or
    /// with nothing, is told why by an alert, and gets its socket closed.
    pub(super) async fn shake_hands(&self, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        let config = self.current();
        let acceptor = TlsAcceptor::from(Arc::clone(config.server()));
        match timeout(config.handshake_timeout(), acceptor.accept(stream).into_fallible()).await {
            Ok(Ok(stream)) => Ok(stream),
            Ok(Err((error, stream))) => {
                super::transport::close(stream, &[]).await;
                Err(error)
            }
            Err(_) => Err(io::ErrorKind::TimedOut.into()),
        }
    }
}
