use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::thread::Thread;

use tokio::time::Instant;

/// How soon the thread has to look after something. To wake it takes a system call of the worker that does, and of the
/// worker's time what the thread then uses where both have one CPU.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(super) enum Urgency {
    /// There is nothing.
    Nothing,
    /// Nobody waits for it: it is written with what comes meanwhile.
    Queued,
    /// Somebody waits for it.
    Waited,
    /// So many wait for it that no more are worth waiting for, or it is no record.
    Now,
}

/// More urgent than anything: the thread is awake, and looks by itself before it sleeps.
const AWAKE: u8 = Urgency::Now as u8 + 1;

/// Wakes the thread for what is urgent enough.
#[derive(Debug)]
pub(super) struct Bell {
    /// What the thread wakes for.
    wakes_for: AtomicU8,
    /// Whether there is something other than records.
    called: AtomicBool,
    thread: OnceLock<Thread>,
}

impl Bell {
    pub(super) fn new() -> Self {
        Self { wakes_for: AtomicU8::new(AWAKE), called: AtomicBool::new(false), thread: OnceLock::new() }
    }

    /// The calling thread is the one to wake.
    pub(super) fn belongs_here(&self) {
        // It is called once.
        let _ = self.thread.set(std::thread::current());
    }

    /// Tells of something that the thread finds if it looks. What makes it found comes before, in the one order of all
    /// operations (`SeqCst`): either it is found, or the thread is woken.
    pub(super) fn ring(&self, urgency: Urgency) {
        if urgency as u8 >= self.wakes_for.load(Ordering::SeqCst)
            && self.wakes_for.swap(AWAKE, Ordering::SeqCst) != AWAKE
            && let Some(thread) = self.thread.get()
        {
            thread.unpark();
        }
    }

    /// Tells of something that is no record.
    pub(super) fn call(&self) {
        self.called.store(true, Ordering::SeqCst);
        self.ring(Urgency::Now);
    }

    /// Whether there was such a thing since this was asked last.
    pub(super) fn was_called(&self) -> bool {
        self.called.load(Ordering::SeqCst) && self.called.swap(false, Ordering::SeqCst)
    }

    /// Sleeps until `until`, or until there is something of this urgency: `found` looks how urgent it is already. May
    /// return early.
    pub(super) fn sleep(&self, wakes_for: Urgency, until: Instant, found: impl FnOnce() -> Urgency) {
        self.wakes_for.store(wakes_for as u8, Ordering::SeqCst);
        if found() < wakes_for && !self.called.load(Ordering::SeqCst) {
            std::thread::park_timeout(until.saturating_duration_since(Instant::now()));
        }
        self.wakes_for.store(AWAKE, Ordering::SeqCst);
    }
}
