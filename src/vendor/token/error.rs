use std::time::Duration;

/// Why a fetch brought no token. Holds nothing of the credentials, and of the answer at most its error word.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenFault {
    /// No fetch has ended yet.
    #[error("the first token is being fetched")]
    Starting,
    /// The vendor did not answer.
    #[error("the token endpoint cannot be reached: {0}")]
    Unreachable(String),
    /// The vendor answered with another status than 200.
    #[error("the token endpoint answered {status}{}", error.as_deref().map(|e| format!(" ({e})")).unwrap_or_default())]
    Refused {
        /// The status.
        status: u16,
        /// The vendor's `error`, if it is a plain word.
        error: Option<Box<str>>,
    },
    /// The answer is 200, and holds no token that could be used.
    #[error("the token endpoint's answer cannot be used: {0}")]
    Malformed(&'static str),
    /// The token was fetched just now, and the vendor refuses it all the same.
    #[error("the token was renewed a moment ago and is refused again")]
    JustRenewed,
    /// The token has expired so soon that the next may not be fetched yet.
    #[error("the token has expired, and it is too early to fetch another")]
    Expired,
    /// The gateway is about to stop.
    #[error("the gateway is shutting down")]
    Stopped,
}

impl TokenFault {
    /// Whether only a person can cure it: bad credentials, or no such org or app on this cluster.
    pub fn is_permanent(&self) -> bool {
        matches!(self, Self::Refused { status: 400 | 401 | 404, .. })
    }
}

/// There is no token, or no other token, and a fetch is not due.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{fault}")]
pub struct TokenUnavailable {
    /// Why.
    pub fault: TokenFault,
    /// When a fetch may be made again.
    pub retry_after: Duration,
}
