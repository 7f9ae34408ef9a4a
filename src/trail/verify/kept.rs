//! Checkpoints that were kept elsewhere, where whoever changes the trail does not reach.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

use crate::trail::checkpoint::{PublicKey, Statement};
use crate::trail::line::LineHash;

/// A checkpoint from elsewhere: line `sequence` had this `hash`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct KeptCheckpoint {
    /// The last line that it vouches for.
    pub sequence: u64,
    /// That line's hash.
    pub hash: LineHash,
    /// Which trail it is of.
    pub trail: Option<Uuid>,
    first: Option<u64>,
    time: Option<Timestamp>,
    signature: Option<String>,
}

/// A checkpoint from elsewhere cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeptError {
    /// It is something else.
    #[error(
        "no checkpoint in it; give a line of a trail, a line of the log in JSON (`audit checkpoint`), the page \
         /status, or the object alone: \"sequence\" and \"hash\" are needed"
    )]
    NoCheckpoint,
    /// The public key says that it is not of this gateway.
    #[error("the checkpoint of sequence {0} has a signature that is not of the public key")]
    Forged(u64),
}

impl KeptCheckpoint {
    /// Finds the checkpoints in a text: one JSON document, or several on a line each, of which those count that hold
    /// one. At least one has to be there.
    pub fn find(text: &str) -> Result<Vec<Self>, KeptError> {
        let documents = match serde_json::from_str::<Value>(text) {
            Ok(whole) => vec![whole],
            Err(_) => text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect(),
        };
        let found: Vec<Self> = documents.into_iter().filter_map(Self::of).collect();
        if found.is_empty() { Err(KeptError::NoCheckpoint) } else { Ok(found) }
    }

    /// Of a /status page, of a line of the log with its fields apart, or of an object with the members.
    fn of(document: Value) -> Option<Self> {
        let inner = ["/trail/checkpoint", "/fields"].iter().find_map(|at| document.pointer(at)).cloned();
        serde_json::from_value(inner.unwrap_or(document)).ok()
    }

    /// Whether it is of another trail than this one.
    pub(super) fn is_of_another(&self, trail: Option<Uuid>) -> bool {
        self.trail.is_some() && trail.is_some() && self.trail != trail
    }

    /// Holds its signature, if it has one, to the keys: one of them has made it. Without one it is as good as the place
    /// where it was kept.
    pub fn check(&self, keys: &[PublicKey]) -> Result<(), KeptError> {
        let Some(signature) = &self.signature else { return Ok(()) };
        let made_it = |statement| keys.iter().any(|key| key.verifies(&statement, signature));
        let good = self.statement().is_some_and(made_it);
        good.then_some(()).ok_or(KeptError::Forged(self.sequence))
    }

    /// All that it says, unless it was put together by hand from less.
    fn statement(&self) -> Option<Statement> {
        let Self { sequence, hash, trail, first, time, .. } = *self;
        Some(Statement { trail: trail?, first: first?, sequence, hash, time: time? })
    }
}

/// What is wrong when a checkpoint of the wrong trail is given.
pub(super) const OTHER_TRAIL: &str = "the checkpoint that was kept elsewhere is of another trail";

/// The checkpoints that the lines are held to.
#[derive(Debug, Default)]
pub(super) struct Expected {
    /// By the sequence that they vouch for.
    waiting: BTreeMap<u64, Vec<KeptCheckpoint>>,
    /// By the sequence of their own lines: they are told elsewhere only once these are on disk.
    own: BTreeMap<u64, Statement>,
    /// How many lines were as one of them says.
    pub(super) met: u64,
}

impl Expected {
    pub(super) fn new(kept: &[KeptCheckpoint]) -> Self {
        let mut expected = Self::default();
        for checkpoint in kept {
            expected.waiting.entry(checkpoint.sequence).or_default().push(checkpoint.clone());
            if let Some(statement) = checkpoint.statement() {
                expected.own.insert(checkpoint.sequence.saturating_add(1), statement);
            }
        }
        expected
    }

