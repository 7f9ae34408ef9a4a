//! What a minted token says.

use std::hash::{BuildHasher, Hasher, RandomState};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

/// How long before its end an expired token was issued.
const PAST_LIFE: SignedDuration = SignedDuration::from_hours(1);

/// The claims of a token that is to be minted, under the names that the gateway looks for by default.
#[derive(Clone, Debug)]
pub struct Claims {
    /// `tenant`
    tenant: String,
    /// `sub`
    subject: String,
    /// `aud`
    audience: String,
    /// `scope`, as words with spaces between; none for no such claim.
    scopes: Vec<String>,
    /// From now until `exp`. Negative: the token expired so long ago.
    lifetime: SignedDuration,
}

impl Claims {
    /// Claims for one hour, without scopes.
    pub fn new(tenant: impl Into<String>, subject: impl Into<String>, audience: impl Into<String>) -> Self {
        Self {
            tenant: tenant.into(),
            subject: subject.into(),
            audience: audience.into(),
            scopes: Vec::new(),
            lifetime: SignedDuration::from_hours(1),
        }
    }

    /// With these scopes.
    pub fn scopes<S: Into<String>>(mut self, scopes: impl IntoIterator<Item = S>) -> Self {
        self.scopes = scopes.into_iter().map(Into::into).collect();
        self
    }

    /// With this much time until `exp`.
    pub fn lifetime(mut self, lifetime: SignedDuration) -> Self {
        self.lifetime = lifetime;
        self
    }

    /// The token's payload.
    pub(super) fn to_json(&self, issuer: &str, now: Timestamp) -> Value {
        let expiry = now.as_second().saturating_add(self.lifetime.as_secs());
        let issued = if self.lifetime.is_positive() {
            now.as_second()
        } else {
            expiry.saturating_sub(PAST_LIFE.as_secs())
        };
        let mut claims = json!({
            "iss": issuer,
            "sub": self.subject,
            "aud": self.audience,
            "iat": issued,
            "exp": expiry,
            "jti": token_id(),
            "tenant": self.tenant,
        });
        if let (false, Some(members)) = (self.scopes.is_empty(), claims.as_object_mut()) {
            members.insert("scope".into(), self.scopes.join(" ").into());
        }
        claims
    }
}

/// 16 hexadecimal digits. It tells tokens apart and guards nothing, so the standard library's randomly keyed hash
/// will do.
fn token_id() -> String {
    format!("{:016x}", RandomState::new().build_hasher().finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn payload(claims: &Claims) -> Value {
        claims.to_json("me", Timestamp::from_second(1_000_000).unwrap())
    }

    #[test]
    fn a_token_without_scopes_has_no_such_claim() {
        let claims = Claims::new("crm", "huangcl", "confgate");
        assert_eq!(payload(&claims).get("scope"), None);
        assert_eq!(payload(&claims.scopes(["get", "kick"]))["scope"], "get kick");
    }

    #[test]
    fn an_expired_token_was_issued_before_it_expired() {
        let claims = Claims::new("crm", "huangcl", "confgate");
        let live = payload(&claims);
        assert_eq!((&live["iat"], &live["exp"]), (&json!(1_000_000), &json!(1_003_600)));
        let expired = payload(&claims.lifetime(SignedDuration::from_secs(-60)));
        assert_eq!((&expired["iat"], &expired["exp"]), (&json!(996_340), &json!(999_940)));
    }
}
