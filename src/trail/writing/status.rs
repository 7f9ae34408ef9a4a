use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use tokio::sync::watch;

use super::health::Health;
use super::synced::SyncedView;
use crate::trail::error::TrailError;
use crate::trail::line::{LineHash, Position};
use crate::trail::record::{Checkpoint, timestamp, whole_micros};

/// How the trail is doing. Holds no secret, and of records nothing but numbers.
#[derive(Clone, Debug, Serialize)]
pub struct TrailStatus {
    /// Whether records reach the directory. Mutations are refused while it is false.
    pub writable: bool,
    /// The sequence number of the last line in a segment.
    pub last_sequence: u64,
    /// That line's hash, as 64 hexadecimal characters.
    pub last_hash: LineHash,
    /// The sequence number of the last line that is on disk; a power cut takes none up to it.
    pub synced_sequence: u64,
    /// What went wrong last, healed or not.
    pub last_error: Option<LastError>,
    /// How many records wait to be written, or have room reserved for them.
    pub queued: u64,
    /// Lines written since the start.
    pub records: u64,
    /// Bytes written since the start.
    pub bytes: u64,
    /// How often lines were put on disk since the start.
    pub syncs: u64,
    /// How long the last of these took, in microseconds; 0 before the first.
    pub last_sync_us: u64,
    /// How long all of these took together, in microseconds.
    pub sync_us: u64,
    /// How often something went wrong since the start.
    pub faults: u64,
    /// The last checkpoint that is on disk.
    pub checkpoint: Option<ProvedUpTo>,
    /// Since when there are lines in a segment that no checkpoint on disk vouches for; null while there are none.
    pub unproved_since: Option<Timestamp>,
}

impl TrailStatus {
    /// Whether there are lines after the last checkpoint's own.
    fn has_news(&self) -> bool {
        let proved = self.checkpoint.as_ref().map_or(0, |last| last.checkpoint.sequence + 1);
        self.last_sequence > proved
    }
}

/// A checkpoint by itself: kept elsewhere, it proves what the trail said up to here
/// (`confgate audit verify --checkpoint`).
#[derive(Clone, Debug, Serialize)]
pub struct ProvedUpTo {
    /// When it was made.
    #[serde(serialize_with = "timestamp")]
    pub time: Timestamp,
    /// The rest of it, without the list of what was open.
    #[serde(flatten)]
    pub checkpoint: Checkpoint,
}

/// A fault, and when it was met.
#[derive(Clone, Debug, Serialize)]
pub struct LastError {
    /// When.
    pub time: Timestamp,
    /// What was tried on which file or with whom, and what the system or the other side said.
    pub message: Arc<str>,
}

/// The thread's end of the status. What every request asks for stands apart from the rest, because atomics are all that
/// a request should touch.
#[derive(Debug)]
pub(super) struct Publisher {
    health: Arc<Health>,
    status: watch::Sender<TrailStatus>,
    /// The first line of the segment that is written to.
    live: watch::Sender<u64>,
    stall: Cell<Option<Duration>>,
    /// Apart from the rest, so that those who wait for the disk are not woken by every write.
    synced: watch::Sender<u64>,
}

/// The readers' end.
#[derive(Clone, Debug)]
pub(in crate::trail) struct Observer {
    health: Arc<Health>,
    pub(in crate::trail) status: watch::Receiver<TrailStatus>,
    pub(super) live: watch::Receiver<u64>,
    pub(super) synced: SyncedView,
}

impl Observer {
    pub(super) fn is_writable(&self) -> bool {
        self.health.is_writable()
    }

    /// How long the disk has not answered, if that is too long.
    pub(super) fn stalled_for(&self) -> Option<Duration> {
        self.health.stalled_for()
    }

    /// As of now.
    pub(super) fn status(&self) -> TrailStatus {
        let mut status = self.status.borrow().clone();
        if let Some(stalled) = self.stalled_for() {
            let message = format!("the disk has not answered for {} s", stalled.as_secs()).into();
            status.writable = false;
            status.last_error = Some(LastError { time: Timestamp::now(), message });
        }
        status
    }
}