    /// Holds a line to those that vouch for it. Says what is wrong.
    pub(super) fn meet(
        &mut self,
        sequence: u64,
        hash: LineHash,
        trail: Option<Uuid>,
    ) -> Result<(), &'static str> {
        let Some(checkpoints) = self.waiting.remove(&sequence) else { return Ok(()) };
        if let Some(other) = checkpoints.iter().find(|checkpoint| checkpoint.hash != hash) {
            let changed = "a checkpoint that was kept elsewhere has another hash for it";
            return Err(if other.is_of_another(trail) { OTHER_TRAIL } else { changed });
        }
        self.met += checkpoints.len() as u64;
        Ok(())
    }

    /// Holds a line, and the checkpoint that it is, to the one that stood there.
    pub(super) fn meet_own(&mut self, sequence: u64, said: Option<Statement>) -> Result<(), &'static str> {
        let stood = self.own.remove(&sequence);
        if stood.is_some() && stood != said {
            return Err("a checkpoint that was kept elsewhere stood here");
        }
        Ok(())
    }

    /// The first line after `sequence` that has to be there, and whether another trail's.
    pub(super) fn first_after(&self, sequence: u64, trail: Option<Uuid>) -> Option<(u64, bool)> {
        let after = sequence.saturating_add(1)..;
        let vouched = self.waiting.range(after.clone()).next();
        let vouched = vouched.map(|(at, them)| (*at, them.iter().any(|one| one.is_of_another(trail))));
        let own = self.own.range(after).next();
        let own = own.map(|(at, statement)| (*at, trail.is_some_and(|trail| trail != statement.trail)));
        vouched.into_iter().chain(own).min()
    }

    /// How many are left that no line was held to.
    pub(super) fn unmet(&self) -> u64 {
        self.waiting.values().map(|checkpoints| checkpoints.len() as u64).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BARE: &str = r#"{"trail":"0199c0de-0000-7000-8000-000000000000","first":1,"sequence":7,"hash":"HASH","time":"2026-11-23T02:47:04.123456Z","key":null,"signature":null}"#;

    fn bare() -> String {
        BARE.replace("HASH", &"ab".repeat(32))
    }

    #[test]
    fn a_checkpoint_is_found_in_every_form() {
        let bare = bare();
        let object = &bare[1..bare.len() - 1];
        let expected = KeptCheckpoint::find(&bare).unwrap();
        assert_eq!((expected[0].sequence, expected[0].hash.to_string()), (7, "ab".repeat(32)));
        for form in [
            format!("{{\"v\":1,\"seq\":8,\"kind\":\"checkpoint\",{object},\"open\":null,\"prev\":\"x\"}}\n"),
            format!("{{\"timestamp\":\"t\",\"level\":\"INFO\",\"message\":\"audit checkpoint\",{object}}}"),
            format!("{{\"timestamp\":\"t\",\"fields\":{{\"message\":\"audit checkpoint\",{object}}}}}"),
            format!("{{\n\"phase\":\"serving\",\"trail\":{{\"writable\":true,\"checkpoint\":{bare}}}\n}}"),
            format!("started\n{{\"message\":\"other\"}}\n{bare}\nhalf a li"),
        ] {
            assert_eq!(KeptCheckpoint::find(&form).unwrap(), expected, "{form}");
        }
        let several = [bare.clone(), bare.replace(":7", ":9")].join("\n");
        assert_eq!(KeptCheckpoint::find(&several).unwrap().len(), 2);
    }

    #[test]
    fn what_is_none_says_what_is_needed() {
        let short = bare().replace("abab", "");
        for text in ["", "{}", "[]", "x", r#"{"trail":{"checkpoint":null}}"#, &short] {
            let error = KeptCheckpoint::find(text).unwrap_err();
            assert!(error.to_string().contains("/status"), "{error}");
        }
    }
}
