use std::io;

use crate::http1::Malformed;
use crate::upstream::ConnectError;

/// How far a request came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// There was no connection: no byte of it left.
    Connect,
    /// The connection ended before the request was begun: no byte of it left.
    Unsent,
    /// It was begun, and may have arrived.
    Sent,
}

/// A request without an answer.
#[derive(Debug, thiserror::Error)]
#[error("{source}")]
pub struct SendError {
    /// How far the request came: whether sending it again can make it happen twice.
    pub stage: Stage,
    /// Whether the connection had served a request before: it may have died of old age.
    pub reused: bool,
    /// Whether there was an answer, but no proper one.
    pub malformed: bool,
    /// What happened.
    pub source: SendFault,
}

/// What kept the answer away. Holds nothing of the request or the answer.
#[derive(Debug, thiserror::Error)]
pub enum SendFault {
    /// No connection.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The connection broke, or what came is no HTTP.
    #[error(transparent)]
    Wire(#[from] WireFault),
    /// An answer of status 101, which nobody asked for.
    #[error("the server switched protocols unasked")]
    SwitchedProtocols,
    /// The body is coded in a way that nobody asked for.
    #[error("the answer has a transfer coding other than chunked")]
    Coded,
}

/// Why an answer ends before its end.
#[derive(Debug, thiserror::Error)]
pub enum WireFault {
    /// The connection broke.
    #[error("the connection broke: {0}")]
    Io(#[source] io::Error),
    /// The server closed it.
    #[error("the connection was closed before the answer was complete")]
    Closed,
    /// It is no HTTP/1.
    #[error("the answer is malformed: {0}")]
    Malformed(&'static str),
}

impl From<Malformed> for WireFault {
    fn from(Malformed(what): Malformed) -> Self {
        Self::Malformed(what)
    }
}

impl SendError {
    /// Whether it is this machine that has nothing left to connect with, which says nothing about the other.
    pub fn is_local(&self) -> bool {
        matches!(&self.source, SendFault::Connect(error) if error.is_local())
    }

    /// On a connection that had served no request before.
    pub(super) fn unsent(error: io::Error) -> Self {
        Self { stage: Stage::Unsent, reused: false, malformed: false, source: WireFault::Io(error).into() }
    }

    pub(super) fn sent(source: SendFault, reused: bool) -> Self {
        let malformed = !matches!(source, SendFault::Wire(WireFault::Io(_) | WireFault::Closed));
        Self { stage: Stage::Sent, reused, malformed, source }
    }
}

impl From<ConnectError> for SendError {
    fn from(error: ConnectError) -> Self {
        Self { stage: Stage::Connect, reused: false, malformed: false, source: error.into() }
    }
}
