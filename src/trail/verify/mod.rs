//! Proves that a trail is whole: every line is read, is a record in JSON, is numbered in turn, and holds the hash of
//! the one before.
//!
//! What the chain alone cannot tell, checkpoints do. The last one says where the trail has to begin. A signature,
//! held to the public key, says that nobody else wrote what lies before it. One that was kept elsewhere says that the
//! trail reaches that far, and says there what it said then.
//!
//! # What is no fault
//!
//! - A run that ends without a stop: a crash where a start follows, and nothing at all at the very end, where the
//!   gateway may be running. Bytes of an unfinished line, and sectors that a power cut kept from the disk, may follow
//!   the last line there.
//! - Lines that a failed segment has left over, whole or not, and that the next segment has again. They lie at or after
//!   the sequence in the next segment's name. A segment that begins with a checkpoint's list of open changes took over
//!   in good order, and nothing may be left over before it.
//! - Missing lines at the front, as far as a checkpoint says that their time was over.

mod diagnosis;
mod fault;
mod kept;
mod life;
mod reader;
mod summary;
mod walk;

#[cfg(test)]
mod tests;

use std::io::ErrorKind::NotFound;
use std::path::Path;

pub use fault::{Fault, FaultKind, VerifyError};
pub use kept::{KeptCheckpoint, KeptError};
pub use summary::{Crash, Signed, Summary};

use super::checkpoint::PublicKey;
use super::line::Position;
use super::segment::SegmentFile;
use walk::Walk;

/// What a trail is held to, beside itself.
#[derive(Clone, Debug, Default)]
pub struct Measure {
    /// The keys of which one has to have signed each checkpoint; without one, no signature is checked.
    pub public_keys: Vec<PublicKey>,
    /// The first line from which on that is so: a trail may be older than its key.
    pub signed_from: u64,
    /// Checkpoints that were kept elsewhere.
    pub kept: Vec<KeptCheckpoint>,
    /// Whether this is a part of a trail, which may begin and end anywhere.
    pub partial: bool,
}

/// Holds the trail of `directory` to nothing but itself.
pub fn verify(directory: &Path) -> Result<Summary, VerifyError> {
    verify_by(directory, &Measure::default(), &mut |_| ())
}

/// Reads every segment of `directory` in order, up to the first fault. Needs memory for one line, and time for
/// every byte. `progress` hears now and then how many bytes of the files are done with; [`size`] says of how many.
pub fn verify_by(
    directory: &Path,
    measure: &Measure,
    progress: &mut dyn FnMut(u64),
) -> Result<Summary, VerifyError> {
    for _ in 1..TURNS {
        match verify_listed(directory, measure, progress) {
            Err(VerifyError::Io { error, path }) if error.kind() == NotFound && path != directory => {}
            done => return done,
        }
    }
    verify_listed(directory, measure, progress)
}

/// The same for the files that are there now.
fn verify_listed(
    directory: &Path,
    measure: &Measure,
    progress: &mut dyn FnMut(u64),
) -> Result<Summary, VerifyError> {
    let segments = list(directory)?;
    if segments.is_empty() {
        return Err(VerifyError::Empty(directory.to_owned()));
    }
    let mut walk = Walk::new(&segments, measure, progress);
    for index in 0..segments.len() {
        walk.segment(index)?;
    }
    walk.finish(directory)
}

/// How many bytes the segments of `directory` have, as they lie on the disk.
pub fn size(directory: &Path) -> Result<u64, VerifyError> {
    Ok(list(directory)?.iter().map(SegmentFile::size).sum())
}

fn list(directory: &Path) -> Result<Vec<SegmentFile>, VerifyError> {
    SegmentFile::list(directory).map_err(|error| VerifyError::Io { path: directory.to_owned(), error })
}

/// How often the files are listed anew where one of them has gone since: a gateway at work compresses files, and
/// removes old ones.
const TURNS: usize = 10;

/// A place between two lines of the chain, and which line stands before it.
#[derive(Clone, Copy, Debug)]
struct Mark {
    at: Position,
    /// The index of that line's segment.
    segment: usize,
    /// The number of that line in its file.
    line: u64,
}
