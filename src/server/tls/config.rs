use std::fmt::{self, Write};
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest::{Context, SHA256, digest};
use jiff::Timestamp;
use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs::{Ticketer, default_provider};
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::sign::CertifiedKey;
use rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion, version};

use super::der::{Validity, validity};
use super::fault::TlsFault;
use super::{ALPN_HTTP1, ALPN_HTTP2};

const TLS12_AND_13: &[&SupportedProtocolVersion] = &[&version::TLS13, &version::TLS12];
const TLS13_ALONE: &[&SupportedProtocolVersion] = &[&version::TLS13];

/// Whether callers have to show a certificate, where there is an authority to check it by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientAuth {
    /// Who has none is not let in.
    Required,
    /// Who has one that is not good is not let in; who has none is.
    Optional,
}

/// The oldest TLS that is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MinVersion {
    /// 1.2 and 1.3.
    Tls12,
    /// 1.3 alone.
    Tls13,
}

impl MinVersion {
    fn spoken(self) -> &'static [&'static SupportedProtocolVersion] {
        match self {
            Self::Tls12 => TLS12_AND_13,
            Self::Tls13 => TLS13_ALONE,
        }
    }
}

/// What is set about TLS apart from the files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TlsSettings {
    /// The oldest version.
    pub min_version: MinVersion,
    /// What callers have to show, where there is an authority.
    pub client_auth: ClientAuth,
    /// From the connection to the end of the handshake.
    pub handshake_timeout: Duration,
    /// Whether HTTP/2 is offered beside HTTP/1.1.
    pub http2: bool,
}

/// A certificate with its key and everything else that a handshake needs: checked, so that it can be used.
#[derive(Clone)]
pub struct TlsConfig {
    server: Arc<ServerConfig>,
    settings: TlsSettings,
    validity: Validity,
    fingerprint: String,
    /// Over everything that callers can tell apart.
    identity: [u8; 32],
}

impl TlsConfig {
    /// From files in PEM: the server's certificate with those of the authorities in between after it; its private
    /// key; and, if callers are to show certificates, the authorities that sign those. Whether the certificate is valid
    /// is left to [`Self::check`].
    pub fn from_pem(
        settings: TlsSettings,
        (certificates, key): (&[u8], &[u8]),
        client_authorities: Option<&[u8]>,
    ) -> Result<Self, TlsFault> {
        let provider = Arc::new(default_provider());
        let chain = certificates_of(certificates, TlsFault::NoCertificate, TlsFault::MalformedCertificate)?;
        let leaf = chain.first().ok_or(TlsFault::NoCertificate)?;
        let validity = validity(leaf).ok_or(TlsFault::MalformedCertificate(1))?;
        let fingerprint = fingerprint(leaf);
        let key = key_of(key, &chain, &provider)?;
        let identity = identity(&chain, client_authorities.unwrap_or_default(), settings);
        let verifier = client_authorities
            .map(|authorities| verifier(authorities, settings.client_auth, &provider))
            .transpose()?;
        let builder = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(settings.min_version.spoken())
            .map_err(TlsFault::Unsupported)?;
        let builder = match verifier {
            Some(verifier) => builder.with_client_cert_verifier(verifier),
            None => builder.with_no_client_auth(),
        };
        let mut server = builder.with_single_cert(chain, key).map_err(TlsFault::Unsupported)?;
        // Sessions resume by tickets alone, whose keys rustls changes every six hours: the gateway remembers nothing.
        server.ticketer = Ticketer::new().map_err(TlsFault::Unsupported)?;
        server.session_storage = Arc::new(rustls::server::NoServerSessionStorage {});
        let offered = if settings.http2 { &[ALPN_HTTP2, ALPN_HTTP1][..] } else { &[ALPN_HTTP1] };
        server.alpn_protocols = offered.iter().map(|name| name.to_vec()).collect();
        Ok(Self { server: Arc::new(server), settings, validity, fingerprint, identity })
    }

    /// Fails where the certificate is not valid `now`.
    pub fn check(&self, now: Timestamp) -> Result<(), TlsFault> {
        check(self.validity, now)
    }

