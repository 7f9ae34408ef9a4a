//! The vendor's certificates.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};

use rcgen::{CertifiedKey, KeyPair};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::PrivateKeyDer;
use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert};
use rustls::sign;
use tokio_rustls::TlsAcceptor;

/// A certificate for `localhost` that nobody trusts who is not told to.
static CERTIFICATE: LazyLock<CertifiedKey<KeyPair>> = LazyLock::new(certificate);
/// Another one, that nobody is told to trust.
static OTHER_CERTIFICATE: LazyLock<CertifiedKey<KeyPair>> = LazyLock::new(certificate);

fn certificate() -> CertifiedKey<KeyPair> {
    rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate for localhost")
}

/// The good one, in PEM.
pub(super) fn certificate_pem() -> String {
    CERTIFICATE.cert.pem()
}

/// Accepts with the good certificate, or with the other one once it is `compromised`.
pub(super) fn acceptor(compromised: &Arc<AtomicBool>) -> TlsAcceptor {
    let certificates = Showing {
        good: signing(&CERTIFICATE),
        other: signing(&OTHER_CERTIFICATE),
        compromised: Arc::clone(compromised),
    };
    let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions that the provider has")
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(certificates));
    // Each connection sees the certificate anew.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    TlsAcceptor::from(Arc::new(config))
}

/// Shows the vendor's certificate, or the other one from some time on.
#[derive(Debug)]
struct Showing {
    good: Arc<sign::CertifiedKey>,
    other: Arc<sign::CertifiedKey>,
    compromised: Arc<AtomicBool>,
}

impl ResolvesServerCert for Showing {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<sign::CertifiedKey>> {
        let compromised = self.compromised.load(Ordering::Relaxed);
        Some(Arc::clone(if compromised { &self.other } else { &self.good }))
    }
}

fn signing(certificate: &CertifiedKey<KeyPair>) -> Arc<sign::CertifiedKey> {
    let key = PrivateKeyDer::try_from(certificate.signing_key.serialize_der()).expect("a private key");
    let chain = vec![certificate.cert.der().clone()];
    let key = sign::CertifiedKey::from_der(chain, key, &default_provider());
    Arc::new(key.expect("a key that fits the certificate"))
}
