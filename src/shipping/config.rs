use std::fmt;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;

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
    pub token: Option<SecretString>,
    /// One attempt, from resolving the name to the head of the answer.
    pub timeout: Duration,
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
