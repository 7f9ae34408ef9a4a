//! The order of checks. What costs little comes first; of the claims nothing is told before the signature is
//! known to be good, so that a forger learns neither what a token must say nor whether one that was found has
//! expired.

use jiff::Timestamp;
use serde_json::Value;
use tokio::time::Instant;

use super::claims::Claims;
use super::compact::Compact;
use super::header::Header;
use super::issuer::Issuer;
use super::key::{Fingerprint, Key};
use super::keyset::{KeySet, NoKey};
use super::lifetime::Window;
use super::object::Object;
use super::{IssuerIndex, Keyring, Rejection};
use crate::domain::Principal;

/// A token that passed every check but that of its time. Made here only.
#[derive(Clone, Debug)]
pub struct Verified {
    /// The caller.
    pub principal: Principal,
    pub(super) issuer: IssuerIndex,
    pub(super) key: Fingerprint,
    pub(super) generation: u64,
    pub(super) window: Window,
}

impl Verified {
    /// Whether it lives at `now`; otherwise it is expired, or not valid yet.
    pub fn check(&self, now: Timestamp) -> Result<(), Rejection> {
        self.window.check(now)
    }
}

impl Keyring {
    /// Checks a token with the keys as they are, without waiting for anything. Whether it lives at `now` is left to
    /// [`Verified::check`]: that an issuer has signed it is worth knowing of one that does not, too.
    ///
    /// [`Rejection::KeyUnknown`] and [`Rejection::SuccessorUnknown`] are not the last word: see
    /// [`Self::verify_after_refetch`].
    pub fn verify(&self, token: &str, now: Timestamp) -> Result<Verified, Rejection> {
        let compact = Compact::parse(token, self.0.max_token_bytes)?;
        let header = Header::read(&compact.header)?;
        let claims = compact.claims()?;
        let (index, issuer) = self.issuer_of(&claims)?;
        header.check_type(&issuer.config.types)?;
        if !issuer.config.algorithms.contains(&header.algorithm) {
            return Err(Rejection::Rejected("alg is not accepted from this issuer"));
        }
        let snapshot = issuer.keys.snapshot.load();
        let keys = snapshot.usable(Instant::now()).ok_or(Rejection::KeysUnavailable)?;
        let key = check_signature(&compact, &header, keys, index)?;
        let claims = Claims::read(&claims, &issuer.config)?;
        let window = self.0.lifetime.window(&claims, now)?;
        Ok(Verified {
            principal: claims.principal,
            issuer: index,
            key: key.fingerprint(),
            generation: snapshot.generation(),
            window,
        })
    }

    /// The second look at a token whose key was unknown: [`Self::verify`] after one refetch of `issuer`'s keys, which
    /// it waits for. Its answer is the last word.
    ///
    /// When the issuer's keys cannot be fetched at the moment, an unknown key may be one that was published
    /// since: then it is [`Rejection::KeysUnavailable`], because an outage is never a 401.
    pub async fn verify_after_refetch(
        &self,
        issuer: IssuerIndex,
        token: &str,
        now: Timestamp,
    ) -> Result<Verified, Rejection> {
        self.refetched(issuer).await;
        self.verify(token, now).map_err(|rejection| match rejection {
            Rejection::KeyUnknown(index) | Rejection::SuccessorUnknown(index) => self.unknown_key(index),
            other => other,
        })
    }

    /// What an unknown key means once no refetch is left to wait for.
    fn unknown_key(&self, index: IssuerIndex) -> Rejection {
        let failing = |issuer: &Issuer| issuer.keys.snapshot.load().error().is_some();
        if self.issuer(index).is_some_and(failing) {
            Rejection::KeysUnavailable
        } else {
            Rejection::Rejected("the issuer publishes no such key")
        }
    }

    /// `iss` is read before the signature is checked: it says whose key to check it with.
    fn issuer_of(&self, claims: &Object) -> Result<(IssuerIndex, &Issuer), Rejection> {
        let name = claims
            .get("iss")
            .and_then(Value::as_str)
            .ok_or(Rejection::Rejected("iss is missing or not a string"))?;
        let mut issuers = self.0.issuers.iter().enumerate();
        issuers
            .find(|(_, issuer)| *issuer.config.issuer == *name)
            .map(|(index, issuer)| (IssuerIndex(index), &**issuer))
            .ok_or(Rejection::Rejected("iss is not an accepted issuer"))
    }
}

/// Finds the key and checks the signature with it.
fn check_signature<'k>(
    compact: &Compact<'_>,
    header: &Header<'_>,
    keys: &'k KeySet,
    issuer: IssuerIndex,
) -> Result<&'k Key, Rejection> {
    let key = keys.select(header.kid, header.algorithm).map_err(|fault| match fault {
        NoKey::Unknown => Rejection::KeyUnknown(issuer),
        NoKey::WrongAlgorithm => Rejection::Rejected("alg is not that of the key"),
        NoKey::Ambiguous => Rejection::Rejected("kid is missing and several keys fit"),
    })?;
    if key.verifies(compact.signed, &compact.signature) {
        Ok(key)
    } else if header.kid.is_none() || !keys.is_named_by_tokens() {
        Err(Rejection::SuccessorUnknown(issuer))
    } else {
        Err(Rejection::Rejected("the signature is not that of the key"))
    }
}