    /// The end of the certificate.
    pub fn not_after(&self) -> Timestamp {
        self.validity.not_after
    }

    /// Seconds until then; negative once it is over.
    pub fn expires_in(&self) -> f64 {
        self.validity.not_after.duration_since(Timestamp::now()).as_secs_f64()
    }

    /// The SHA-256 of the certificate, in hexadecimal digits: what browsers and `openssl` show.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    pub(super) fn server(&self) -> &Arc<ServerConfig> {
        &self.server
    }

    pub(super) fn handshake_timeout(&self) -> Duration {
        self.settings.handshake_timeout
    }
}

/// Equal where no caller could tell the difference, so that there is nothing to replace.
impl PartialEq for TlsConfig {
    fn eq(&self, other: &Self) -> bool {
        self.identity == other.identity && self.settings == other.settings
    }
}

/// Without the key.
impl fmt::Debug for TlsConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsConfig")
            .field("settings", &self.settings)
            .field("not_after", &self.validity.not_after)
            .field("fingerprint", &self.fingerprint)
            .finish_non_exhaustive()
    }
}

fn certificates_of(
    text: &[u8],
    none: TlsFault,
    malformed: fn(usize) -> TlsFault,
) -> Result<Vec<CertificateDer<'static>>, TlsFault> {
    let each = CertificateDer::pem_slice_iter(text).enumerate();
    let all: Vec<_> =
        each.map(|(index, der)| der.map_err(|_| malformed(index + 1))).collect::<Result<_, _>>()?;
    if all.is_empty() { Err(none) } else { Ok(all) }
}

/// The key of the first certificate.
fn key_of(
    text: &[u8],
    chain: &[CertificateDer<'static>],
    provider: &CryptoProvider,
) -> Result<PrivateKeyDer<'static>, TlsFault> {
    let key = PrivateKeyDer::from_pem_slice(text).map_err(|error| match error {
        pem::Error::NoItemsFound => TlsFault::NoKey,
        _ => TlsFault::UnusableKey,
    })?;
    let signing = provider.key_provider.load_private_key(key.clone_key());
    let signing = signing.map_err(|_| TlsFault::UnusableKey)?;
    CertifiedKey::new(chain.to_vec(), signing).keys_match().map_err(|error| match error {
        rustls::Error::InvalidCertificate(_) => TlsFault::MalformedCertificate(1),
        _ => TlsFault::KeyMismatch,
    })?;
    Ok(key)
}

fn check(validity: Validity, now: Timestamp) -> Result<(), TlsFault> {
    match validity {
        Validity { not_before, .. } if now < not_before => Err(TlsFault::NotYetValid(not_before)),
        Validity { not_after, .. } if not_after < now => Err(TlsFault::Expired(not_after)),
        _ => Ok(()),
    }
}

fn verifier(
    authorities: &[u8],
    client_auth: ClientAuth,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>, TlsFault> {
    let mut roots = RootCertStore::empty();
    let all = certificates_of(authorities, TlsFault::NoAuthority, TlsFault::MalformedAuthority)?;
    for (index, authority) in all.into_iter().enumerate() {
        roots.add(authority).map_err(|_| TlsFault::MalformedAuthority(index + 1))?;
    }
    let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider));
    let builder = match client_auth {
        ClientAuth::Required => builder,
        ClientAuth::Optional => builder.allow_unauthenticated(),
    };
    builder.build().map_err(|_| TlsFault::NoAuthority)
}

fn fingerprint(leaf: &[u8]) -> String {
    digest(&SHA256, leaf).as_ref().iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The key is no part of it: it belongs to the first certificate.
fn identity(chain: &[CertificateDer<'_>], authorities: &[u8], settings: TlsSettings) -> [u8; 32] {
    let mut context = Context::new(&SHA256);
    for certificate in chain {
        context.update(&certificate.len().to_be_bytes());
        context.update(certificate);
    }
    context.update(authorities);
    context.update(format!("{settings:?}").as_bytes());
    let mut identity = [0; 32];
    context.finish().as_ref().iter().zip(&mut identity).for_each(|(from, to)| *to = *from);
    identity
}
