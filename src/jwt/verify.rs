//! The order of checks. What costs little comes first; of the claims nothing is told before the signature is
//! known to be good, so that a forger learns neither what a token must say nor whether one that was found has
//! expired.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;
use tokio::time::Instant;

use super::claims::{Claims, issued};
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
        self.verify_observed(token, now, &|_| ())
    }

    /// [`Self::verify`], which tells `observer` of a signature that it has checked: whether it was good. Nothing else
    /// that it does costs as much.
    pub fn verify_observed(
        &self,
        token: &str,
        now: Timestamp,
        observer: &dyn Fn(bool),
    ) -> Result<Verified, Rejection> {
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
        let key = check_signature(&compact, &header, keys, index, observer)?;
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

    /// The second look at a token whose key was unknown: [`Self::verify_observed`] after one refetch of `issuer`'s
    /// keys, which it waits for. Its answer is the last word.
    ///
    /// When the issuer's keys cannot be fetched at the moment, an unknown key may be one that was published
    /// since: then it is [`Rejection::KeysUnavailable`], because an outage is never a 401. Nor is it one that the
    /// keys were fetched just before the token was issued, perhaps for a name that a stranger invented:
    /// [`Rejection::KeyPending`].
    pub async fn verify_after_refetch(
        &self,
        issuer: IssuerIndex,
        token: &str,
        now: Timestamp,
        observer: impl Fn(bool),
    ) -> Result<Verified, Rejection> {
        let asked = Instant::now();
        self.refetched(issuer).await;
        self.verify_observed(token, now, &observer).map_err(|rejection| match rejection {
            Rejection::KeyUnknown(_) if self.may_be_newer(issuer, token, now, asked) => self.pending(issuer),
            Rejection::KeyUnknown(_) | Rejection::SuccessorUnknown(_) => self.unknown_key(issuer),
            other => other,
        })
    }

    /// What an unknown key means once no refetch is left to wait for.
    fn unknown_key(&self, index: IssuerIndex) -> Rejection {
        if self.issuer(index).is_some_and(|issuer| issuer.keys.snapshot.load().error().is_some()) {
            Rejection::KeysUnavailable
        } else {
            Rejection::Rejected("the issuer publishes no such key")
        }
    }

    /// Whether the keys were fetched successfully, but neither after somebody `asked` then, nor after the token was
    /// issued. What it says of its age is not proved: who lies gains that it is told to wait.
    fn may_be_newer(&self, index: IssuerIndex, token: &str, now: Timestamp, asked: Instant) -> bool {
        let Some(snapshot) = self.issuer(index).map(|issuer| issuer.keys.snapshot.load()) else {
            return false;
        };
        let Some(fetched) = snapshot.fetched().filter(|_| snapshot.error().is_none()) else { return false };
        let age = self.age(token, now).unwrap_or_default();
        fetched < asked && age <= fetched.elapsed().saturating_add(self.0.lifetime.leeway())
    }

    /// What an unknown key means to somebody who does not wait for the fetch under way: [`Rejection::KeyPending`].
    pub fn pending(&self, index: IssuerIndex) -> Rejection {
        Rejection::KeyPending(self.issuer(index).map(|issuer| issuer.keys.refetch.wait()).unwrap_or_default())
    }

    /// How long ago a token says that it was issued.
    fn age(&self, token: &str, now: Timestamp) -> Option<Duration> {
        let claims = Compact::parse(token, self.0.max_token_bytes).ok()?.claims().ok()?;
        let age = now.as_duration().checked_sub(issued(&claims).ok()??)?;
        Duration::try_from(age).ok()
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
    observer: &dyn Fn(bool),
) -> Result<&'k Key, Rejection> {
    let key = keys.select(header.kid, header.algorithm).map_err(|fault| match fault {
        NoKey::Unknown => Rejection::KeyUnknown(issuer),
        NoKey::WrongAlgorithm => Rejection::Rejected("alg is not that of the key"),
        NoKey::Ambiguous => Rejection::Rejected("kid is missing and several keys fit"),
    })?;
    let good = key.verifies(compact.signed, &compact.signature);
    observer(good);
    if good {
        Ok(key)
    } else if header.kid.is_none() || !keys.is_named_by_tokens() {
        Err(Rejection::SuccessorUnknown(issuer))
    } else {
        Err(Rejection::Rejected("the signature is not that of the key"))
    }
}
