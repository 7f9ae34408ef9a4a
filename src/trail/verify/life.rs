//! What the lines say of the trail itself: where runs begin and end, and what checkpoints vouch for.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use uuid::Uuid;

use super::fault::FaultKind;
use super::{Mark, Measure};
use crate::trail::checkpoint::{PublicKey, Statement};
use crate::trail::line::{Head, LineHash, Link};
use crate::trail::record::TornTail;

/// What is wrong with a line that is in its place.
pub(super) type Wrong = (FaultKind, &'static str);

/// Follows what the lines say.
#[derive(Debug)]
pub(super) struct Life<'a> {
    measure: &'a Measure,
    run: Run,
    /// The trail's id, once a line has told it.
    pub(super) trail: Option<Uuid>,
    /// The first line that has to be there.
    pub(super) first: u64,
    /// How many times the gateway was started.
    pub(super) starts: u64,
    /// The ends that were none.
    pub(super) crashes: Vec<Cut>,
    /// The changes of which only a recovered line tells how they ended: not at all.
    pub(super) unknown: u64,
    /// How many checkpoints there are.
    pub(super) checkpoints: u64,
    /// The last one that a public key has signed, and which.
    pub(super) signed: Option<(Statement, &'a PublicKey)>,
    /// What the line read last says as a checkpoint, if it is one.
    pub(super) said: Option<Statement>,
    /// What is wrong with the line read last, if no later line vouches for it.
    pub(super) unvouched: Option<&'static str>,
}

/// How the run stands, after some line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Run {
    /// Nothing tells: the lines before are not kept.
    Unknown,
    On,
    Stopped,
}

/// A run that ended without a stop.
#[derive(Debug)]
pub(super) struct Cut {
    /// Its last line.
    pub(super) last: Option<Mark>,
    /// What was left of a line.
    pub(super) torn: Option<TornTail>,
}

/// A checkpoint's line, member by member in their order, so that it serializes as it was written.
#[derive(Deserialize, Serialize)]
struct CheckpointLine {
    v: u64,
    seq: u64,
    time: String,
    kind: String,
    trail: Uuid,
    first: u64,
    sequence: u64,
    hash: LineHash,
    open: Box<RawValue>,
    key: Option<String>,
    signature: Option<String>,
    prev: LineHash,
}

#[derive(Deserialize)]
struct StartLine {
    trail: Uuid,
    torn: Option<TornTail>,
}

#[derive(Deserialize)]
struct RecoveredLine {
    unknown: Vec<serde::de::IgnoredAny>,
}

impl<'a> Life<'a> {
    pub(super) fn new(measure: &'a Measure) -> Self {
        Self {
            measure,
            run: Run::Unknown,
            trail: None,
            first: 1,
            starts: 0,
            crashes: Vec::new(),
            unknown: 0,
            checkpoints: 0,
            signed: None,
            said: None,
            unvouched: None,
        }
    }

    /// Whether the trail ends in the middle of a run.
    pub(super) fn is_on(&self) -> bool {
        self.run == Run::On
    }

    /// Takes in a line that stands in its place. `before` is the line before it.
    pub(super) fn see(&mut self, link: &Link, line: &[u8], before: Option<Mark>) -> Result<(), Wrong> {
        self.unvouched = None;
        self.said = None;
        match kind_of(line) {
            b"checkpoint" => return self.checkpoint(link, line),
            b"start" => self.start(parse(line)?, before)?,
            b"stop" => self.run = Run::Stopped,
            b"recovered" => {
                let recovered: RecoveredLine = parse(line)?;
                self.unknown += recovered.unknown.len() as u64;
                // A fault may be told of at the very end, when the stop has its number already.
                self.run = if self.run == Run::Stopped { Run::Stopped } else { Run::On };
            }
            _ => self.run = Run::On,
        }
        Ok(())
    }

    fn start(&mut self, start: StartLine, before: Option<Mark>) -> Result<(), Wrong> {
        self.same_trail(start.trail)?;
        if self.run == Run::On || start.torn.is_some() {
            self.crashes.push(Cut { last: before, torn: start.torn });
        }
        self.starts += 1;
        self.run = Run::On;
        Ok(())
    }

    fn same_trail(&mut self, trail: Uuid) -> Result<(), Wrong> {
        if *self.trail.get_or_insert(trail) == trail {
            return Ok(());
        }
        Err((FaultKind::Changed, "it names another trail than the lines before it"))
    }

    fn checkpoint(&mut self, link: &Link, line: &[u8]) -> Result<(), Wrong> {
        let checkpoint: CheckpointLine = parse(line)?;
        self.same_trail(checkpoint.trail)?;
        if (checkpoint.sequence.checked_add(1), checkpoint.hash) != (Some(link.seq), link.prev) {
            return Err((FaultKind::Changed, "it vouches for another line than the one before it"));
        }
        if checkpoint.first > link.seq {
            return Err((FaultKind::Changed, "it says of itself that it is not kept"));
        }
        self.first = checkpoint.first;
        self.checkpoints += 1;
        self.signature(&checkpoint)?;
        // Nothing but the form tells of a change here, where no signature and no later line does.
        let as_written = serde_json::to_string(&checkpoint).ok();
        let same = as_written.is_some_and(|text| line.strip_suffix(b"\n") == Some(text.as_bytes()));
        self.unvouched = (!same).then_some("it is the last line, and not in the form of a checkpoint");
        Ok(())
    }

    /// Each has to be signed. Otherwise whoever writes a trail anew, with checkpoints that nobody signed, would only have
    /// to wait for the gateway's next start: it signs what it finds.
    fn signature(&mut self, checkpoint: &CheckpointLine) -> Result<(), Wrong> {
        let CheckpointLine { trail, first, sequence, hash, .. } = *checkpoint;
        let time: Timestamp =
            checkpoint.time.parse().map_err(|_| (FaultKind::Changed, "its time is none"))?;
        if format!("{time:.6}") != checkpoint.time {
            return Err((FaultKind::Changed, "its time is not in the form of the trail's"));
        }
        let statement = Statement { trail, first, sequence, hash, time };
        self.said = Some(statement);
        if self.measure.public_keys.is_empty() || sequence < self.measure.signed_from {
            return Ok(());
        }
        let Some(signature) = &checkpoint.signature else {
            return Err((
                FaultKind::Forged,
                "it is not signed (--signed-from leaves out what is older than the key)",
            ));
        };
        let named = |key: &&PublicKey| checkpoint.key.as_deref() == Some(key.id());
        let Some(key) = self.measure.public_keys.iter().find(named) else {
            return Err((
                FaultKind::Forged,
                "it is signed with another key (--public-key may be given more than once)",
            ));
        };
        if !key.verifies(&statement, signature) {
            return Err((FaultKind::Forged, "its signature is not of the public key"));
        }
        self.signed = Some((statement, key));
        Ok(())
    }
}

/// Whether a line is the checkpoint that a segment begins with after the one before was ended in good order.
pub(super) fn begins_segment(line: &[u8]) -> bool {
    kind_of(line) == b"checkpoint"
        && parse::<CheckpointLine>(line).is_ok_and(|checkpoint| checkpoint.open.get() != "null")
}

fn kind_of(line: &[u8]) -> &[u8] {
    Head::of(line).map(|head| head.kind).unwrap_or_default()
}

fn parse<'de, T: Deserialize<'de>>(line: &'de [u8]) -> Result<T, Wrong> {
    serde_json::from_slice(line).map_err(|_| (FaultKind::Changed, "it does not have the members of its kind"))
}
