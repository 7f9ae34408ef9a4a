use aws_lc_rs::signature::{self, ParsedPublicKey};
use rustls::pki_types::SubjectPublicKeyInfoDer;
use rustls::pki_types::pem::PemObject;
use serde_json::Value;

use super::jwk::{self, Unusable};
use super::key::{Fingerprint, Key, Thumbprint};
use super::{Algorithm, shared_secret};

/// The most keys of a set. Issuers have a handful; each costs a little to read, and all of them are shown.
const MAX_KEYS: usize = 1000;

/// The keys that one issuer publishes at one time.
#[derive(Default)]
pub struct KeySet {
    keys: Vec<Key>,
    ignored: Vec<Ignored>,
    named_by_tokens: bool,
}

/// A published key that is of no use here.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Ignored {
    /// Its name, where it has one.
    pub kid: Option<Box<str>>,
    /// Why it is not used.
    pub reason: &'static str,
}

/// A document that holds no key set at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidKeySet {
    /// For a URL.
    #[error("not a JWK Set: a JSON object with an array \"keys\"")]
    NotAJwkSet,
    /// So many that reading them would hold up everything else.
    #[error("the set has {0} keys, more than {MAX_KEYS}")]
    TooMany(usize),
    /// For a file of public keys.
    #[error("neither a JWK Set nor PEM with public keys")]
    NotAKeyFile,
    /// For a file with a secret.
    #[error("the secret is shorter than the hash of the algorithm, or no HMAC algorithm is configured")]
    WeakSecret,
}

/// Why a token has no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoKey {
    /// A newer set may have it.
    Unknown,
    /// The key of that name is for another algorithm.
    WrongAlgorithm,
    /// The token names no key, and several fit.
    Ambiguous,
}

impl KeySet {
    /// Reads a JWK Set key by key: one that is of no use is set aside, and the others serve.
    ///
    /// Two different keys of the same name and algorithm are both set aside: which one is meant would be a
    /// guess. Key material that appears for a second algorithm is used for the first only (RFC 8725, section
    /// 3.1). A set that is too large is none: those of its keys that were left out could be the ones that tokens name.
    pub fn from_jwks(document: &[u8], accepted: &[Algorithm]) -> Result<Self, InvalidKeySet> {
        let document: Value = serde_json::from_slice(document).map_err(|_| InvalidKeySet::NotAJwkSet)?;
        let jwks = document.get("keys").and_then(Value::as_array);
        let jwks = jwks.ok_or(InvalidKeySet::NotAJwkSet)?;
        if jwks.len() > MAX_KEYS {
            return Err(InvalidKeySet::TooMany(jwks.len()));
        }
        let mut set = Self { named_by_tokens: true, ..Self::default() };
        for jwk in jwks {
            match jwk::parse(jwk, accepted) {
                Ok(key) => set.add(key),
                Err(reason) => set.ignore(jwk.get("kid").and_then(Value::as_str), reason),
            }
        }
        set.drop_ambiguous();
        Ok(set)
    }

    /// Reads a JWK Set or public keys in PEM. A key in PEM has no name, so it serves whatever name a token
    /// gives.
    pub(super) fn from_file(document: &[u8], accepted: &[Algorithm]) -> Result<Self, InvalidKeySet> {
        if document.trim_ascii_start().starts_with(b"{") {
            return Self::from_jwks(document, accepted);
        }
        let mut set = Self::default();
        for der in SubjectPublicKeyInfoDer::pem_slice_iter(document) {
            let der = der.map_err(|_| InvalidKeySet::NotAKeyFile)?;
            match public_key(&der, accepted) {
                Ok(key) => set.add(key),
                Err(reason) => set.ignore(None, reason),
            }
        }
        if set.keys.is_empty() && set.ignored.is_empty() {
            return Err(InvalidKeySet::NotAKeyFile);
        }
        Ok(set)
    }

    /// One shared secret, less one newline at its end, for the first accepted HMAC algorithm.
    pub(super) fn from_secret(content: &[u8], accepted: &[Algorithm]) -> Result<Self, InvalidKeySet> {
        let secret = shared_secret(content);
        let algorithm = accepted.iter().find(|algorithm| algorithm.is_symmetric());
        let key = algorithm.and_then(|&algorithm| Key::secret(secret, algorithm));
        Ok(Self { keys: vec![key.ok_or(InvalidKeySet::WeakSecret)?], ..Self::default() })
    }

