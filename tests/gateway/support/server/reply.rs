//! What a server does about one request: an answer as it should be, or any way to fail at it.

use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;
use tokio::sync::watch;

use crate::support::wire::Headers;

/// A door that is closed until the test opens it, and then stays open.
#[derive(Clone, Debug)]
pub(crate) struct Gate(std::sync::Arc<watch::Sender<bool>>);

impl Gate {
    pub(crate) fn closed() -> Self {
        Self(std::sync::Arc::new(watch::Sender::new(false)))
    }

    pub(crate) fn open(&self) {
        self.0.send_replace(true);
    }

    pub(super) async fn passed(&self) {
        self.0.subscribe().wait_for(|open| *open).await.expect("the gate is held here");
    }
}

/// What the server does about one request.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(super) act: Act,
    pub(super) gate: Option<Gate>,
}

#[derive(Clone, Debug)]
pub(super) enum Act {
    Answer(u16, Headers, Vec<u8>),
    Steps(Vec<Step>),
}

/// A part of an answer, or an end of it. After the last one, the connection serves the next request.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// These bytes.
    Bytes(Bytes),
    /// These bytes so many times over: more than anybody should read.
    Flood(Bytes, usize),
    /// These bytes one by one, with so much time in between.
    Trickle(Bytes, Duration),
    /// Waits for the gate.
    Pass(Gate),
    /// The end of the stream, in good order.
    Close,
    /// The connection reset (RST).
    Reset,
    /// Nothing more, for as long as the other side has patience.
    Hang,
}

/// These bytes as a step of an answer.
pub(crate) fn bytes(bytes: impl Into<Vec<u8>>) -> Step {
    Step::Bytes(bytes.into().into())
}

impl Reply {
    fn new(act: Act) -> Self {
        Self { act, gate: None }
    }

    /// A status without a body.
    pub(crate) fn status(status: u16) -> Self {
        Self::new(Act::Answer(status, Headers::default(), Vec::new()))
    }

    pub(crate) fn json(status: u16, body: &Value) -> Self {
        Self::body(status, "application/json", body.to_string())
    }

    pub(crate) fn body(status: u16, media_type: &str, body: impl Into<Vec<u8>>) -> Self {
        let media_type = ("Content-Type".to_owned(), media_type.to_owned());
        Self::new(Act::Answer(status, Headers(vec![media_type]), body.into()))
    }

    /// One thing after the other.
    pub(crate) fn steps(steps: impl Into<Vec<Step>>) -> Self {
        Self::new(Act::Steps(steps.into()))
    }

    /// These bytes, and the connection closed.
    pub(crate) fn raw(raw: impl Into<Vec<u8>>) -> Self {
        Self::steps([bytes(raw), Step::Close])
    }

    /// These bytes, and the connection kept open for more.
    pub(crate) fn kept(raw: impl Into<Vec<u8>>) -> Self {
        Self::steps([bytes(raw)])
    }

    /// The connection closed without an answer.
    pub(crate) fn close() -> Self {
        Self::steps([Step::Close])
    }

    /// The connection reset (RST) without an answer.
    pub(crate) fn reset() -> Self {
        Self::steps([Step::Reset])
    }

    /// Nothing at all, for as long as the other side has patience.
    pub(crate) fn hang() -> Self {
        Self::steps([Step::Hang])
    }

    /// One header field more.
    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        let Act::Answer(_, headers, _) = &mut self.act else {
            panic!("only an answer has headers");
        };
        headers.0.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The status that it answers with, if it answers with one.
    pub(crate) fn status_code(&self) -> Option<u16> {
        match &self.act {
            Act::Answer(status, ..) => Some(*status),
            Act::Steps(_) => None,
        }
    }

    /// Not before `gate` is open.
    pub(crate) fn behind(mut self, gate: &Gate) -> Self {
        self.gate = Some(gate.clone());
        self
    }
}

/// An answer in the bytes that it is sent as.
pub(super) fn message(status: u16, headers: &Headers, body: &[u8]) -> Vec<u8> {
    let mut message = format!("HTTP/1.1 {status} Scripted\r\n").into_bytes();
    for (name, value) in &headers.0 {
        message.extend(format!("{name}: {value}\r\n").bytes());
    }
    let says_length = |name: &str| !headers.all(name).is_empty();
    if !says_length("content-length") && !says_length("transfer-encoding") && status != 204 && status != 304 {
        message.extend(format!("Content-Length: {}\r\n", body.len()).bytes());
    }
    message.extend([b"\r\n", body].concat());
    message
}
