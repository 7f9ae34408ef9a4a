use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::Algorithm;
use crate::upstream::Endpoint;

/// Where an issuer's keys come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeySource {
    /// A JWK Set (RFC 7517, section 5) behind a URL.
    Url(Endpoint),
    /// A file with a JWK Set, or with public keys in PEM (`BEGIN PUBLIC KEY`).
    File(PathBuf),
    /// A file whose content, less one newline at its end, is an HMAC secret. The only way to a symmetric key.
    HmacFile(PathBuf),
}

/// The secret in the content of a [`KeySource::HmacFile`]: all of it but the end of its line.
pub fn shared_secret(content: &[u8]) -> &[u8] {
    let line = content.strip_suffix(b"\n").unwrap_or(content);
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// One issuer whose tokens are accepted, and how they are read.
#[derive(Clone, Debug)]
pub struct IssuerConfig {
    /// `iss`, compared byte by byte.
    pub issuer: Arc<str>,
    /// A token must name at least one of them in `aud`.
    pub audiences: Vec<Box<str>>,
    /// What a token may be signed with. A key published without `alg` is bound to the first that fits it.
    pub algorithms: Vec<Algorithm>,
    /// Where the keys are.
    pub keys: KeySource,
    /// The claim that names the tenant.
    pub tenant_claim: Box<str>,
    /// The claim that names the subject, usually `sub`.
    pub subject_claim: Box<str>,
    /// The claim with the caller's name at the vendor, usually the subject claim.
    pub user_claim: Box<str>,
    /// The claim with the scopes: words in one string (RFC 8693, section 4.2) or an array of strings.
    pub scope_claim: Box<str>,
    /// Accepted values of `typ`, without regard to case and to a leading `application/`. A token without
    /// `typ` is accepted.
    pub types: Vec<Box<str>>,
}

/// What holds for the tokens and keys of every issuer.
#[derive(Clone, Debug)]
pub struct JwtConfig {
    /// Accepted issuers, each named once.
    pub issuers: Vec<IssuerConfig>,
    /// How far clocks may differ.
    pub leeway: Duration,
    /// The longest accepted time from a token's `iat` to its `exp`.
    pub max_lifetime: Duration,
    /// The largest accepted token.
    pub max_token_bytes: usize,
    /// Time between two fetches of a key set, give or take 10 %.
    pub refresh_interval: Duration,
    /// Tokens with unknown keys cause at most one fetch in this time.
    pub unknown_key_cooldown: Duration,
    /// How long the last good keys of a URL serve while no fetch succeeds.
    pub keys_max_age: Duration,
    /// The largest accepted key set.
    pub max_jwks_bytes: usize,
    /// Verified tokens that one worker remembers.
    pub cache_capacity: usize,
}
