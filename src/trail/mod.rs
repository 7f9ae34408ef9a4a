//! The audit trail: who asked for what, what was decided and what came of it, in an order that can be proved.
//!
//! Workers hand [`Record`]s to one thread, which gives each its sequence number and the hash of the line before,
//! and writes whatever waits in one go. A mutation's intent is on disk before its receipt resolves; many intents
//! share one `fdatasync`. When the directory cannot be written, receipts say so, [`Trail::is_writable`] turns
//! false, and the thread tries about once a second to go on in a new segment.
//!
//! ```text
//! worker: reserve room → Slot ─ record as JSON ─▶ queue ─▶ thread `audit`: line, write, fdatasync ─▶ Receipt
//! ```
//!
//! A line is one JSON object; `prev` in it is the SHA-256 of the line before with its newline, so that
//! `sed -n 4p SEGMENT | sha256sum` prints what line 5 holds. The first line of all holds zeros.
//!
//! Segments are named `audit-<first sequence>.jsonl`. [`verify()`] checks all of them, [`tail()`] follows them.

mod checkpoint;
mod error;
mod line;
mod reading;
mod record;
mod segment;
pub mod verify;
mod writing;

#[cfg(test)]
mod tests;

pub use checkpoint::{CheckpointKeyError, PublicKey, SigningKey, Statement};
pub use error::{TrailError, TrailUnavailable, Unflushed};
pub use line::LineHash;
pub use reading::{Line, Lines, tail};
pub use record::{
    Call, Checkpoint, Decision, Heartbeat, Intent, Kind, OpenIntent, Outcome, Record, Recovered, Refusals,
    Start, Stop, TornTail, Trouble, VendorError,
};
pub use verify::verify;
pub use writing::{Durability, LastError, Receipt, Slot, SyncedView, Trail, TrailStatus, TrailThread};

use std::path::PathBuf;

/// Where the trail is kept and how much may wait for it.
#[derive(Clone, Debug)]
pub struct TrailConfig {
    /// The directory of the segments; made with mode 0700 where it is missing. One process at a time.
    pub directory: PathBuf,
    /// How many records may wait for the thread before callers wait for room; at least 1. Intents have as much room of
    /// their own, and while the directory cannot be written as many again are kept in memory.
    pub queue: usize,
}
