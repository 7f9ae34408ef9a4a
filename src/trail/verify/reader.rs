use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};

use super::super::line::MAX_LINE;
use super::super::segment::SegmentFile;
use super::fault::{Fault, FaultKind, VerifyError};

/// Reads a segment line by line, with memory for one of them.
pub(super) struct SegmentReader {
    segment: SegmentFile,
    file: BufReader<File>,
    bytes: Vec<u8>,
    line: u64,
}

/// What was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Read {
    /// A line with its newline.
    Line,
    /// As many bytes at the end as have no newline.
    Torn(u64),
    /// More bytes without a newline than any line has.
    TooLong,
    /// Nothing: this is the end.
    End,
}

impl SegmentReader {
    /// Opens the segment before its first line.
    pub(super) fn open(segment: &SegmentFile) -> Result<Self, VerifyError> {
        let file = File::open(&segment.path)
            .map_err(|error| VerifyError::Io { path: segment.path.clone(), error })?;
        Ok(Self {
            segment: segment.clone(),
            file: BufReader::with_capacity(1 << 20, file),
            bytes: Vec::new(),
            line: 0,
        })
    }

    /// Reads on.
    pub(super) fn read(&mut self) -> Result<Read, VerifyError> {
        self.bytes.clear();
        let read = (&mut self.file)
            .take(MAX_LINE as u64)
            .read_until(b'\n', &mut self.bytes)
            .map_err(|error| VerifyError::Io { path: self.segment.path.clone(), error })?;
        if self.bytes.last() == Some(&b'\n') {
            self.line += 1;
            return Ok(Read::Line);
        }
        Ok(match read {
            0 => Read::End,
            MAX_LINE => {
                self.line += 1;
                Read::TooLong
            }
            torn => Read::Torn(torn as u64),
        })
    }

    /// The line read last, with its newline.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// That line's number in the file, from 1; 0 before the first.
    pub(super) fn line(&self) -> u64 {
        self.line
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
            line: self.line.max(1),
            expected: None,
            found: None,
            detail,
        }
    }
}
