use std::fmt;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::Serialize;
use uuid::Uuid;

use super::fault;
use crate::trail::line::LineHash;
use crate::trail::record::{TornTail, timestamp};

/// How many crashes the text for people names one by one.
const CRASHES_SHOWN: usize = 10;

/// A trail without fault.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// That it is whole: true.
    pub whole: bool,
    /// The trail's own id. `None` when no line of those that are kept tells it.
    pub trail: Option<Uuid>,
    /// How many segments there are.
    pub segments: usize,
    /// How many lines the chain has.
    pub records: u64,
    /// The first line's sequence number; 1 unless older segments were taken away. `None` without a line.
    pub first_sequence: Option<u64>,
    /// The last line's sequence number. `None` without a line.
    pub last_sequence: Option<u64>,
    /// The last line's hash: zero without a line.
    pub last_hash: LineHash,
    /// The first line that has to be there, as the last checkpoint says: what retention has left.
    pub first_kept: u64,
    /// How many times the gateway was started.
    pub runs: u64,
    /// The runs that ended without a stop, and were followed by another.
    pub crashes: Vec<Crash>,
    /// Whether the trail ends without a stop: the gateway is running, or crashed and was not started since.
    pub unfinished: bool,
    /// The changes of which a recovered line says that nobody knows how they ended.
    pub recovered_unknown: u64,
    /// How many checkpoints there are.
    pub checkpoints: u64,
    /// What the public key has proved; `None` when none was given, so that no signature was checked.
    pub signed: Option<Signed>,
    /// How many lines were as a checkpoint says that was kept elsewhere.
    pub kept_checked: u64,
    /// How many of these checkpoints could not be checked, because their lines are not here any more.
    pub kept_unchecked: u64,
    /// Lines, whole or not, that failed segments have left over and others have taken over.
    pub superseded: u64,
    /// The bytes after the last line of all: a line that is being written just now, or that a crash cut short.
    pub torn_bytes: u64,
    /// Whether this was taken for a part of a trail, which may begin and end anywhere.
    pub partial: bool,
}

/// A run that ended without a stop.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Crash {
    /// The last line that it left.
    pub sequence: u64,
    /// In which file that stands.
    #[serde(serialize_with = "fault::path")]
    pub file: PathBuf,
    /// In which line of the file, from 1.
    pub line: u64,
    /// What was left of a line that it did not finish, and where that was put.
    pub torn: Option<TornTail>,
}

/// What is proved by signatures.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Signed {
    /// The key.
    pub key: String,
    /// The last line that the key vouches for.
    pub sequence: u64,
    /// When that was signed.
    #[serde(serialize_with = "timestamp")]
    pub time: Timestamp,
    /// How many lines follow, the checkpoint itself left out.
    pub unsigned_after: u64,
}

/// For people: what was found to be whole, and what is to be known of it.
impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let records = count(self.records, "record");
        write!(f, "whole: {records} in {}", count(self.segments as u64, "segment"))?;
        if let (Some(first), Some(last)) = (self.first_sequence, self.last_sequence) {
            write!(f, ", sequence {first} to {last}, last hash {}", self.last_hash)?;
        }
        if self.first_sequence.is_some_and(|first| first > 1) {
            write!(f, "\nbeginning: {}", self.beginning())?;
        }
        write!(f, "\nruns: {}", self.runs())?;
        for crash in self.crashes.iter().take(CRASHES_SHOWN) {
            write!(f, "\n  crash {crash}")?;
        }
        if self.crashes.len() > CRASHES_SHOWN {
            write!(f, "\n  and {} more", self.crashes.len() - CRASHES_SHOWN)?;
        }
        write!(f, "\nsigned: {}", self.signatures())?;
        if self.kept_checked + self.kept_unchecked > 0 {
            write!(f, "\nkept elsewhere: {} confirmed", count(self.kept_checked, "checkpoint"))?;
        }
        if self.kept_unchecked > 0 {
            write!(f, ", {} not checked because their lines are not here", self.kept_unchecked)?;
        }
        Ok(())
    }
}

impl Summary {
    fn beginning(&self) -> String {
        let first = self.first_kept;
        if self.partial {
            return "this is a part of a trail; whether lines before it are missing was not checked".into();
        }
        format!("a checkpoint says that lines before {first} were removed because their time was over")
    }

    fn runs(&self) -> String {
        let crashes = self.crashes.len() as u64;
        let mut parts = vec![format!("{}, {}", count(self.runs, "start"), count(crashes, "crash"))];
        if self.unfinished {
            parts.push("the last run has no stop: it is running, or it crashed".into());
        }
        if self.torn_bytes > 0 {
            let bytes = count(self.torn_bytes, "byte");
            parts.push(format!("{bytes} of a line that is not finished at the end"));
        }
        if self.recovered_unknown > 0 {
            parts.push(format!("{} closed as unknown", count(self.recovered_unknown, "change")));
        }
        if self.superseded > 0 {
            let lines = count(self.superseded, "line");
            parts.push(format!("{lines} of failed segments written again, not counted"));
        }
        parts.join("; ")
    }

    fn signatures(&self) -> String {
        let checkpoints = count(self.checkpoints, "checkpoint");
        match &self.signed {
            None => format!("not checked, which takes a --public-key; {checkpoints}, consistent"),
            Some(Signed { key, sequence, time, unsigned_after }) => format!(
                "up to sequence {sequence}, {time:.6}, with key {key}; {} after that not signed yet; {checkpoints}",
                count(*unsigned_after, "record")
            ),
        }
    }
}

impl fmt::Display for Crash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "after sequence {}, {} line {}", self.sequence, self.file.display(), self.line)?;
        if let Some(TornTail { file, bytes }) = &self.torn {
            write!(f, "; {} of an unfinished line set aside in {file}", count(*bytes, "byte"))?;
        }
        Ok(())
    }
}

fn count(number: u64, what: &str) -> String {
    let plural = match (number, what.ends_with("sh")) {
        (1, _) => "",
        (_, true) => "es",
        _ => "s",
    };
    format!("{number} {what}{plural}")
}

impl Crash {
    /// The crash after a line.
    pub(super) fn after(sequence: u64, file: &Path, line: u64, torn: Option<TornTail>) -> Self {
        Self { sequence, file: file.to_owned(), line, torn }
    }
}
