use std::io::{self, ErrorKind};

use super::fault::{Fault, FaultKind, VerifyError};
use crate::trail::segment::{Encoding, LineReader, Read, SegmentFile, has_lost_sectors};

/// Reads a segment line by line, and names it in what goes wrong.
pub(super) struct SegmentReader {
    segment: SegmentFile,
    lines: LineReader,
}

impl SegmentReader {
    /// Opens the segment before its first line. One that was compressed since it was listed is found nevertheless.
    pub(super) fn open(segment: &SegmentFile) -> Result<Self, VerifyError> {
        let mut segment = segment.clone();
        let opened = match LineReader::open(&segment) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let directory = segment.path.parent().unwrap_or(&segment.path);
                segment = SegmentFile::encoded(directory, segment.first, Encoding::Zstd);
                LineReader::open(&segment)
            }
            opened => opened,
        };
        match opened {
            Ok(lines) => Ok(Self { segment, lines }),
            Err(error) => Err(VerifyError::Io { path: segment.path, error }),
        }
    }

    /// Reads on.
    pub(super) fn read(&mut self) -> Result<Read, VerifyError> {
        self.lines.read().map_err(|error| self.failed(error))
    }

    /// A compressed file that the file system gives out, and that does not decompress, was changed.
    fn failed(&self, error: io::Error) -> VerifyError {
        let of_the_system = error.raw_os_error().is_some();
        if self.segment.encoding == Encoding::Plain || of_the_system {
            return VerifyError::Io { path: self.segment.path.clone(), error };
        }
        let fault = self.fault(FaultKind::Changed, "it cannot be decompressed from here on");
        Fault { line: self.line() + 1, ..fault }.into()
    }

    /// The line read last, with its newline.
    pub(super) fn bytes(&self) -> &[u8] {
        self.lines.bytes()
    }

    /// That line's number in the file, from 1; 0 before the first.
    pub(super) fn line(&self) -> u64 {
        self.lines.line()
    }

    /// Where that line ends, in bytes of the plain segment.
    pub(super) fn offset(&self) -> u64 {
        self.lines.offset()
    }

    /// The sequence number in the segment's name.
    pub(super) fn first(&self) -> u64 {
        self.segment.first
    }

    /// Whether what was read last has sectors in it that never reached the disk.
    pub(super) fn has_lost_sectors(&self) -> bool {
        let begin = self.offset().saturating_sub(self.bytes().len() as u64);
        self.bytes().contains(&0) && has_lost_sectors(begin, self.bytes())
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
