use std::fmt;
use std::time::Duration;

/// Names one of the configured issuers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct IssuerIndex(pub(super) usize);

/// Why a token is not accepted. The texts are for the trail: they say which rule was broken, never a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rejection {
    /// It is no JWS in compact serialization with JSON objects inside.
    Malformed(&'static str),
    /// Issuer, audience, algorithm, key, signature or a claim is not acceptable.
    Rejected(&'static str),
    /// It was good once.
    Expired,
    /// It will be good later.
    NotYetValid,
    /// The issuer publishes no such key as far as is known; a refetch may tell.
    KeyUnknown(IssuerIndex),
    /// The key was found by its algorithm alone, and the signature is not its own: it may be that of a successor, and a
    /// refetch may tell.
    SuccessorUnknown(IssuerIndex),
    /// Nobody can tell yet whether it is good: it may be newer than the keys, which were fetched a moment ago and will
    /// be again when somebody asks after this time.
    KeyPending(Duration),
    /// Nobody can tell whether it is good: the issuer's keys cannot be had.
    KeysUnavailable,
}

impl Rejection {
    /// For the trail: what exactly was found.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Malformed(reason) | Self::Rejected(reason) => reason,
            Self::Expired => "exp has passed",
            Self::NotYetValid => "nbf or iat lies ahead",
            Self::KeyUnknown(_) | Self::SuccessorUnknown(_) => "the issuer publishes no such key",
            Self::KeyPending(_) => "the key is unknown, and may be newer than the last fetch",
            Self::KeysUnavailable => "the issuer's keys are not available",
        }
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.reason())
    }
}

impl std::error::Error for Rejection {}
