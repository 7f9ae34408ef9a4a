use std::fmt;
use std::io;
use std::path::PathBuf;

/// Why a trail is not proved whole.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// A file or the directory cannot be read.
    #[error("cannot read {}: {error}", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// The trail is not as it was written.
    #[error("{0}")]
    Fault(Box<Fault>),
}

impl From<Fault> for VerifyError {
    fn from(fault: Fault) -> Self {
        Self::Fault(Box::new(fault))
    }
}

/// What happened to a trail, as far as the chain tells: the smallest change that explains what is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// A line's bytes are not those that were written.
    Changed,
    /// Lines are missing before this one.
    Missing,
    /// The line was put in, or stands in the wrong place.
    Misplaced,
    /// Lines are missing at the end of the segment before, or whole segments after it.
    CutOff,
    /// The segment's name is not that of its first line.
    Renamed,
}

/// The first fault of a trail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What kind.
    pub kind: FaultKind,
    /// In which file.
    pub segment: PathBuf,
    /// In which line of the file, from 1.
    pub line: u64,
    /// The sequence number that should stand there, as far as it is known.
    pub expected: Option<u64>,
    /// The sequence number that stands there, if one does.
    pub found: Option<u64>,
    /// What gave it away.
    pub detail: &'static str,
}

impl Fault {
    pub(super) fn expecting(self, sequence: u64) -> Self {
        Self { expected: Some(sequence), ..self }
    }

    pub(super) fn finding(self, sequence: u64) -> Self {
        Self { found: Some(sequence), ..self }
    }
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Changed => "changed",
            Self::Missing => "lines missing",
            Self::Misplaced => "inserted or out of order",
            Self::CutOff => "cut off",
            Self::Renamed => "renamed",
        })
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (segment, line) = (self.segment.display(), self.line);
        write!(f, "{segment} line {line}: {}: {}", self.kind, self.detail)?;
        match (self.expected, self.found) {
            (Some(expected), Some(found)) => write!(f, " (expected sequence {expected}, found {found})"),
            (Some(expected), None) => write!(f, " (expected sequence {expected})"),
            (None, Some(found)) => write!(f, " (found sequence {found})"),
            (None, None) => Ok(()),
        }
    }
}
