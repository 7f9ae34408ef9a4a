use jiff::Timestamp;

/// Why certificate and key cannot be used, and what to do about it.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum TlsFault {
    /// There is no certificate.
    #[error(
        "holds no certificate in PEM; put in the server's, and after it those of the authorities in between"
    )]
    NoCertificate,
    /// A certificate is broken, or its end is missing.
    #[error("its certificate {0} is malformed or incomplete; write the file anew")]
    MalformedCertificate(usize),
    /// The server's certificate is over.
    #[error("its certificate expired at {0}; put in one that is valid")]
    Expired(Timestamp),
    /// The server's certificate has not begun.
    #[error("its certificate is not valid before {0}; wait until then, or set this machine's clock right")]
    NotYetValid(Timestamp),
    /// There is no key, or it is encrypted.
    #[error(
        "holds no private key in PEM; put in the certificate's, in PKCS #8, PKCS #1 or SEC 1, not encrypted"
    )]
    NoKey,
    /// A key that is broken, or of a kind that TLS does not know.
    #[error("its private key is malformed or of a kind that is not supported; use RSA, ECDSA or Ed25519")]
    UnusableKey,
    /// A key, but of another certificate.
    #[error("its private key is not that of the first certificate in cert_file; put both files in together")]
    KeyMismatch,
    /// There is no authority for callers.
    #[error("holds no certificate in PEM; put in those of the authorities that sign callers' certificates")]
    NoAuthority,
    /// An authority's certificate is broken, or its end is missing.
    #[error("its certificate {0} is malformed or incomplete; replace it, or take it out")]
    MalformedAuthority(usize),
    /// The crypto library refuses.
    #[error("TLS cannot be set up: {0}")]
    Unsupported(rustls::Error),
}

/// Which of the files it is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The certificate and those after it.
    Certificate,
    /// The private key.
    Key,
    /// The authorities for callers' certificates.
    ClientAuthority,
}

impl TlsFault {
    /// Where to mend it.
    pub fn part(&self) -> Part {
        match self {
            Self::NoKey | Self::UnusableKey | Self::KeyMismatch => Part::Key,
            Self::NoAuthority | Self::MalformedAuthority(_) => Part::ClientAuthority,
            _ => Part::Certificate,
        }
    }
}
