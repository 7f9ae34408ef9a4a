use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Between two lines of the log about callers that misbehave.
const LOG_INTERVAL: Duration = Duration::from_secs(10);

/// What a caller of HTTP/2 sends too much of, or does too often.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flood {
    /// PING, SETTINGS, PRIORITY, `WINDOW_UPDATE`, DATA without data, or what is not known.
    Control,
    /// Requests that are reset as soon as they are sent.
    Reset,
    /// What the implementation of HTTP/2 itself does not put up with, such as CONTINUATION without end.
    Other,
}

impl Flood {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Control, Self::Reset, Self::Other];

    /// The value of the metric's label.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Control => "control",
            Self::Reset => "reset",
            Self::Other => "other",
        }
    }
}

/// Counts callers that misbehave below the level of requests. Clones count the same.
#[derive(Clone, Debug, Default)]
pub struct Misbehaviour(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    handshakes: AtomicU64,
    floods: [AtomicU64; Flood::ALL.len()],
    last_logged: Mutex<Option<Instant>>,
}

impl Misbehaviour {
    /// TLS handshakes that came to nothing.
    pub fn handshakes(&self) -> u64 {
        self.0.handshakes.load(Ordering::Relaxed)
    }

    /// Connections that were ended for this kind of flood.
    pub fn floods(&self, kind: Flood) -> u64 {
        self.0.floods.get(kind as usize).map_or(0, |count| count.load(Ordering::Relaxed))
    }

    pub(super) fn note_handshake(&self, error: &std::io::Error) {
        self.0.handshakes.fetch_add(1, Ordering::Relaxed);
        tracing::debug!(%error, "a TLS handshake failed");
    }

    /// One line of the log stands for all in [`LOG_INTERVAL`].
    pub(super) fn note_flood(&self, kind: Flood, client: std::net::IpAddr) {
        if let Some(count) = self.0.floods.get(kind as usize) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        let Ok(mut last) = self.0.last_logged.lock() else { return };
        if last.is_none_or(|last| last.elapsed() > LOG_INTERVAL) {
            *last = Some(Instant::now());
            tracing::warn!(%client, kind = kind.as_str(), "an HTTP/2 connection was ended for a flood of frames");
        }
    }
}
