use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use rustix::io::Errno;
use rustls::{CertificateError, ClientConfig};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsConnector;

use super::{Endpoint, Stream};

/// How long one address may take before the next is tried beside it (RFC 8305, section 5).
const ATTEMPT_DELAY: Duration = Duration::from_millis(250);

/// Opens connections: name, TCP, TLS. Clones share the TLS sessions.
#[derive(Clone)]
pub struct Connector {
    tls: TlsConnector,
    trust: Arc<ClientConfig>,
    timeout: Duration,
}

/// Those that trust by the same configuration, not by an equal one, and wait as long.
impl PartialEq for Connector {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.trust, &other.trust) && self.timeout == other.timeout
    }
}

/// Why there is no connection. No byte of a request has left.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The name has no address, or the resolver failed.
    #[error("the name cannot be resolved: {0}; check it, and that the DNS server can be reached")]
    Resolve(#[source] io::Error),
    /// Every address refused or is out of reach; the last one's error.
    #[error("the connection failed: {0}; check the address, and what filters traffic on the way")]
    Tcp(#[source] io::Error),
    /// The handshake failed: the certificate, its name, or no TLS at all.
    #[error("TLS failed: {0}{advice}", advice = advice(.0))]
    Tls(#[source] io::Error),
    /// Not open within the time for all three.
    #[error("no connection within {0:?}; check the address, and what filters traffic on the way")]
    TimedOut(Duration),
}

/// What to do about a handshake, where the reason tells.
fn advice(error: &io::Error) -> &'static str {
    let refused = error.get_ref().and_then(|error| error.downcast_ref());
    match refused {
        // The second is an authority of the same name with another key.
        Some(rustls::Error::InvalidCertificate(
            CertificateError::UnknownIssuer | CertificateError::BadSignature,
        )) => "; have its certificate authority in upstream.ca_file, or in the system's store",
        _ => "",
    }
}

impl ConnectError {
    /// Whether this machine had no descriptor, port or memory left for it.
    pub fn is_local(&self) -> bool {
        const EXHAUSTED: [Errno; 5] =
            [Errno::MFILE, Errno::NFILE, Errno::ADDRNOTAVAIL, Errno::NOBUFS, Errno::NOMEM];
        let (Self::Resolve(error) | Self::Tcp(error) | Self::Tls(error)) = self else { return false };
        Errno::from_io_error(error).is_some_and(|errno| EXHAUSTED.contains(&errno))
    }
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connector").field("timeout", &self.timeout).finish_non_exhaustive()
    }
}

impl Connector {
    /// `timeout` covers resolving, connecting and the handshake together.
    pub fn new(tls: Arc<ClientConfig>, timeout: Duration) -> Self {
        Self { tls: TlsConnector::from(Arc::clone(&tls)), trust: tls, timeout }
    }

    /// A new connection to `endpoint`; the first of its addresses that answers.
    pub async fn connect(&self, endpoint: &Endpoint) -> Result<Stream, ConnectError> {
        timeout(self.timeout, self.open(endpoint)).await.unwrap_or(Err(ConnectError::TimedOut(self.timeout)))
    }

    async fn open(&self, endpoint: &Endpoint) -> Result<Stream, ConnectError> {
        let addresses =
            lookup_host((endpoint.host(), endpoint.port())).await.map_err(ConnectError::Resolve)?;
        let tcp = first_to_answer(addresses).await?;
        // A request is one write: waiting for more of it only costs time.
        tcp.set_nodelay(true).map_err(ConnectError::Tcp)?;
        if !endpoint.is_tls() {
            return Ok(Stream::Plain(tcp));
        }
        let session = self.tls.connect(endpoint.server_name(), tcp).await.map_err(ConnectError::Tls)?;
        Ok(Stream::Tls(Box::new(session)))
    }
}

