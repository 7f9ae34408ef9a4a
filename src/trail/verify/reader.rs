use super::fault::{Fault, FaultKind, VerifyError};
use crate::trail::segment::{LineReader, Read, SegmentFile};

/// Reads a segment line by line, and names it in what goes wrong.
pub(super) struct SegmentReader {
    segment: SegmentFile,
    lines: LineReader,
}

impl SegmentReader {
    /// Opens the segment before its first line.
    pub(super) fn open(segment: &SegmentFile) -> Result<Self, VerifyError> {
        let lines = LineReader::open(segment).map_err(|error| unreadable(segment, error))?;
        Ok(Self { segment: segment.clone(), lines })
    }

    /// Reads on.
    pub(super) fn read(&mut self) -> Result<Read, VerifyError> {
        self.lines.read().map_err(|error| unreadable(&self.segment, error))
    }

    /// The line read last, with its newline.
    pub(super) fn bytes(&self) -> &[u8] {
        self.lines.bytes()
    }

    /// That line's number in the file, from 1; 0 before the first.
    pub(super) fn line(&self) -> u64 {
        self.lines.line()
    }

    /// The sequence number in the segment's name.
    pub(super) fn first(&self) -> u64 {
        self.segment.first
    }

    /// A fault in the line read last.
    pub(super) fn fault(&self, kind: FaultKind, detail: &'static str) -> Fault {
        Fault {
            kind,
            segment: self.segment.path.clone(),
            line: self.line().max(1),
            expected: None,
            found: None,
            detail,
        }
    }
}

fn unreadable(segment: &SegmentFile, error: std::io::Error) -> VerifyError {
    VerifyError::Io { path: segment.path.clone(), error }
}
