use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use serde::ser::SerializeStruct as _;
use serde::{Serialize, Serializer};

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
    /// There is no segment in the directory. A gateway that serves has one.
    #[error("{}: there is no trail here; give the directory that audit.directory names", .0.display())]
    Empty(PathBuf),
    /// There is a public key, and nothing that it could prove.
    #[error("{}: no checkpoint is signed, so that the public key proves nothing; is audit.checkpoints.key_file set?", .0.display())]
    Unsigned(PathBuf),
    /// The trail is not as it was written.
    #[error("{0}")]
    Fault(Box<Fault>),
}

/// For programs: `whole` is false, `message` is the text for people, and a fault has its parts.
impl Serialize for VerifyError {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_struct("VerifyError", 3)?;
        map.serialize_field("whole", &false)?;
        map.serialize_field("message", &self.to_string())?;
        let fault = if let Self::Fault(fault) = self { Some(fault) } else { None };
        map.serialize_field("fault", &fault)?;
        map.end()
    }
}

impl From<Fault> for VerifyError {
    fn from(fault: Fault) -> Self {
        Self::Fault(Box::new(fault))
    }
}

/// What happened to a trail, as far as the chain tells: the smallest change that explains what is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
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
    /// A checkpoint is not of the key that it should be of.
    Forged,
}

/// The first fault of a trail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// What kind.
    pub kind: FaultKind,
    /// In which file.
    #[serde(rename = "file", serialize_with = "path")]
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

/// A name that is no Unicode is told as well as can be.
pub(super) fn path<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&path.display())
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Changed => "changed",
            Self::Missing => "lines missing",
            Self::Misplaced => "inserted or out of order",
            Self::CutOff => "cut off",
            Self::Renamed => "renamed",
            Self::Forged => "forged checkpoint",
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
