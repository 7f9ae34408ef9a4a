use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use tokio::sync::watch;

use super::synced::SyncedView;
use crate::trail::error::TrailError;
use crate::trail::line::{LineHash, Position};
use crate::trail::record::whole_micros;

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
}

/// A fault, and when it was met.
#[derive(Clone, Debug, Serialize)]
pub struct LastError {
    /// When.
    pub time: Timestamp,
    /// What was tried on which file, and what the system said.
    pub message: Arc<str>,
}

/// The thread's end of the status. `writable` stands apart from the rest, because every request asks for it and
/// an atomic is all that a request should touch.
#[derive(Debug)]
pub(super) struct Publisher {
    writable: Arc<AtomicBool>,
    status: watch::Sender<TrailStatus>,
    /// Apart from the rest, so that those who wait for the disk are not woken by every write.
    synced: watch::Sender<u64>,
}

/// The readers' end.
#[derive(Clone, Debug)]
pub(in crate::trail) struct Observer {
    writable: Arc<AtomicBool>,
    pub(in crate::trail) status: watch::Receiver<TrailStatus>,
    pub(super) synced: SyncedView,
}

impl Observer {
    pub(super) fn is_writable(&self) -> bool {
        self.writable.load(Ordering::Acquire)
    }
}

impl Publisher {
    /// Both ends, for a trail whose last line stands before `head`.
    pub(super) fn new(head: Position) -> (Self, Observer) {
        let writable = Arc::new(AtomicBool::new(false));
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
        });
        let (synced_sender, synced) = SyncedView::new(head.last());
        let observer = Observer { writable: Arc::clone(&writable), status: receiver, synced };
        let publisher = Self { writable, status: sender, synced: synced_sender };
        (publisher, observer)
    }

    /// Every line before `head` is in a segment; `bytes` came with the last ones.
    pub(super) fn written(&self, head: Position, bytes: usize) {
        self.status.send_modify(|status| {
            status.records += head.last().saturating_sub(status.last_sequence);
            status.bytes += bytes as u64;
            status.last_sequence = head.last();
            status.last_hash = head.prev;
        });
    }

    /// Every line before `head` is on disk.
    pub(super) fn synced(&self, head: Position, took: Duration) {
        self.status.send_modify(|status| {
            status.synced_sequence = head.last();
            status.syncs += 1;
            status.last_sync_us = whole_micros(took);
        });
        self.synced.send_replace(head.last());
    }

    /// `kept` lines wait in memory.
    pub(super) fn kept(&self, kept: usize) {
        self.status.send_modify(|status| status.queued = kept as u64);
    }

    /// Something went wrong.
    pub(super) fn failed(&self, error: &TrailError) {
        self.writable.store(false, Ordering::Release);
        self.status.send_modify(|status| {
            status.writable = false;
            status.last_error = Some(LastError { time: Timestamp::now(), message: error.to_string().into() });
        });
    }

    /// Records reach the directory (again).
    pub(super) fn works(&self) {
        self.writable.store(true, Ordering::Release);
        self.status.send_modify(|status| status.writable = true);
    }
}

/// When the thread ends, however it ends, nothing is written any more.
impl Drop for Publisher {
    fn drop(&mut self) {
        self.writable.store(false, Ordering::Release);
        self.status.send_modify(|status| status.writable = false);
    }
}
