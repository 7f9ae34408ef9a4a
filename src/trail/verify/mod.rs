//! Proves that a trail is whole: every line is read, numbered in turn, and holds the hash of the one before.
//!
//! What the chain cannot tell: whether lines are missing at its very end, or before its first segment (older
//! ones may have been taken away). For these, compare first and last sequence of the [`Summary`] with what is known.
//!
//! A segment that failed while it was written to may end with lines that the next segment has again, or with half
//! a line. They lie at or after the sequence in the next segment's name, and are counted, not taken for faults.

mod diagnosis;
mod fault;
mod reader;

#[cfg(test)]
mod tests;

use std::fmt;
use std::path::Path;

pub use fault::{Fault, FaultKind, VerifyError};

use crate::trail::line::{LineHash, Link, Position};
use crate::trail::segment::{Read, SegmentFile};
use diagnosis::Diagnosis;
use reader::SegmentReader;

/// A trail without fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
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
    /// Lines, whole or not, that failed segments have left over and others have taken over.
    pub superseded: u64,
    /// The bytes after the last newline of all: a line that is being written just now, or that a crash cut short.
    pub torn_bytes: u64,
}

/// One line for people: what was found to be whole.
impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { segments, records, last_hash, superseded, torn_bytes, .. } = self;
        let plural = if *segments == 1 { "" } else { "s" };
        write!(f, "whole: {records} records in {segments} segment{plural}")?;
        if let (Some(first), Some(last)) = (self.first_sequence, self.last_sequence) {
            write!(f, ", sequence {first} to {last}, last hash {last_hash}")?;
        }
        if *superseded > 0 {
            write!(f, "; {superseded} lines of failed segments were written again and are not counted")?;
        }
        if *torn_bytes > 0 {
            write!(f, "; {torn_bytes} bytes of a line that is not finished follow")?;
        }
        Ok(())
    }
}

/// Reads every segment of `directory` in order, up to the first fault. Needs memory for one line, and
/// time for every byte.
pub fn verify(directory: &Path) -> Result<Summary, VerifyError> {
    let segments = SegmentFile::list(directory)
        .map_err(|error| VerifyError::Io { path: directory.to_owned(), error })?;
    let mut walk = Walk::new(&segments);
    for index in 0..segments.len() {
        walk.segment(index)?;
    }
    Ok(walk.summary)
}

/// A place between two lines of the chain, and which line stands before it.
#[derive(Clone, Copy)]
struct Mark {
    at: Position,
    /// The index of that line's segment.
    segment: usize,
    /// The number of that line in its file.
    line: u64,
}

/// How far the chain has been followed.
struct Walk<'a> {
    segments: &'a [SegmentFile],
    /// Where the last line ended; none before the first of all.
    follows: Option<Mark>,
    /// Where the next segment takes over, once the line before that place has been read.
    takeover: Option<Mark>,
    summary: Summary,
}

impl<'a> Walk<'a> {
    fn new(segments: &'a [SegmentFile]) -> Self {
        Self {
            segments,
            follows: None,
            takeover: None,
            summary: Summary {
                segments: segments.len(),
                records: 0,
                first_sequence: None,
                last_sequence: None,
                last_hash: LineHash::ZERO,
                superseded: 0,
                torn_bytes: 0,
            },
        }
    }

    fn segment(&mut self, index: usize) -> Result<(), VerifyError> {
        let Some(segment) = self.segments.get(index) else {
            return Ok(());
        };
        let next = self.segments.get(index + 1);
        let mut reader = SegmentReader::open(segment)?;
        let takeover = self.takeover.take();
        loop {
            match reader.read()? {
                Read::Line => {
                    let first = (reader.line() == 1).then_some(takeover).flatten();
                    let link = self.check(index, &mut reader, first)?;
                    let mark = Mark { at: link.position(), segment: index, line: reader.line() };
                    self.count(link, mark, next);
                }
                Read::TooLong => return Err(reader.fault(FaultKind::Changed, "the line is too long").into()),
                Read::Torn(_) if next.is_some() => {
                    self.summary.superseded += 1;
                    break;
                }
                Read::Torn(bytes) => {
                    self.summary.torn_bytes = bytes;
                    break;
                }
                Read::End => break,
            }
        }
        if reader.line() == 0 && self.summary.torn_bytes == 0 {
            let fault = reader.fault(FaultKind::CutOff, "the segment has no line");
            return Err(fault.expecting(segment.first).into());
        }
        Ok(())
    }

    /// Makes sure that the line just read is the next one. `takeover` is the other place where it may stand.
    fn check(
        &self,
        index: usize,
        reader: &mut SegmentReader,
        takeover: Option<Mark>,
    ) -> Result<Link, VerifyError> {
        let link = Link::parse(reader.bytes()).map_err(|what| {
            let fault = reader.fault(FaultKind::Changed, what);
            let expected = takeover.or(self.follows);
            expected.into_iter().fold(fault, |fault, mark| fault.expecting(mark.at.next))
        })?;
        let name = (reader.line() == 1).then(|| reader.first());
        let stands_at = |mark: Mark| link.follows(mark.at) && name.is_none_or(|name| name == link.seq);
        let Some(follows) = self.follows else {
            return check_first(link, reader);
        };
        if stands_at(follows) || takeover.is_some_and(stands_at) {
            return Ok(link);
        }
        let diagnosis = Diagnosis {
            segments: self.segments,
            index,
            link,
            name,
            follows: follows.at,
            expected: takeover.unwrap_or(follows),
            reader,
        };
        Err(diagnosis.fault()?.into())
    }

    /// Counts a line that passed. `mark` is the place after it.
    fn count(&mut self, link: Link, mark: Mark, next: Option<&SegmentFile>) {
        self.follows = Some(mark);
        if next.is_some_and(|next| link.seq >= next.first) {
            self.summary.superseded += 1;
            return;
        }
        if next.is_some_and(|next| mark.at.next == next.first) {
            self.takeover = Some(mark);
        }
        self.summary.records += 1;
        self.summary.first_sequence.get_or_insert(link.seq);
        self.summary.last_sequence = Some(link.seq);
        self.summary.last_hash = link.hash;
    }
}

/// Passes the first line of all. What it holds of the line before can be checked only where there is none.
fn check_first(link: Link, reader: &SegmentReader) -> Result<Link, VerifyError> {
    let name = reader.first();
    let (kind, detail) = match link.seq {
        1 if link.prev != LineHash::ZERO => {
            (FaultKind::Changed, "the first line of all holds the hash of another")
        }
        seq if seq == name => return Ok(link),
        seq if seq > name && name == 1 => (FaultKind::Missing, "the first lines are not there"),
        _ => (FaultKind::Renamed, "the file's name is not that of its first line"),
    };
    Err(reader.fault(kind, detail).expecting(name).finding(link.seq).into())
}
