use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::Rejection;
use super::claims::Claims;

/// What is accepted of a token's times.
#[derive(Clone, Copy, Debug)]
pub(super) struct LifetimeRules {
    leeway: SignedDuration,
    max_lifetime: SignedDuration,
}

/// From when until when a token is good, leeway included; since the epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Window {
    /// The first moment.
    from: SignedDuration,
    /// The first moment after the last.
    until: SignedDuration,
}

impl LifetimeRules {
    /// Clocks may differ by `leeway`; a token may live for `max_lifetime`, leeway not counted.
    pub(super) fn new(leeway: Duration, max_lifetime: Duration) -> Self {
        let signed = |duration| SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX);
        Self { leeway: signed(leeway), max_lifetime: signed(max_lifetime) }
    }

    /// By how much clocks may differ.
    pub(super) fn leeway(self) -> Duration {
        self.leeway.unsigned_abs()
    }

    /// When the token lives, if that is not too long. Its life begins at `iat`, else at `nbf`, else now.
    pub(super) fn window(self, claims: &Claims, now: Timestamp) -> Result<Window, Rejection> {
        let begin = claims.issued.or(claims.not_before).unwrap_or(now.as_duration());
        if claims.expires.saturating_sub(begin) > self.max_lifetime {
            return Err(Rejection::Rejected("the lifetime is too long"));
        }
        if [claims.issued, claims.not_before].iter().flatten().any(|time| claims.expires <= *time) {
            return Err(Rejection::Rejected("the lifetime is empty"));
        }
        let begin = claims.issued.max(claims.not_before).unwrap_or(SignedDuration::MIN);
        let from = begin.saturating_sub(self.leeway);
        Ok(Window { from, until: claims.expires.saturating_add(self.leeway) })
    }
}

impl Window {
    /// Whether the moment lies within.
    pub(super) fn check(self, now: Timestamp) -> Result<(), Rejection> {
        let now = now.as_duration();
        if now >= self.until {
            Err(Rejection::Expired)
        } else if now < self.from {
            Err(Rejection::NotYetValid)
        } else {
            Ok(())
        }
    }
}
