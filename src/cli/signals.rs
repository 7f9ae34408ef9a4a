use std::convert::Infallible;
use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// The signal that asks a program to read its configuration again.
pub(super) struct Hangups(Signal);

impl Hangups {
    /// From here on it does not end the process. Needs a tokio runtime around it.
    pub(super) fn listen() -> io::Result<Self> {
        signal(SignalKind::hangup()).map(Self)
    }

    /// Calls `heard` each time, for ever.
    pub(super) async fn each(mut self, heard: impl Fn()) -> Infallible {
        loop {
            match self.0.recv().await {
                Some(()) => heard(),
                None => std::future::pending().await,
            }
        }
    }
}

/// The signals that ask a program to end.
pub(super) struct EndSignals {
    terminate: Signal,
    interrupt: Signal,
}

impl EndSignals {
    /// From here on they do not end the process by themselves. Needs a tokio runtime around it.
    pub(super) fn listen() -> io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    /// The next one.
    pub(super) async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
