//! The audit trail: who asked for what, what was decided and what came of it, in an order that can be proved.
//!
//! Workers hand [`Record`]s to one thread, which gives each its sequence number and the hash of the line before,
//! and writes whatever waits in one go. A mutation's intent is on disk before its receipt resolves; many intents
//! share one `fdatasync`. What nobody waits for wakes the thread only when that has nothing to do, and is in its file
//! within about 10 ms. When the directory cannot be written, receipts say so, [`Trail::is_writable`] turns false, and
//! the thread tries about once a second to go on in a new segment.
//!
//! ```text
//! worker: reserve room → Slot ─ record as JSON ─▶ lane ─▶ thread `audit`: line, write, fdatasync ─▶ Receipt
//! ```
//!
//! A line is one JSON object; `prev` in it is the SHA-256 of the line before with its newline, so that
//! `sed -n 4p SEGMENT | sha256sum` prints what line 5 holds. The first line of all holds zeros.
//!
//! - [`record`](Record): what lines say. `segment`: the files, `audit-<first sequence>.jsonl`, and how they are read.
//! - `writing`: from the workers' lanes to the disk; checkpoints, rotation, healing, what a start does after a crash;
//!   the thread `audit-keeper`, which compresses and removes.
//! - [`verify()`]: whether all of it is as it was written. `checkpoint`: what proves it beyond the chain.
//! - `reading`: [`Lines`] in order, once each, while they are written; what people ask of them: [`tail()`], [`search`],
//!   [`story`], [`stats`]. [`SCHEMA`] describes each line.

mod checkpoint;
mod error;
mod line;
mod reading;
mod record;
mod segment;
pub mod verify;
mod writing;

#[cfg(test)]
pub(crate) mod tests;

pub use checkpoint::{CheckpointKeyError, PublicKey, Signer, SigningKey, Statement};
pub use error::{TrailError, TrailUnavailable, Unflushed};
pub use line::LineHash;
pub use reading::{
    Damage, Entry, Filter, KeptLine, Line, Lines, Stats, Sums, Text, last, search, stats, story, tail,
};
pub use record::{
    Call, CallView, Change, ChangedKey, Checkpoint, Decision, Heartbeat, Intent, IntentView, Kind,
    OpenIntent, Outcome, OutcomeView, Record, Recordable, Recovered, Refusals, Reload, ReloadCause, Start,
    Stop, TornTail, Trouble, VendorError,
};
pub use verify::verify;
pub use writing::{
    Durability, Keeper, Kept, LastError, ProvedUpTo, Receipt, Retention, SideRoom, Slot, SyncedView, Trail,
    TrailStatus, TrailThread,
};

use std::path::PathBuf;
use std::time::Duration;

/// The JSON Schema (draft 2020-12) of a line.
pub const SCHEMA: &str = include_str!("schema.json");

/// Where the trail is kept, and how.
#[derive(Clone, Debug)]
pub struct TrailConfig {
    /// The directory of the segments; made with mode 0700 where it is missing. One process at a time.
    pub directory: PathBuf,
    /// How many records may wait for the thread before callers wait for room; at least 1. Intents have as much room of
    /// their own, and while the directory cannot be written as many again are kept in memory.
    pub queue: usize,
    /// The files.
    pub segments: SegmentsConfig,
    /// What proves the trail.
    pub checkpoints: CheckpointsConfig,
    /// After how long without a record the trail says that it lives.
    pub heartbeat: Duration,
    /// How long the disk may take to answer before mutations are refused.
    pub stall_timeout: Duration,
    /// How much is kept.
    pub retention: Retention,
}

/// How the trail is cut into files.
#[derive(Clone, Debug)]
pub struct SegmentsConfig {
    /// How many bytes a segment has when another is begun; the last batch may go over it.
    pub max_bytes: u64,
    /// How old a segment is when another is begun.
    pub max_age: Duration,
    /// How many bytes a file is made longer at once, ahead of what is written; 0 for none. At most 8 MiB.
    pub preallocate: u64,
    /// Whether segments are compressed once they are closed.
    pub compress: bool,
}

/// How often the trail is vouched for, and by whom.
#[derive(Clone, Debug)]
pub struct CheckpointsConfig {
    /// After how many records; at least 1.
    pub records: u64,
    /// After how long, if there is a record by then.
    pub every: Duration,
    /// What signs them.
    pub signer: Signer,
}

impl TrailConfig {
    /// The defaults of `config/default.toml`, for a trail in `directory`.
    pub fn new(directory: PathBuf) -> Self {
        Self {
            directory,
            queue: 8192,
            segments: SegmentsConfig {
                max_bytes: 64 << 20,
                max_age: Duration::from_hours(24),
                preallocate: 4 << 20,
                compress: false,
            },
            checkpoints: CheckpointsConfig {
                records: 100_000,
                every: Duration::from_mins(1),
                signer: Signer::default(),
            },
            heartbeat: Duration::from_mins(5),
            stall_timeout: Duration::from_secs(5),
            retention: Retention::default(),
        }
    }
}
