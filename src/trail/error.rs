use std::io;
use std::path::{Path, PathBuf};

/// Why the trail cannot be opened, or be written any further.
#[derive(Debug, thiserror::Error)]
pub enum TrailError {
    /// The file system refused something.
    #[error("cannot {action} {}: {error}{}", path.display(), advice(error))]
    Io {
        /// What was tried, as a verb.
        action: &'static str,
        /// On which file or directory.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// Another process has the directory.
    #[error(
        "the audit trail in {} is in use by another process; end that process, or set another audit.directory",
        .0.display()
    )]
    InUse(PathBuf),
    /// What the trail would go on from is no line of a trail.
    #[error(
        "the audit trail ends in {} with {what}; run `confgate audit verify`, then move the damaged file away",
        segment.display()
    )]
    Damaged {
        /// The last segment.
        segment: PathBuf,
        /// What was found there.
        what: &'static str,
    },
    /// The open segment was deleted, moved or replaced.
    #[error("the audit segment {} is no longer in its directory", .0.display())]
    Gone(PathBuf),
    /// Another program has written to the open segment, or cut it.
    #[error(
        "the audit segment {} is {found} bytes long and not {expected}: another program has changed it",
        segment.display()
    )]
    Altered {
        /// The segment.
        segment: PathBuf,
        /// How long it was left.
        expected: u64,
        /// How long it is.
        found: u64,
    },
    /// The thread could not be started.
    #[error("cannot start the audit thread: {0}")]
    Thread(io::Error),
}

impl TrailError {
    /// For `map_err`: what was tried, on which path.
    pub(super) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |error| Self::Io { action, path: path.to_owned(), error }
    }
}

/// What to do about it, where the system's word tells.
fn advice(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "; make room on the volume of audit.directory, or make it larger"
        }
        io::ErrorKind::ReadOnlyFilesystem => "; mount the volume of audit.directory for writing",
        io::ErrorKind::PermissionDenied => {
            "; let this user write to audit.directory (in a pod: securityContext.fsGroup)"
        }
        _ => "",
    }
}

/// The record is not in the trail as firmly as was asked. [`super::TrailStatus::last_error`] says why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the audit trail cannot be written")]
pub struct TrailUnavailable;

/// The trail was closed with records that never reached the disk.
#[derive(Debug, thiserror::Error)]
#[error("the audit trail was closed with {records} records unwritten: {reason}")]
pub struct Unflushed {
    /// How many lines, the stop record among them.
    pub records: u64,
    /// What stood in the way.
    pub reason: String,
}
