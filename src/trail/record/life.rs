//! What the trail says of itself: when it begins and ends, that it lives, what it proves, what it lost.

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::timestamp_or_null;
use crate::domain::RequestId;
use crate::trail::line::LineHash;

/// The gateway has started.
#[derive(Clone, Debug, Serialize)]
pub struct Start {
    /// When.
    #[serde(skip)]
    pub time: Timestamp,
    /// The version of the program.
    pub version: &'static str,
    /// The trail's own id, which it is given with its first line and keeps.
    pub trail: Uuid,
    /// What the run before left unfinished, if it did.
    pub torn: Option<TornTail>,
}

/// The last bytes of a segment that ended without a newline: the write that a crash cut short.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct TornTail {
    /// The name of the file, in the trail's directory, that they were moved to.
    pub file: String,
    /// How many they are.
    pub bytes: u64,
}

/// The gateway is about to end, of its own will.
#[derive(Clone, Debug, Serialize)]
pub struct Stop {
    /// When.
    #[serde(skip)]
    pub time: Timestamp,
}

/// Nothing has happened for a while, and the gateway is there.
#[derive(Clone, Debug, Serialize)]
pub struct Heartbeat {
    /// When.
    #[serde(skip)]
    pub time: Timestamp,
}

/// Vouches for every line before it. Each segment begins with one, unless it took over from a segment that failed.
/// Taken out of the trail it proves, later and elsewhere, what the trail said up to here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Checkpoint {
    /// When.
    #[serde(skip)]
    pub time: Timestamp,
    /// The trail's own id.
    pub trail: Uuid,
    /// The first line that is still kept: those before it were removed because their time was over.
    pub first: u64,
    /// The line before this one: the last that is vouched for.
    pub sequence: u64,
    /// That line's hash, which is also this line's `prev`.
    pub hash: LineHash,
    /// The changes that have been announced and have not ended. Only where a segment begins, so that a start needs no
    /// earlier one to know them; null elsewhere.
    pub open: Option<Vec<OpenIntent>>,
    /// Which key has signed: the first 16 hexadecimal digits of the SHA-256 of the public key's 32 bytes. Null without
    /// a key.
    pub key: Option<Arc<str>>,
    /// The Ed25519 signature (RFC 8032) of the checkpoint's text, in base64. Null without a key.
    pub signature: Option<Box<str>>,
}

impl Checkpoint {
    /// Tells it to the operational log, so that a copy exists off the host.
    pub(in crate::trail) fn log(&self) {
        tracing::info!(
            trail = %self.trail,
            first = self.first,
            sequence = self.sequence,
            hash = %self.hash,
            time = %format_args!("{:.6}", self.time),
            key = self.key.as_deref(),
            signature = self.signature.as_deref(),
            "audit checkpoint"
        );
    }
}

/// A change that was announced and has not ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct OpenIntent {
    /// The sequence number of its intent.
    pub intent: u64,
    /// Its request.
    pub request_id: RequestId,
}

/// The gateway decides by another configuration from about here on: each worker with the first request that it begins
/// after this line.
#[derive(Clone, Debug, Serialize)]
pub struct Reload {
    /// When.
    #[serde(skip)]
    pub time: Timestamp,
    /// Counts the configurations since the start, which was with number 1.
    pub generation: u64,
    /// Why it was read again.
    pub cause: ReloadCause,
    /// The keys that differ, by name; the first 100 of them.
    pub changes: Vec<ChangedKey>,
    /// How many keys differ beyond those.
    pub further_changes: u64,
}

/// Why a configuration is read again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReloadCause {
    /// SIGHUP.
    Signal,
    /// One of its files is another.
    Files,
}

/// A key of the configuration that differs.
#[derive(Clone, Debug, Serialize)]
pub struct ChangedKey {
    /// Its full name.
    pub key: String,
    /// Its value before, in TOML; null where it had none. Both are null where what differs is the content of the file
    /// that the key names.
    pub from: Option<String>,
    /// Its value after.
    pub to: Option<String>,
    /// Whether it takes effect with the next start only.
    pub needs_restart: bool,
}

/// The trail goes on after something went wrong.
#[derive(Clone, Debug, Serialize)]
pub struct Recovered {
    /// When.
    #[serde(skip)]
    pub time: Timestamp,
    /// What it goes on after.
    pub after: Trouble,
    /// What went wrong, in the system's words; null after a crash.
    pub fault: Option<Arc<str>>,
    /// Since when nothing could be written; null after a crash.
    #[serde(serialize_with = "timestamp_or_null")]
    pub since: Option<Timestamp>,
    /// The changes that were announced before the crash and of which nothing more is known: each may have been made
    /// or not. Their outcome is `unknown`, and this record is all that will be said of it.
    pub unknown: Vec<OpenIntent>,
}

/// What a trail recovers from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trouble {
    /// The run before ended without a stop, or without bringing to an end what it had announced.
    Crash,
    /// The trail could not be written, or took too long.
    Fault,
}
