//! Callers over sockets: the healthy one, whose time is taken, and what the others are made of.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{MissedTickBehavior, interval};

use crate::sockets::{ask, connect, runtime, within};
use crate::world::CONFERENCE;

/// Between two requests of the healthy caller.
const THINKS: Duration = Duration::from_millis(2);

/// What the healthy caller saw.
#[derive(Default)]
pub(crate) struct Measured {
    /// Of its requests, shortest first.
    took: Vec<Duration>,
    /// Not answered with 200.
    pub(crate) failed: usize,
}

impl Measured {
    pub(crate) fn requests(&self) -> usize {
        self.took.len()
    }

    /// The time within which so many percent were answered.
    pub(crate) fn at(&self, percent: usize) -> Duration {
        within(&self.took, percent)
    }
}

/// Asks for `time`, one after another on one connection.
pub(crate) fn healthy(address: SocketAddr, token: &str, time: Duration) -> Measured {
    let request = get(CONFERENCE, token, "");
    runtime().block_on(async {
        let mut measured = Measured::default();
        let mut stream = connect(address, false).await.expect("a connection");
        let mut pace = interval(THINKS);
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let end = Instant::now() + time;
        while Instant::now() < end {
            pace.tick().await;
            let started = Instant::now();
            let status = ask(&mut stream, &request).await;
            measured.took.push(started.elapsed());
            if status != Some(200) {
                measured.failed += 1;
                stream = connect(address, false).await.expect("a connection");
            }
        }
        measured.took.sort_unstable();
        measured
    })
}

/// The head of a get with this token, and `more` lines.
pub(crate) fn get(path: &str, token: &str, more: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: gate.test\r\nauthorization: Bearer {token}\r\n{more}\r\n")
}

/// What the server at `address` says about `path`, with its head.
pub(crate) fn asked(address: SocketAddr, path: &str) -> String {
    runtime().block_on(async {
        let mut stream = connect(address, false).await.expect("a connection");
        let request = format!("GET {path} HTTP/1.1\r\nhost: gate.test\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.expect("a request");
        let mut answer = Vec::new();
        // An end that is no clean one is one all the same.
        let _ = stream.read_to_end(&mut answer).await;
        String::from_utf8_lossy(&answer).into_owned()
    })
}
