//! What a gateway with TLS shows its callers, and the callers that look at it.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::within;

/// An authority that signs certificates, of the gateway's or of callers'.
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate and its key, in PEM.
#[derive(Clone)]
pub(crate) struct Pair {
    pub(crate) certificate: String,
    pub(crate) key: String,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::new([]).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        Self(CertifiedIssuer::self_signed(params, key).expect("an authority"))
    }

    /// In PEM.
    pub(crate) fn pem(&self) -> String {
        self.0.pem()
    }

    /// A certificate for `gate.test`.
    pub(crate) fn sign(&self) -> Pair {
        self.sign_with(|_| {})
    }

    /// The same, changed.
    pub(crate) fn sign_with(&self, change: impl FnOnce(&mut CertificateParams)) -> Pair {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(["gate.test".to_owned()]).expect("a name");
        change(&mut params);
        let certificate = params.signed_by(&key, &self.0).expect("a certificate").pem();
        Pair { certificate, key: key.serialize_pem() }
    }
}

/// Files that a gateway with TLS is configured with, and the authority behind them.
pub(crate) struct Shown {
    pub(crate) authority: Authority,
    directory: TempDir,
}

impl Shown {
    /// A good certificate.
    pub(crate) fn new() -> Self {
        let shown = Self { authority: Authority::new(), directory: TempDir::new().expect("a directory") };
        shown.write(&shown.authority.sign());
        std::fs::write(shown.path("ca.crt"), shown.authority.pem()).expect("a file");
        shown
    }

    /// Puts other files in place.
    pub(crate) fn write(&self, pair: &Pair) {
        std::fs::write(self.path("tls.crt"), &pair.certificate).expect("a file");
        std::fs::write(self.path("tls.key"), &pair.key).expect("a file");
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// The keys of the configuration that name the files; `and` more of them.
    pub(crate) fn changes(&self, and: &[(&str, &str)]) -> Vec<(String, String)> {
        let file = |name| self.path(name).display().to_string();
        let files = [("LISTEN__TLS__CERT_FILE", "tls.crt"), ("LISTEN__TLS__KEY_FILE", "tls.key")];
        let files = files.map(|(key, name)| (key.to_owned(), file(name)));
        let more = and.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        files.into_iter().chain(more).collect()
    }

    /// The same for a gateway that wants to see callers' certificates of the same authority.
    pub(crate) fn with_callers(&self, client_auth: &str) -> Vec<(String, String)> {
        let ca = self.path("ca.crt").display().to_string();
        self.changes(&[("LISTEN__TLS__CLIENT_CA_FILE", &ca), ("LISTEN__TLS__CLIENT_AUTH", client_auth)])
    }

    /// A caller that trusts the authority, and offers HTTP/2 and HTTP/1.1.
    pub(crate) fn caller(&self) -> TlsCaller {
        TlsCaller {
            authority: self.authority.pem(),
            alpn: vec!["h2", "http/1.1"],
            shows: None,
            versions: rustls::ALL_VERSIONS,
        }
    }
}

/// How a caller shakes hands.
#[derive(Clone)]
pub(crate) struct TlsCaller {
    authority: String,
    alpn: Vec<&'static str>,
    shows: Option<Pair>,
    versions: &'static [&'static SupportedProtocolVersion],
}

impl TlsCaller {
    /// Offers these protocols.
    pub(crate) fn offering(mut self, alpn: &[&'static str]) -> Self {
        self.alpn = alpn.to_vec();
        self
    }

    /// Shows a certificate of its own.
    pub(crate) fn showing(mut self, pair: Pair) -> Self {
        self.shows = Some(pair);
        self
    }

    /// Speaks these versions.
    pub(crate) fn speaking(mut self, versions: &'static [&'static SupportedProtocolVersion]) -> Self {
        self.versions = versions;
        self
    }

    /// The same for several connections, so that they can resume.
    pub(crate) fn config(&self) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots
            .add(CertificateDer::from_pem_slice(self.authority.as_bytes()).expect("PEM"))
            .expect("an authority");
        let builder = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_protocol_versions(self.versions)
            .expect("versions")
            .with_root_certificates(roots);
        let mut config = match &self.shows {
            None => builder.with_no_client_auth(),
            Some(pair) => {
                let chain = vec![CertificateDer::from_pem_slice(pair.certificate.as_bytes()).expect("PEM")];
                let key = PrivateKeyDer::from_pem_slice(pair.key.as_bytes()).expect("PEM");
                builder.with_client_auth_cert(chain, key).expect("a certificate to show")
            }
        };
        config.alpn_protocols = self.alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
        Arc::new(config)
    }

    /// A connection on which hands were shaken, or why not.
    pub(crate) async fn try_open(&self, address: SocketAddr) -> std::io::Result<TlsStream<TcpStream>> {
        shake_hands(self.config(), address).await
    }

    /// A connection on which hands were shaken.
    pub(crate) async fn open(&self, address: SocketAddr) -> TlsStream<TcpStream> {
        self.try_open(address).await.unwrap_or_else(|error| panic!("no handshake with {address}: {error}"))
    }
}

pub(crate) async fn shake_hands(
    config: Arc<ClientConfig>,
    address: SocketAddr,
) -> std::io::Result<TlsStream<TcpStream>> {
    let stream = within("a connection", TcpStream::connect(address)).await?;
    stream.set_nodelay(true)?;
    let name = "gate.test".try_into().expect("a name");
    within("a handshake", TlsConnector::from(config).connect(name, stream)).await
}