    /// The key for a token that says `kid` and `algorithm`. A token without `kid` has one only when exactly
    /// one fits.
    pub(super) fn select(&self, kid: Option<&str>, algorithm: Algorithm) -> Result<&Key, NoKey> {
        let Some(kid) = kid.filter(|_| self.named_by_tokens) else {
            let mut fitting = self.keys.iter().filter(|key| key.algorithm() == algorithm);
            return match (fitting.next(), fitting.next()) {
                (Some(key), None) => Ok(key),
                (None, _) => Err(NoKey::Unknown),
                (Some(_), Some(_)) => Err(NoKey::Ambiguous),
            };
        };
        let mut named = self.keys.iter().filter(|key| key.kid() == Some(kid)).peekable();
        named.peek().ok_or(NoKey::Unknown)?;
        named.find(|key| key.algorithm() == algorithm).ok_or(NoKey::WrongAlgorithm)
    }

    /// Whether tokens pick a key by name. Without, a signature that does not fit may be that of a newer key.
    pub(super) fn is_named_by_tokens(&self) -> bool {
        self.named_by_tokens
    }

    /// Whether the key is among those published.
    pub(super) fn contains(&self, fingerprint: Fingerprint) -> bool {
        self.keys.iter().any(|key| key.fingerprint() == fingerprint)
    }

    /// Whether both hold the same keys.
    pub(super) fn same_keys(&self, other: &Self) -> bool {
        self.keys.len() == other.keys.len() && self.keys.iter().all(|key| other.contains(key.fingerprint()))
    }

    /// The names and algorithms of the keys that serve.
    pub fn usable(&self) -> impl Iterator<Item = (Option<&str>, Algorithm)> {
        self.keys.iter().map(|key| (key.kid(), key.algorithm()))
    }

    /// The keys that serve.
    pub(super) fn keys(&self) -> &[Key] {
        &self.keys
    }

    /// The keys that do not.
    pub(super) fn ignored(&self) -> &[Ignored] {
        &self.ignored
    }

    fn add(&mut self, key: Key) {
        if self.contains(key.fingerprint()) {
            return;
        }
        let same =
            |other: &Key| other.thumbprint() == key.thumbprint() && other.algorithm() != key.algorithm();
        if self.keys.iter().any(same) {
            self.ignore(key.kid(), "the same key is published for another algorithm");
        } else {
            self.keys.push(key);
        }
    }

    fn drop_ambiguous(&mut self) {
        let alike = |key: &Key, other: &Key| {
            key.kid().is_some() && key.kid() == other.kid() && key.algorithm() == other.algorithm()
        };
        let ambiguous: Vec<Fingerprint> = self
            .keys
            .iter()
            .filter(|key| self.keys.iter().filter(|other| alike(key, other)).count() > 1)
            .map(Key::fingerprint)
            .collect();
        let (dropped, kept) = std::mem::take(&mut self.keys)
            .into_iter()
            .partition(|key| ambiguous.contains(&key.fingerprint()));
        self.keys = kept;
        let dropped: Vec<Key> = dropped;
        for key in dropped {
            self.ignore(key.kid(), "another key has the same kid");
        }
    }

    fn ignore(&mut self, kid: Option<&str>, reason: Unusable) {
        self.ignored.push(Ignored { kid: kid.map(|kid| kid.chars().take(64).collect()), reason });
    }
}

/// A `SubjectPublicKeyInfo` (RFC 5280, section 4.1.2.7), bound to the first accepted algorithm that takes it.
fn public_key(der: &[u8], accepted: &[Algorithm]) -> Result<Key, Unusable> {
    for &algorithm in accepted {
        let key = if let Some(parameters) = algorithm.rsa() {
            ParsedPublicKey::new(parameters, der)
        } else if let Some(parameters) = algorithm.ecdsa() {
            ParsedPublicKey::new(parameters, der)
        } else if algorithm == Algorithm::EdDSA {
            ParsedPublicKey::new(&signature::ED25519, der)
        } else {
            continue;
        };
        if let Ok(key) = key {
            return Ok(Key::public(key, algorithm, None, Thumbprint::of(&[b"SPKI", der])));
        }
    }
    Err("no accepted algorithm fits it")
}
