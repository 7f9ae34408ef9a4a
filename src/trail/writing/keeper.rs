//! Keeps the directory in order: compresses segments that are not written to any more, removes those that have been
//! kept long enough, and watches what a thread that hangs cannot tell of itself. On a thread of its own, because it
//! may take its time, and the one that writes may not.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use tokio::sync::oneshot;
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::compress::compress;
use super::directory::sync_directory;
use super::retention::{Stored, inventory, releasable};
use super::sender::Trail;
use crate::trail::TrailConfig;
use crate::trail::error::TrailError;
use crate::trail::segment::Encoding;

/// How often it is looked whether the disk answers.
const WATCH: Duration = Duration::from_secs(1);

/// How often the directory is looked through, when no segment is closed meanwhile.
const ROUND: Duration = Duration::from_mins(1);

/// What the directory holds.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Kept {
    /// How many segments.
    pub segments: u64,
    /// How many bytes they take up together.
    pub bytes: u64,
    /// The first line that is there.
    pub first_sequence: Option<u64>,
    /// How many bytes the file system still has for us.
    pub available_bytes: u64,
    /// Whether segments have been kept long enough and stay because they have not been shipped.
    pub held_back: bool,
    /// What went wrong at the last look, if something did.
    pub last_error: Option<Arc<str>>,
}

/// The thread that keeps the directory in order.
#[derive(Debug)]
pub struct Keeper {
    stop: Arc<AtomicBool>,
    wake: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

impl Keeper {
    /// Starts the thread, named `audit-keeper`. `shipped` says up to which line everything has been shipped: what
    /// comes after is not removed.
    pub fn start(
        config: &TrailConfig,
        trail: Trail,
        shipped: impl Fn() -> u64 + Send + 'static,
    ) -> Result<Self, TrailError> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .map_err(TrailError::Thread)?;
        let stop = Arc::new(AtomicBool::new(false));
        let (wake, woken) = oneshot::channel();
        let mut rounds = Rounds {
            config: config.clone(),
            trail,
            shipped: Box::new(shipped),
            stop: Arc::clone(&stop),
            stalled: false,
        };
        let thread = std::thread::Builder::new()
            .name("audit-keeper".into())
            .spawn(move || runtime.block_on(rounds.run(woken)))
            .map_err(TrailError::Thread)?;
        Ok(Self { stop, wake, thread })
    }

    /// Ends the thread. What it is in the middle of is left for the next start.
    pub fn stop(self) {
        self.stop.store(true, Ordering::Relaxed);
        drop(self.wake);
        if self.thread.join().is_err() {
            tracing::error!("the thread that keeps the audit directory had panicked");
        }
    }
}

struct Rounds {
    config: TrailConfig,
    trail: Trail,
    shipped: Box<dyn Fn() -> u64 + Send>,
    stop: Arc<AtomicBool>,
    /// Whether the disk did not answer when it was last looked.
    stalled: bool,
}

impl Rounds {
    async fn run(&mut self, mut stop: oneshot::Receiver<()>) {
        let mut live = self.trail.observer.live.clone();
        let mut watch = interval(WATCH);
        watch.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut last = None::<Instant>;
        loop {
            tokio::select! {
                _ = &mut stop => return,
                // The trail is gone when this fails, and with it the need for order.
                changed = live.changed() => match changed {
                    Ok(()) => last = None,
                    Err(_) => return,
                },
                _ = watch.tick() => self.watch(),
            }
            if last.is_none_or(|last| last.elapsed() >= ROUND) {
                let first_live = *live.borrow_and_update();
                self.round(first_live).await;
                last = Some(Instant::now());
            }
        }
    }

    /// The thread that waits for the disk cannot say that it does.
    fn watch(&mut self) {
        let stalled = self.trail.observer.stalled_for();
        if let Some(stalled) = stalled.filter(|_| !self.stalled) {
            tracing::error!(
                seconds = stalled.as_secs(),
                "the audit trail's disk does not answer; mutations are refused until it does"
            );
        }
        self.stalled = stalled.is_some();
    }

    /// Segments before line `live` are not written to any more.
    async fn round(&mut self, live: u64) {
        let before = self.trail.kept();
        let done = self.compress_closed(live).and(self.remove_outdated(live, before.held_back).await);
        let failed = done.as_ref().err().map(ToString::to_string);
        if let Some(error) = failed.as_deref().filter(|_| !self.stop.load(Ordering::Relaxed)) {
            tracing::warn!(%error, "the audit directory cannot be kept in order; this is tried again");
        }
        let held_back = done.unwrap_or(before.held_back);
        let kept = self.measure(held_back, failed.map(Into::into));
        *self.trail.kept.lock().unwrap_or_else(PoisonError::into_inner) = kept;
    }

    fn compress_closed(&self, live: u64) -> io::Result<()> {
        if !self.config.segments.compress {
            return Ok(());
        }
        let stored = inventory(&self.config.directory)?;
        let closed = stored.iter().map(|stored| &stored.file).filter(|file| file.first < live);
        for segment in closed.filter(|file| file.encoding == Encoding::Plain) {
            compress(&self.config.directory, segment, &self.stop)?;
        }
        Ok(())
    }

    /// Removes what has been kept long enough, after the trail has said so. Returns whether something had to stay.
    async fn remove_outdated(&self, live: u64, was_held_back: bool) -> io::Result<bool> {
        let mut stored = inventory(&self.config.directory)?;
        // The one that is written to, and what may just have been begun, stay.
        let closed = stored.partition_point(|stored| stored.file.first <= live);
        stored.truncate(closed);
        let outdated = self.config.retention.outdated(&stored, Timestamp::now())?;
        let count = releasable(&stored, outdated, (self.shipped)());
        let held_back = count < outdated;
        if held_back && !was_held_back {
            tracing::warn!(
                segments = outdated - count,
                "audit segments have been kept long enough, and stay until they are shipped"
            );
        }
        if let Some(first) = stored.get(count).map(|stored| stored.file.first).filter(|_| count > 0) {
            self.trail.retire(first).await.map_err(io::Error::other)?;
            self.remove(stored.get(..count).unwrap_or_default())?;
        }
        Ok(held_back)
    }

    fn remove(&self, stored: &[Stored]) -> io::Result<()> {
        for segment in stored {
            std::fs::remove_file(&segment.file.path)?;
            tracing::info!(
                segment = %segment.file.path.display(),
                "an audit segment has been kept long enough and is removed"
            );
        }
        sync_directory(&self.config.directory)
    }

    fn measure(&self, held_back: bool, error: Option<Arc<str>>) -> Kept {
        let stored = inventory(&self.config.directory).unwrap_or_default();
        let disk = rustix::fs::statvfs(&self.config.directory).ok();
        Kept {
            segments: stored.len() as u64,
            bytes: stored.iter().map(|stored| stored.bytes).sum(),
            first_sequence: stored.first().map(|stored| stored.file.first),
            available_bytes: disk.map_or(0, |disk| disk.f_bavail.saturating_mul(disk.f_frsize)),
            held_back,
            last_error: error,
        }
    }
}
