use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

/// Whose signature under a server's certificate is trusted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RootSource {
    /// The certificates of the configured file, and no others.
    File(PathBuf),
    /// The system's store, or what `SSL_CERT_FILE` and `SSL_CERT_DIR` name.
    System,
    /// Mozilla's list, built in: the system has no store, as in an image from scratch.
    BuiltIn,
}

impl fmt::Display for RootSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "the file {}", path.display()),
            Self::System => f.write_str("the system's store"),
            Self::BuiltIn => f.write_str("the built-in list"),
        }
    }
}

/// Why no server could be trusted.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The file cannot be read.
    #[error("cannot read {}: {error}", path.display())]
    Unreadable {
        /// The configured file.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// The file holds no certificate.
    #[error("{} holds no PEM certificate; put in those of the authorities to trust", path.display())]
    Empty {
        /// The configured file.
        path: PathBuf,
    },
    /// A certificate of the file cannot be used. All must be good: a bundle that is trusted in part surprises.
    #[error("certificate {number} of {} is malformed; replace it, or take it out", path.display())]
    Malformed {
        /// The configured file.
        path: PathBuf,
        /// Which one, counted from 1.
        number: usize,
    },
    /// The crypto library does not offer what TLS 1.2 and 1.3 need.
    #[error("TLS cannot be set up: {0}")]
    Unsupported(rustls::Error),
}

/// How the gateway trusts the servers that it calls: TLS 1.2 and 1.3, certificate and name checked always.
///
/// `ca_file` (PEM, one certificate or more) replaces the system's store; a server signed by anybody else is then
/// refused.
pub fn tls_config(ca_file: Option<&Path>) -> Result<(Arc<ClientConfig>, RootSource), TlsError> {
    let (roots, source) = match ca_file {
        Some(path) => (roots_of(path)?, RootSource::File(path.to_owned())),
        None => system_roots(),
    };
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(TlsError::Unsupported)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    // Nothing else is spoken: a server that would choose HTTP/2 by itself learns it in the handshake (RFC 7301).
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok((Arc::new(config), source))
}

fn roots_of(path: &Path) -> Result<RootCertStore, TlsError> {
    let text = std::fs::read(path).map_err(|error| TlsError::Unreadable { path: path.to_owned(), error })?;
    let mut roots = RootCertStore::empty();
    for (index, certificate) in CertificateDer::pem_slice_iter(&text).enumerate() {
        let added = certificate.is_ok_and(|der| roots.add(der).is_ok());
        if !added {
            return Err(TlsError::Malformed { path: path.to_owned(), number: index + 1 });
        }
    }
    if roots.is_empty() {
        return Err(TlsError::Empty { path: path.to_owned() });
    }
    Ok(roots)
}

/// A system's store may hold a relic that cannot be parsed; the others still count.
fn system_roots() -> (RootCertStore, RootSource) {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        return (roots, RootSource::BuiltIn);
    }
    (roots, RootSource::System)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn file(text: &str) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        file
    }

    fn certificate() -> String {
        let key = rcgen::KeyPair::generate().unwrap();
        rcgen::CertificateParams::new(vec!["ca".into()]).unwrap().self_signed(&key).unwrap().pem()
    }

    #[test]
    fn a_bundle_must_be_good_as_a_whole() {
        let good = certificate();
        assert!(tls_config(Some(file(&format!("{good}{good}")).path())).is_ok());

        let empty = tls_config(Some(file("").path())).unwrap_err();
        assert!(matches!(empty, TlsError::Empty { .. }), "{empty}");
        let half = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        let malformed = tls_config(Some(file(&format!("{good}{half}")).path())).unwrap_err();
        assert!(matches!(malformed, TlsError::Malformed { number: 2, .. }), "{malformed}");
        let missing = tls_config(Some(Path::new("/nonexistent/ca.pem"))).unwrap_err();
        assert!(matches!(missing, TlsError::Unreadable { .. }), "{missing}");
    }

    #[test]
    fn without_a_file_there_are_roots_all_the_same() {
        let (_, source) = tls_config(None).unwrap();
        assert!(matches!(source, RootSource::System | RootSource::BuiltIn));
    }
}
