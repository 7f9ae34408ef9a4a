use std::sync::Arc;

use super::TenantId;

/// The scopes that a token grants, as one list of words separated by spaces (RFC 8693, section 4.2).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scopes(Arc<[Box<str>]>);

impl Scopes {
    /// Takes the words as they come; order and repetition do not matter.
    pub fn new<'a>(words: impl IntoIterator<Item = &'a str>) -> Self {
        Self(words.into_iter().map(Into::into).collect())
    }

    /// Whether `scope` is granted. Compared byte by byte (RFC 6749, section 3.3).
    pub fn grants(&self, scope: &str) -> bool {
        self.0.iter().any(|word| &**word == scope)
    }
}

/// The verified caller: everything that later stages may know about the token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// The issuer that signed the token, as configured.
    pub issuer: Arc<str>,
    /// Named by the issuer's tenant claim; not yet known to be a configured tenant.
    pub tenant: TenantId,
    /// The subject claim: 1 to 256 bytes without control characters.
    pub subject: Arc<str>,
    /// The caller's name at the vendor: the issuer's user claim (by default the subject), unparsed.
    pub user: Arc<str>,
    /// What the token allows.
    pub scopes: Scopes,
    /// `jti` (RFC 7519, section 4.1.7), where the token has one: at most 256 bytes.
    pub token_id: Option<Arc<str>>,
}
