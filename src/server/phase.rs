//! Where the gateway stands between its start and its end.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use tokio::sync::watch;

/// The phases of a shutdown, in order; none is ever gone back to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Phase {
    /// All is well.
    Serving,
    /// Not ready any more, and still serving: whoever sends traffic here is finding out. Answers ask to close the
    /// connection.
    Draining,
    /// Idle connections are closed, requests in flight finish, newcomers are turned away.
    Closing,
    /// What has not finished is cut off.
    Over,
}

/// Moves the gateway from phase to phase.
#[derive(Debug)]
pub struct PhaseSwitch {
    now: Arc<AtomicU8>,
    changes: watch::Sender<Phase>,
}

/// Tells where the gateway stands.
#[derive(Clone, Debug)]
pub struct PhaseView {
    /// The same as `changes`, readable without a lock by every request.
    now: Arc<AtomicU8>,
    changes: watch::Receiver<Phase>,
}

/// A switch at [`Phase::Serving`], and a view of it.
pub fn phases() -> (PhaseSwitch, PhaseView) {
    let now = Arc::new(AtomicU8::new(Phase::Serving as u8));
    let (sender, receiver) = watch::channel(Phase::Serving);
    (PhaseSwitch { now: Arc::clone(&now), changes: sender }, PhaseView { now, changes: receiver })
}

impl PhaseSwitch {
    /// Goes on to `phase`; does nothing where the gateway is further already.
    pub fn advance(&self, phase: Phase) {
        self.now.fetch_max(phase as u8, Ordering::Relaxed);
        self.changes.send_if_modified(|current| {
            let forward = *current < phase;
            if forward {
                *current = phase;
            }
            forward
        });
    }
}

impl PhaseView {
    /// Whether `phase` has begun.
    pub fn has_reached(&self, phase: Phase) -> bool {
        self.now.load(Ordering::Relaxed) >= phase as u8
    }

    /// Returns when `phase` has begun, or the switch is gone.
    pub async fn reached(&mut self, phase: Phase) {
        let _ = self.changes.wait_for(|current| *current >= phase).await;
    }
}
