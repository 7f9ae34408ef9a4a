//! The issuer's key: made, kept in a file, published and used.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::{fmt, fs, io};

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::rsa;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use jsonwebtoken::jwk::{Jwk, PublicKeyUse, ThumbprintHash};
use jsonwebtoken::{EncodingKey, Header};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use zeroize::Zeroizing;

const BEGIN: &str = "-----BEGIN PRIVATE KEY-----";
const END: &str = "-----END PRIVATE KEY-----";
/// What stands before the key in the file, where RFC 7468, section 2, allows text for people.
const ISSUER: &str = "Issuer: ";

/// What a development issuer can sign with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// RSA PKCS #1 v1.5 with SHA-256; the key has 2048 bits.
    Rs256,
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// Ed25519 (RFC 8037).
    EdDsa,
}

impl Algorithm {
    /// Every algorithm.
    pub const ALL: [Self; 3] = [Self::Rs256, Self::Es256, Self::EdDsa];

    /// The name in `alg`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Es256 => "ES256",
            Self::EdDsa => "EdDSA",
        }
    }

    fn registered(self) -> jsonwebtoken::Algorithm {
        match self {
            Self::Rs256 => jsonwebtoken::Algorithm::RS256,
            Self::Es256 => jsonwebtoken::Algorithm::ES256,
            Self::EdDsa => jsonwebtoken::Algorithm::EdDSA,
        }
    }

    fn signer(self, pem: &str) -> jsonwebtoken::errors::Result<EncodingKey> {
        match self {
            Self::Rs256 => EncodingKey::from_rsa_pem(pem.as_bytes()),
            Self::Es256 => EncodingKey::from_ec_pem(pem.as_bytes()),
            Self::EdDsa => EncodingKey::from_ed_pem(pem.as_bytes()),
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// There is no key to sign with.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The cryptographic library failed.
    #[error("no key could be generated")]
    Generate,
    /// The file cannot be read.
    #[error("the key file {} cannot be read", .0.display())]
    Unreadable(PathBuf, #[source] io::Error),
    /// The file cannot be written.
    #[error("the key file {} cannot be written", .0.display())]
    Unwritable(PathBuf, #[source] io::Error),
    /// The file is something else.
    #[error("{} holds no private key in PKCS #8 PEM: an RSA, P-256 or Ed25519 key is needed", .0.display())]
    Unsupported(PathBuf),
    /// Neither the file nor the caller names the issuer.
    #[error("{} names no issuer: give one", .0.display())]
    IssuerUnknown(PathBuf),
}

/// A private key and what is derived from it.
pub(super) struct Key {
    algorithm: Algorithm,
    pem: SecretString,
    signer: EncodingKey,
    public: Jwk,
    id: String,
}

impl Key {
    /// A new key.
    pub(super) fn generate(algorithm: Algorithm) -> Result<Self, KeyError> {
        let pem = generate_pem(algorithm).map_err(|_| KeyError::Generate)?;
        Self::from_pem(algorithm, &pem).ok_or(KeyError::Generate)
    }

    fn from_pem(algorithm: Algorithm, pem: &str) -> Option<Self> {
        let signer = algorithm.signer(pem).ok()?;
        let mut public = Jwk::from_encoding_key(&signer, algorithm.registered()).ok()?;
        let id = public.thumbprint(ThumbprintHash::SHA256).ok()?;
        public.common.key_id = Some(id.clone());
        public.common.public_key_use = Some(PublicKeyUse::Signature);
        Some(Self { algorithm, pem: pem.into(), signer, public, id })
    }

    /// Reads a file: the key, and the issuer if it names one.
    pub(super) fn read(path: &Path) -> Result<(Option<String>, Self), KeyError> {
        let text = fs::read_to_string(path).map_err(|error| KeyError::Unreadable(path.into(), error))?;
        let text = Zeroizing::new(text);
        let unsupported = || KeyError::Unsupported(path.into());
        let (preface, _) = text.split_once(BEGIN).ok_or_else(unsupported)?;
        let pem = text.get(preface.len()..).ok_or_else(unsupported)?;
        let issuer = preface.lines().find_map(|line| line.strip_prefix(ISSUER));
        let key = Algorithm::ALL.into_iter().find_map(|algorithm| Self::from_pem(algorithm, pem));
        Ok((issuer.map(|name| name.trim().to_owned()), key.ok_or_else(unsupported)?))
    }

    /// Writes the file that [`Key::read`] reads, readable by its owner alone.
    pub(super) fn write(&self, path: &Path, issuer: &str) -> Result<(), KeyError> {
        let write = || {
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
            // A temporary file has mode 0600 from the start, and the rename keeps it, whatever stood there before.
            let mut file = tempfile::NamedTempFile::new_in(folder.unwrap_or(Path::new(".")))?;
            write!(file, "{ISSUER}{issuer}\n{}", self.pem.expose_secret())?;
            file.persist(path)?;
            Ok(())
        };
        write().map_err(|error| KeyError::Unwritable(path.into(), error))
    }

    pub(super) fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    pub(super) fn id(&self) -> &str {
        &self.id
    }

    /// The public half as JSON.
    pub(super) fn public(&self) -> Value {
        // Strings and names only: serializing does not fail.
        serde_json::to_value(&self.public).unwrap_or_default()
    }

    /// A compact JWS over the claims (RFC 7515, section 7.1).
    pub(super) fn sign(&self, claims: &Value) -> jsonwebtoken::errors::Result<String> {
        let mut header = Header::new(self.algorithm.registered());
        header.kid = Some(self.id.clone());
        jsonwebtoken::encode(&header, claims, &self.signer)
    }
}

fn generate_pem(algorithm: Algorithm) -> Result<Zeroizing<String>, Unspecified> {
    Ok(match algorithm {
        Algorithm::Rs256 => pem(rsa::KeyPair::generate(rsa::KeySize::Rsa2048)?.as_der()?.as_ref()),
        Algorithm::Es256 => {
            pem(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)?.to_pkcs8v1()?.as_ref())
        }
        Algorithm::EdDsa => pem(Ed25519KeyPair::generate()?.to_pkcs8v1()?.as_ref()),
    })
}

/// PKCS #8 DER as PEM, in lines of 64 characters (RFC 7468, section 2).
fn pem(der: &[u8]) -> Zeroizing<String> {
    let base64 = Zeroizing::new(BASE64_STANDARD.encode(der));
    let mut pem = Zeroizing::new(format!("{BEGIN}\n"));
    for (index, character) in base64.chars().enumerate() {
        if index > 0 && index % 64 == 0 {
            pem.push('\n');
        }
        pem.push(character);
    }
    pem.extend(["\n", END, "\n"]);
    pem
}