impl Publisher {
    /// Both ends, for a trail whose last line stands before `head`.
    pub(super) fn new(head: Position, stall_timeout: Duration) -> (Self, Observer) {
        let health = Arc::new(Health::new(stall_timeout));
        let (sender, receiver) = watch::channel(TrailStatus {
            writable: false,
            last_sequence: head.last(),
            last_hash: head.prev,
            synced_sequence: head.last(),
            last_error: None,
            queued: 0,
            records: 0,
            bytes: 0,
            syncs: 0,
            last_sync_us: 0,
            sync_us: 0,
            faults: 0,
            checkpoint: None,
            unproved_since: None,
        });
        let (live_sender, live) = watch::channel(head.next);
        let (synced_sender, synced) = SyncedView::new(head.last());
        let observer = Observer { health: Arc::clone(&health), status: receiver, live, synced };
        let publisher =
            Self { health, status: sender, synced: synced_sender, live: live_sender, stall: Cell::new(None) };
        (publisher, observer)
    }

    /// Something begins that the disk may not answer in time.
    pub(super) fn busy(&self) -> Busy<'_> {
        self.health.begin();
        Busy(self)
    }

    /// How long the disk took when it took too long last, unless that was asked before.
    pub(super) fn take_stall(&self) -> Option<Duration> {
        self.stall.take()
    }

    /// The segment that begins with line `first` is written to, and none before it any more.
    pub(super) fn live(&self, first: u64) {
        self.live.send_replace(first);
    }

    /// The checkpoint is on disk.
    pub(super) fn proved(&self, checkpoint: Checkpoint) {
        let checkpoint = Checkpoint { open: None, ..checkpoint };
        self.status.send_modify(|status| {
            status.checkpoint = Some(ProvedUpTo { time: checkpoint.time, checkpoint });
            status.unproved_since = status.has_news().then(Timestamp::now);
        });
    }

    /// Every line before `head` is in a segment; `bytes` came with the last ones.
    pub(super) fn written(&self, head: Position, bytes: usize) {
        self.status.send_modify(|status| {
            status.records += head.last().saturating_sub(status.last_sequence);
            status.bytes += bytes as u64;
            status.last_sequence = head.last();
            status.last_hash = head.prev;
            if status.unproved_since.is_none() && status.has_news() {
                status.unproved_since = Some(Timestamp::now());
            }
        });
    }

    /// Every line before `head` is on disk.
    pub(super) fn synced(&self, head: Position, took: Duration) {
        self.status.send_modify(|status| {
            status.synced_sequence = head.last();
            status.syncs += 1;
            status.last_sync_us = whole_micros(took);
            status.sync_us = status.sync_us.saturating_add(status.last_sync_us);
        });
        self.synced.send_replace(head.last());
    }

    /// `kept` lines wait in memory.
    pub(super) fn kept(&self, kept: usize) {
        self.status.send_modify(|status| status.queued = kept as u64);
    }

    /// Something went wrong.
    pub(super) fn failed(&self, error: &TrailError) {
        self.health.set_writable(false);
        self.status.send_modify(|status| {
            status.writable = false;
            status.faults += 1;
            status.last_error = Some(LastError { time: Timestamp::now(), message: error.to_string().into() });
        });
    }

    /// Records reach the directory (again).
    pub(super) fn works(&self) {
        self.health.set_writable(true);
        self.status.send_modify(|status| status.writable = true);
    }
}

/// When the thread ends, however it ends, nothing is written any more.
impl Drop for Publisher {
    fn drop(&mut self) {
        self.health.set_writable(false);
        self.status.send_modify(|status| status.writable = false);
    }
}

/// For as long as the disk is waited for.
pub(super) struct Busy<'a>(&'a Publisher);

impl Busy<'_> {
    /// The disk has answered, after this time.
    pub(super) fn end(self) -> Duration {
        self.0.health.took()
    }
}

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        if let Some(took) = self.0.health.end() {
            self.0.stall.set(Some(took));
        }
    }
}
