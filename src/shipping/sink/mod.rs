//! Where batches go. A sink delivers a batch or says why not; what to do then is the consumer's to decide.

mod http;
mod stdout;

use std::io;
use std::time::Duration;

use http::HttpSink;
use stdout::StdoutSink;

use super::backlog::Batch;
use super::config::{ConsumerConfig, SinkConfig};
use crate::upstream::Connector;

/// One consumer's way to its receiver.
pub(super) enum Sink {
    Stdout(StdoutSink),
    Http(Box<HttpSink>),
}

/// Why a batch is not acknowledged. Holds nothing of the batch, the answer or the token.
#[derive(Debug, thiserror::Error)]
pub(super) enum Undelivered {
    /// It may be another time.
    #[error("{why}")]
    Failed {
        why: String,
        /// How long the receiver asks to be left alone.
        retry_after: Option<Duration>,
        /// Whether a smaller batch might have fared better: the exchange broke off or took too long.
        may_be_too_large: bool,
    },
    /// The receiver takes no batch this large.
    #[error("the receiver takes no batch of {records} records ({bytes} bytes): it answered 413")]
    TooLarge { records: usize, bytes: usize },
}

impl Undelivered {
    fn because(why: impl Into<String>) -> Self {
        Self::Failed { why: why.into(), retry_after: None, may_be_too_large: false }
    }
}

impl Sink {
    pub(super) fn new(config: &ConsumerConfig, connector: &Connector) -> io::Result<Self> {
        Ok(match &config.sink {
            SinkConfig::Stdout => Self::Stdout(StdoutSink::new()?),
            SinkConfig::Http(http) => {
                let sink = HttpSink::new(http, &config.name, config.form, connector);
                Self::Http(Box::new(sink.map_err(io::Error::other)?))
            }
        })
    }

    /// Returns once the receiver has acknowledged every record of the batch.
    pub(super) async fn deliver(&mut self, batch: &Batch) -> Result<(), Undelivered> {
        match self {
            Self::Stdout(stdout) => stdout.deliver(batch).await,
            Self::Http(http) => http.deliver(batch).await,
        }
    }
}
