use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

/// Asks an issuer's actor for a fetch out of turn: at most one per cooldown, however many ask.
///
/// A request is named by its time, in nanoseconds since `started`, plus one; 0 is no request. Inside the
/// cooldown, and with no fetch under way, asking costs two atomic loads: a flood of invented names finds no
/// lock to fight over.
pub(super) struct Refetch {
    started: Instant,
    cooldown: u64,
    requested: AtomicU64,
    fulfilled: AtomicU64,
    wake: Notify,
    done: Notify,
}

impl Refetch {
    /// Nothing is asked for yet.
    pub(super) fn new(cooldown: Duration) -> Self {
        Self {
            started: Instant::now(),
            cooldown: nanos(cooldown),
            requested: AtomicU64::new(0),
            fulfilled: AtomicU64::new(0),
            wake: Notify::new(),
            done: Notify::new(),
        }
    }

    /// Asks, unless somebody did within the cooldown, and waits for the fetch that is under way, if there is
    /// one.
    pub(super) async fn ask(&self) {
        let request = self.request();
        while self.fulfilled.load(Ordering::SeqCst) < request {
            let done = self.done.notified();
            tokio::pin!(done);
            // Registers first and looks again, so that an end in between is not missed.
            done.as_mut().enable();
            if self.fulfilled.load(Ordering::SeqCst) < request {
                done.await;
            }
        }
    }

    /// Asks whatever the cooldown says: for the operator, who knows why.
    pub(super) fn urge(&self) {
        let now = nanos(self.started.elapsed()).saturating_add(1);
        self.requested.fetch_max(now, Ordering::SeqCst);
        self.rouse();
    }

    /// Resolves when somebody has asked, or when [`Self::rouse`] was called. The actor's.
    pub(super) async fn asked(&self) {
        self.wake.notified().await;
    }

    /// Wakes the actor without asking for anything.
    pub(super) fn rouse(&self) {
        self.wake.notify_one();
    }

    /// The request that a fetch which begins now will have fulfilled at its end. The actor's.
    pub(super) fn pending(&self) -> u64 {
        self.requested.load(Ordering::SeqCst)
    }

    /// Lets go those who waited for `request` or an earlier one. The actor's.
    pub(super) fn fulfil(&self, request: u64) {
        self.fulfilled.store(request, Ordering::SeqCst);
        self.done.notify_waiters();
    }

    /// The last request, which is a new one when the cooldown is over.
    fn request(&self) -> u64 {
        let now = nanos(self.started.elapsed()).saturating_add(1);
        let last = self.requested.load(Ordering::SeqCst);
        if last != 0 && now.saturating_sub(last) < self.cooldown {
            return last;
        }
        // Of those who see the same last request, one makes the new one and the others join it.
        match self.requested.compare_exchange(last, now, Ordering::SeqCst, Ordering::SeqCst) {
            Ok(_) => {
                self.rouse();
                now
            }
            Err(newer) => newer,
        }
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
