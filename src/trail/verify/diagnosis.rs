use super::Mark;
use super::fault::{Fault, FaultKind, VerifyError};
use super::reader::SegmentReader;
use crate::trail::line::{Link, Position};
use crate::trail::segment::{Read, SegmentFile};

/// A line that is not the next one, and what is needed to say why. Reads on from there.
pub(super) struct Diagnosis<'a> {
    pub(super) segments: &'a [SegmentFile],
    /// Which segment the line stands in.
    pub(super) index: usize,
    /// The line.
    pub(super) link: Link,
    /// The sequence number in the segment's name, if this is the segment's first line.
    pub(super) name: Option<u64>,
    /// The place after the last line that passed.
    pub(super) follows: Position,
    /// Where the line should stand.
    pub(super) expected: Mark,
    /// Has just read the line.
    pub(super) reader: &'a mut SegmentReader,
}

impl Diagnosis<'_> {
    /// Finds the smallest change that explains the line.
    pub(super) fn fault(mut self) -> Result<Fault, VerifyError> {
        let expected = self.expected.at;
        if self.link.follows(self.follows) {
            let detail = "the file's name is not that of its first line";
            return Ok(self.here(FaultKind::Renamed, detail));
        }
        if self.link.seq == expected.next {
            return self.hash_differs();
        }
        if self.link.prev == expected.prev {
            let detail = "it follows the line before, under another number";
            return Ok(self.here(FaultKind::Changed, detail));
        }
        if self.link.seq > expected.next { self.too_high() } else { self.too_low() }
    }

    /// The number is right, the hash is not: the line before was changed, or this one's `prev`, or this is an
    /// intruder. The line after tells, as it holds the hash of whichever it was written after.
    fn hash_differs(&mut self) -> Result<Fault, VerifyError> {
        let here = self.here(FaultKind::Changed, "its prev is not the hash of the line before");
        let detail = "its hash is not the one that the line after it holds";
        Ok(match self.peek()? {
            Some(after) if after.seq == self.link.seq => {
                Fault { kind: FaultKind::Misplaced, detail: "the line after it has the same number", ..here }
            }
            Some(after) if after.prev != self.link.hash => here,
            _ => self.line_before(FaultKind::Changed, detail),
        })
    }

    /// Lines are left out here. If they stand further on, this one came too early.
    fn too_high(&mut self) -> Result<Fault, VerifyError> {
        let expected = self.expected.at.next;
        // Made first, because reading on moves the reader away from the line.
        let misplaced = self.here(FaultKind::Misplaced, "the line that belongs here stands further on");
        let missing = self.here(FaultKind::Missing, "lines before it are not there");
        let cut_off = self.here(FaultKind::CutOff, "the segment before does not reach up to this one");
        Ok(if self.stands_further_on(expected)? {
            misplaced
        } else if self.name.is_some_and(|name| name > expected) {
            cut_off
        } else {
            missing
        })
    }

    /// The number was there before. Of two lines with one number, the intruder is the one that the next line does
    /// not follow.
    fn too_low(&mut self) -> Result<Fault, VerifyError> {
        let detail = "another line has the same number";
        let here = self.here(FaultKind::Misplaced, detail);
        let before = self.expected.at;
        let twins = self.link.seq == before.last() && self.link.hash != before.prev;
        if twins && self.peek()?.is_some_and(|after| after.prev == self.link.hash) {
            return Ok(self.line_before(FaultKind::Misplaced, detail));
        }
        Ok(here)
    }

    fn here(&self, kind: FaultKind, detail: &'static str) -> Fault {
        let fault = self.reader.fault(kind, detail).finding(self.link.seq);
        fault.expecting(self.expected.at.next)
    }

    fn line_before(&self, kind: FaultKind, detail: &'static str) -> Fault {
        let segment = self.segments.get(self.expected.segment);
        let last = self.expected.at.last();
        Fault {
            kind,
            segment: segment.map(|segment| segment.path.clone()).unwrap_or_default(),
            line: self.expected.line,
            expected: Some(last),
            found: Some(last),
            detail,
        }
    }

    /// The line after, if there is one in this segment and it can be read.
    fn peek(&mut self) -> Result<Option<Link>, VerifyError> {
        Ok(match self.reader.read()? {
            Read::Line => Link::parse(self.reader.bytes()).ok(),
            _ => None,
        })
    }

    /// Whether a later line has the number.
    fn stands_further_on(&mut self, seq: u64) -> Result<bool, VerifyError> {
        if has_line(self.reader, seq)? {
            return Ok(true);
        }
        for segment in self.segments.iter().skip(self.index + 1) {
            if has_line(&mut SegmentReader::open(segment)?, seq)? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

fn has_line(reader: &mut SegmentReader, seq: u64) -> Result<bool, VerifyError> {
    loop {
        match reader.read()? {
            Read::Line if Link::parse(reader.bytes()).is_ok_and(|link| link.seq == seq) => return Ok(true),
            Read::Line => {}
            Read::Torn(_) | Read::TooLong | Read::End => return Ok(false),
        }
    }
}
