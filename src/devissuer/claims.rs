//! What a minted token says.

use std::hash::{BuildHasher, Hasher, RandomState};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

/// How long before its end an expired token was issued.
const PAST_LIFE: SignedDuration = SignedDuration::from_hours(1);

/// The claims of a token that is to be minted, under the names that the gateway looks for by default.
#[derive(Clone, Debug)]
pub struct Claims {
    /// `tenant`
    pub tenant: String,
    /// `sub`
    pub subject: String,
    /// `aud`
    pub audience: String,
    /// `scope`, as words with spaces between; none for no such claim.
    pub scopes: Vec<String>,
    /// From now until `exp`. Negative: the token has expired so long ago.
    pub lifetime: SignedDuration,
    /// From now until `nbf`; none for no such claim.
    pub not_before: Option<SignedDuration>,
    /// Further claims, which replace those above of the same name. A null takes the claim away.
    pub extra: Map<String, Value>,
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
            not_before: None,
            extra: Map::new(),
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

    /// With this much time until `nbf`.
    pub fn not_before(mut self, wait: SignedDuration) -> Self {
        self.not_before = Some(wait);
        self
    }

    /// With one more claim, or another value for one; null takes it away.
    pub fn with(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.extra.insert(name.into(), value.into());
        self
    }

    /// The token's payload.
    pub(super) fn to_json(&self, issuer: &str, now: Timestamp) -> Map<String, Value> {
        let expiry = now.as_second().saturating_add(self.lifetime.as_secs());
        let issued = if self.lifetime.is_positive() {
            now.as_second()
        } else {
            expiry.saturating_sub(PAST_LIFE.as_secs())
        };
        let not_before = self.not_before.map(|wait| now.as_second().saturating_add(wait.as_secs()));
        let scope = (!self.scopes.is_empty()).then(|| self.scopes.join(" "));
        let mut claims = Map::new();
        for (name, value) in [
            ("iss", json!(issuer)),
            ("sub", json!(self.subject)),
            ("aud", json!(self.audience)),
            ("iat", json!(issued)),
            ("nbf", json!(not_before)),
            ("exp", json!(expiry)),
            ("jti", json!(token_id())),
            ("tenant", json!(self.tenant)),
            ("scope", json!(scope)),
        ] {
            claims.insert(name.into(), value);
        }
        claims.extend(self.extra.clone());
        claims.retain(|_, value| !value.is_null());
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
        Value::Object(claims.to_json("me", Timestamp::from_second(1_000_000).unwrap()))
    }

    #[test]
    fn extra_claims_replace_and_take_away() {
        let claims = Claims::new("crm", "huangcl", "confgate")
            .with("aud", json!(["a", 1]))
            .with("tenant", Value::Null);
        let payload = payload(&claims);
        assert_eq!(payload["aud"], json!(["a", 1]));
        assert_eq!((payload.get("tenant"), payload.get("nbf"), payload.get("scope")), (None, None, None));
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
