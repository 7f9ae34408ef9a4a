//! What tells whether a connection is still of use: its streams, and signs of life.

use std::cell::Cell;
use std::rc::Rc;
use std::task::Context;
use std::time::Duration;

use h2::{Ping, PingPong};
use tokio::time::Instant;

/// A connection's streams: those being answered, and those answered whose bodies are read over.
#[derive(Debug)]
pub(super) struct OpenStreams {
    /// Those being answered.
    pub(super) count: Cell<usize>,
    /// Those that are answered already, whose bodies are read over.
    pub(super) skipped: Cell<usize>,
    /// When one was being answered last.
    pub(super) last: Cell<Instant>,
}

impl OpenStreams {
    /// None, on a connection that begins now.
    pub(super) fn new() -> Rc<Self> {
        Rc::new(Self { count: Cell::new(0), skipped: Cell::new(0), last: Cell::new(Instant::now()) })
    }
}

/// Counts a stream for as long as it is being answered.
pub(super) struct OpenStream(Rc<OpenStreams>);

impl OpenStream {
    pub(super) fn among(streams: &Rc<OpenStreams>) -> Self {
        streams.count.set(streams.count.get() + 1);
        Self(Rc::clone(streams))
    }
}

impl Drop for OpenStream {
    fn drop(&mut self) {
        self.0.count.set(self.0.count.get().saturating_sub(1));
        self.0.last.set(Instant::now());
    }
}

/// Counts a stream for as long as its body is read over, among a worker's.
pub(super) struct SkippedStream {
    streams: Rc<OpenStreams>,
    _place: Rc<()>,
}

impl SkippedStream {
    /// None where there are `most` on the worker already: whoever has no token could have it do nothing else.
    pub(super) fn among(streams: &Rc<OpenStreams>, places: &Rc<()>, most: usize) -> Option<Self> {
        // One is the worker's own.
        let place = (Rc::strong_count(places) <= most).then(|| Rc::clone(places))?;
        streams.skipped.set(streams.skipped.get() + 1);
        Some(Self { streams: Rc::clone(streams), _place: place })
    }
}

impl Drop for SkippedStream {
    fn drop(&mut self) {
        self.streams.skipped.set(self.streams.skipped.get().saturating_sub(1));
    }
}

/// Signs of life that the caller is asked for.
pub(super) struct Pings {
    line: PingPong,
    every: Duration,
    patience: Duration,
    next: Instant,
    asked: Option<Instant>,
}

impl Pings {
    /// On a connection that begins now: a PING `every` so long, answered within `patience`.
    pub(super) fn new(line: PingPong, every: Duration, patience: Duration) -> Self {
        Self { line, every, patience, next: Instant::now() + every, asked: None }
    }

    /// Takes note of an answer.
    pub(super) fn poll_pong(&mut self, cx: &mut Context<'_>) {
        if self.asked.is_some() && self.line.poll_pong(cx).is_ready() {
            self.asked = None;
        }
    }

    /// Asks where it is time to. Whether the caller is still there, as far as is known.
    pub(super) fn keep_alive(&mut self, now: Instant) -> bool {
        if self.asked.is_some_and(|asked| now >= asked + self.patience) {
            return false;
        }
        if self.asked.is_none() && now >= self.next {
            self.asked = self.line.send_ping(Ping::opaque()).is_ok().then_some(now);
            self.next = now + self.every;
        }
        true
    }

    /// When there is something to do next.
    pub(super) fn due(&self) -> Instant {
        self.asked.map_or(self.next, |asked| asked + self.patience)
    }
}