/// Tries each address a little after the one before it, or as soon as one fails, so that an address that
/// swallows packets (a broken IPv6 route, mostly) costs a moment and not the whole timeout.
async fn first_to_answer(mut addresses: impl Iterator<Item = SocketAddr>) -> Result<TcpStream, ConnectError> {
    let mut attempts = FuturesUnordered::new();
    let mut last_error = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    loop {
        let next = addresses.next();
        let more_to_try = next.is_some();
        attempts.extend(next.map(TcpStream::connect));
        tokio::select! {
            attempt = attempts.next() => match attempt {
                Some(Ok(stream)) => return Ok(stream),
                Some(Err(error)) => last_error = error,
                None => return Err(ConnectError::Tcp(last_error)),
            },
            () = sleep(ATTEMPT_DELAY), if more_to_try => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::upstream::scripted::{Authority, Server, on_a_worker, until};
    use crate::upstream::tls_config;

    const LONG: Duration = Duration::from_mins(1);

    async fn attempt(connector: &Connector, url: &str) -> Result<Stream, ConnectError> {
        connector.connect(&Endpoint::parse(url).unwrap()).await
    }

    #[test]
    fn a_certificate_must_be_of_a_trusted_authority_and_for_the_name() {
        on_a_worker(async {
            let ours = Authority::new();
            let start = |name| {
                Server::start_with(Some(ours.acceptor(name)), |_, mut wire| async move {
                    wire.until_closed().await;
                })
            };
            let (by_name, by_address) = (start("localhost").await, start("127.0.0.1").await);
            let localhost = format!("https://localhost:{}", by_name.address.port());

            let stream = attempt(&ours.connector(), &localhost).await.unwrap();
            let Stream::Tls(session) = stream else { panic!("no TLS") };
            assert_eq!(session.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
            attempt(&ours.connector(), &format!("https://{}", by_address.address)).await.unwrap();

            let wrong_name = attempt(&ours.connector(), &format!("https://{}", by_name.address)).await;
            assert!(matches!(wrong_name, Err(ConnectError::Tls(_))), "{wrong_name:?}");
            let foreign = attempt(&Authority::new().connector(), &localhost).await.unwrap_err();
            assert!(foreign.to_string().contains("upstream.ca_file"), "{foreign}");
            let (system, _) = tls_config(None).unwrap();
            let unknown = attempt(&Connector::new(system, LONG), &localhost).await.unwrap_err();
            assert!(unknown.to_string().contains("upstream.ca_file"), "{unknown}");
        });
    }

    #[test]
    fn a_server_without_tls_and_one_that_never_answers_are_told_apart() {
        on_a_worker(async {
            let clear = Server::start(|_, mut wire| async move {
                wire.first_byte().await;
                wire.answer("400 Bad Request", "").await;
            })
            .await;
            let silent = Server::start(|_, mut wire| async move { wire.until_closed().await }).await;
            let (tls, _) = tls_config(None).unwrap();

            let error =
                attempt(&Connector::new(Arc::clone(&tls), LONG), &format!("https://{}", clear.address)).await;
            assert!(matches!(error, Err(ConnectError::Tls(_))), "{error:?}");

            let hasty = Connector::new(tls, Duration::from_millis(50));
            let error = attempt(&hasty, &format!("https://{}", silent.address)).await;
            assert!(matches!(error, Err(ConnectError::TimedOut(_))), "{error:?}");
            until(|| silent.record.open.get() == 0).await;
        });
    }

    #[test]
    fn every_address_is_tried() {
        on_a_worker(async {
            let server = Server::obliging().await;
            let nobody = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            let refusing = nobody.local_addr().unwrap();
            drop(nobody);
            let both = [refusing, server.address, refusing];
            assert!(first_to_answer(both.into_iter()).await.is_ok());
            let refused = first_to_answer([refusing, refusing].into_iter()).await;
            assert!(matches!(refused, Err(ConnectError::Tcp(_))), "{refused:?}");
            let none = first_to_answer(std::iter::empty()).await;
            assert!(matches!(none, Err(ConnectError::Tcp(_))), "{none:?}");
        });
    }

    #[test]
    fn a_name_without_address_is_told() {
        on_a_worker(async {
            let (tls, _) = tls_config(None).unwrap();
            let error = attempt(&Connector::new(tls, LONG), "http://nowhere.invalid").await;
            assert!(matches!(error, Err(ConnectError::Resolve(_))), "{error:?}");
        });
    }
}
