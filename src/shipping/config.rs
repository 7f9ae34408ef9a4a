use std::fmt;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use http::HeaderValue;
use http::header::InvalidHeaderValue;
use secrecy::{ExposeSecret, SecretString};

use super::form::Form;
use crate::upstream::Endpoint;

/// The operator's name for a consumer. It is part of a file's name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ConsumerName(Arc<str>);

/// A name that no consumer can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a consumer's name must be 1 to 32 lower-case letters, digits, \"-\" and \"_\"")]
pub struct InvalidConsumerName;

impl ConsumerName {
    /// Accepts 1 to 32 lower-case letters, digits, `-` and `_`: the same file on every file system.
    pub fn parse(text: &str) -> Result<Self, InvalidConsumerName> {
        let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_';
        let fits = (1..=32).contains(&text.len()) && text.bytes().all(allowed);
        fits.then(|| Self(text.into())).ok_or(InvalidConsumerName)
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ConsumerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One consumer of the trail.
#[derive(Clone, Debug)]
pub struct ConsumerConfig {
    /// What its cursor, its metrics and its requests are called by.
    pub name: ConsumerName,
    /// What a record looks like when it arrives.
    pub form: Form,
    /// Where it begins when it has no cursor yet.
    pub beginning: Beginning,
    /// The most records of a batch.
    pub batch_records: NonZeroUsize,
    /// The most bytes of a batch, unless one record alone is larger.
    pub batch_bytes: usize,
    /// The longest wait after failed attempts, unless the receiver asks for more.
    pub max_backoff: Duration,
    /// Where the records go.
    pub sink: SinkConfig,
}

/// Where a new consumer begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Beginning {
    /// With the first line that is kept.
    Start,
    /// With the first line after the gateway's start.
    Now,
}

/// Where records go.
#[derive(Clone, Debug)]
pub enum SinkConfig {
    /// To standard output, for whatever collects it.
    Stdout,
    /// To an HTTP endpoint.
    Http(HttpSinkConfig),
}

/// An endpoint that takes batches.
#[derive(Clone, Debug)]
pub struct HttpSinkConfig {
    /// Where batches are posted to.
    pub url: Endpoint,
    /// The bearer token that is sent with them, if the endpoint wants one. Visible ASCII.
    pub token: ReceiverToken,
    /// How the records of a batch are put together.
    pub framing: Framing,
    /// One attempt, from resolving the name to the head of the answer.
    pub timeout: Duration,
}

/// How the records of a batch are put together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// One after the other, each a line: `application/x-ndjson`.
    Lines,
    /// As one JSON array, `application/json`: all that the HTTP inputs of some collectors take.
    Array,
}

/// A receiver's bearer token, if it wants one. Clones have the same, also after it was replaced.
#[derive(Clone, Debug, Default)]
pub struct ReceiverToken(Arc<ArcSwapOption<SecretString>>);

impl ReceiverToken {
    /// This token.
    pub fn new(token: Option<SecretString>) -> Self {
        Self(Arc::new(ArcSwapOption::from_pointee(token)))
    }

    /// What `Authorization` says, as of now. Fails when the token does not fit into a header.
    pub(crate) fn authorization(&self) -> Result<Option<HeaderValue>, InvalidHeaderValue> {
        let Some(token) = self.0.load_full() else { return Ok(None) };
        let mut value = HeaderValue::try_from(format!("Bearer {}", token.expose_secret()))?;
        value.set_sensitive(true);
        Ok(Some(value))
    }

    /// Whether there is one.
    pub fn is_there(&self) -> bool {
        self.0.load().is_some()
    }

    /// Has the token of another from the next batch on.
    pub fn take_over(&self, other: &Self) {
        self.0.store(other.0.load_full());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_safe_in_a_file_s_name() {
        for good in ["siem", "a", "billing-2", "a_b", &"x".repeat(32)] {
            assert_eq!(ConsumerName::parse(good).unwrap().as_str(), good);
        }
        for bad in ["", "Siem", "a/b", "..", "a.b", "a b", "ä", "a\0", &"x".repeat(33)] {
            assert_eq!(ConsumerName::parse(bad), Err(InvalidConsumerName), "{bad:?}");
        }
    }
}
