mod finish;

use super::diagnosis::Diagnosis;
use super::fault::{Fault, FaultKind, VerifyError};
use super::kept::Expected;
use super::life::{Life, begins_segment};
use super::reader::SegmentReader;
use super::{Mark, Measure};
use crate::trail::line::{LineHash, Link, Position};
use crate::trail::segment::{MAX_LOST, Read, SegmentFile};

/// After how many lines progress is told.
const TELL: u64 = 4096;

/// How far the chain has been followed.
pub(super) struct Walk<'a> {
    segments: &'a [SegmentFile],
    measure: &'a Measure,
    progress: &'a mut dyn FnMut(u64),
    /// The bytes of the segments that are done with.
    done: u64,
    /// Where the last line ended; none before the first of all.
    follows: Option<Mark>,
    /// Where the next segment takes over, once the line before that place has been read.
    takeover: Option<Mark>,
    /// Where in the segment before there is something after the next one takes over.
    leftover: Option<Fault>,
    life: Life<'a>,
    expected: Expected,
    records: u64,
    first_sequence: Option<u64>,
    /// The last line that counts.
    last: Option<Mark>,
    superseded: u64,
    torn_bytes: u64,
}

impl<'a> Walk<'a> {
    pub(super) fn new(
        segments: &'a [SegmentFile],
        measure: &'a Measure,
        progress: &'a mut dyn FnMut(u64),
    ) -> Self {
        Self {
            segments,
            measure,
            progress,
            done: 0,
            follows: None,
            takeover: None,
            leftover: None,
            life: Life::new(measure),
            expected: Expected::new(&measure.kept),
            records: 0,
            first_sequence: None,
            last: None,
            superseded: 0,
            torn_bytes: 0,
        }
    }

    /// Follows the chain through a segment.
    pub(super) fn segment(&mut self, index: usize) -> Result<(), VerifyError> {
        let Some(segment) = self.segments.get(index) else {
            return Ok(());
        };
        let next = self.segments.get(index + 1);
        let size = segment.size();
        let mut reader = SegmentReader::open(segment)?;
        let takeover = self.takeover.take();
        let leftover = self.leftover.take();
        loop {
            match reader.read()? {
                Read::Line if next.is_none() && reader.has_lost_sectors() => {
                    self.torn_bytes = rest(&mut reader)?;
                    break;
                }
                // What a failed segment has after the place where the next takes over was never vouched for.
                Read::Line if self.takeover.is_some() && reader.has_lost_sectors() => {
                    self.superseded += 1;
                    self.left_over(&reader, 1);
                    break;
                }
                Read::Line => {
                    let first = (reader.line() == 1).then_some(takeover).flatten();
                    let link = self.check(index, &mut reader, first)?;
                    if reader.line() == 1 && begins_segment(reader.bytes()) {
                        leftover.iter().try_for_each(|fault| Err(fault.clone()))?;
                    }
                    let mark = Mark { at: link.position(), segment: index, line: reader.line() };
                    self.count(&link, mark, next, &reader)?;
                }
                Read::TooLong => return Err(reader.fault(FaultKind::Changed, "the line is too long").into()),
                Read::Torn(_) if next.is_some() => {
                    self.superseded += 1;
                    self.left_over(&reader, 1);
                    break;
                }
                Read::Torn(bytes) => {
                    self.torn_bytes = bytes;
                    break;
                }
                Read::End => break,
            }
            if reader.line().is_multiple_of(TELL) {
                (self.progress)(self.done + reader.offset().min(size));
            }
        }
        self.done += size;
        (self.progress)(self.done);
        self.has_lines(&reader, next)
    }

    /// A segment without a line is one that was about to begin; any other had one.
    fn has_lines(&self, reader: &SegmentReader, next: Option<&SegmentFile>) -> Result<(), VerifyError> {
        let position = self.follows.map_or(Position::GENESIS, |mark| mark.at);
        let begins = next.is_none() && position.next == reader.first();
        if reader.line() > 0 || begins {
            return Ok(());
        }
        let fault = reader.fault(FaultKind::CutOff, "the segment has no line");
        Err(fault.expecting(reader.first()).into())
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

    /// Counts a line that stands in its place, and holds it to what is known. `mark` is the place after it.
    fn count(
        &mut self,
        link: &Link,
        mark: Mark,
        next: Option<&SegmentFile>,
        reader: &SegmentReader,
    ) -> Result<(), VerifyError> {
        self.follows = Some(mark);
        if next.is_some_and(|next| link.seq >= next.first) {
            self.superseded += 1;
            self.left_over(reader, 0);
            return Ok(());
        }
        if next.is_some_and(|next| mark.at.next == next.first) {
            self.takeover = Some(mark);
        }
        let here = |kind, detail| reader.fault(kind, detail).finding(link.seq);
        if self.first_sequence.is_none() {
            self.first_sequence = Some(link.seq);
            let before = self.expected.meet(link.seq.saturating_sub(1), link.prev, None);
            before.map_err(|what| here(FaultKind::Changed, what).expecting(link.seq))?;
        }
        self.life.see(link, reader.bytes(), self.last).map_err(|(kind, detail)| here(kind, detail))?;
        let met = self.expected.meet_own(link.seq, self.life.said);
        let met = met.and_then(|()| self.expected.meet(link.seq, link.hash, self.life.trail));
        met.map_err(|what| here(FaultKind::Changed, what))?;
        self.last = Some(mark);
        self.records += 1;
        Ok(())
    }

    /// Remembers the first thing that is left over, `ahead` lines after the one read last.
    fn left_over(&mut self, reader: &SegmentReader, ahead: u64) {
        self.leftover.get_or_insert_with(|| {
            let detail = "it stands after the end of a segment that was ended in good order";
            let fault = reader.fault(FaultKind::Misplaced, detail);
            Fault { line: reader.line() + ahead, ..fault }
        });
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

/// How many bytes there are from the line read last to the end.
fn rest(reader: &mut SegmentReader) -> Result<u64, VerifyError> {
    let too_much = reader.fault(FaultKind::Changed, "zeros stand in it, and much follows them");
    let mut bytes = 0;
    loop {
        bytes += reader.bytes().len() as u64;
        if bytes > MAX_LOST {
            return Err(too_much.into());
        }
        match reader.read()? {
            Read::Line | Read::TooLong => {}
            Read::Torn(torn) => return Ok(bytes + torn),
            Read::End => return Ok(bytes),
        }
    }
}
