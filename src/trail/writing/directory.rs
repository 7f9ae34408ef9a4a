use std::fs::{DirBuilder, File, Metadata, OpenOptions, TryLockError};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::failpoint::{attempt, attempt_write};
use crate::trail::error::TrailError;

/// The trail's directory, which this process alone writes to.
#[derive(Debug)]
pub(super) struct Directory {
    path: PathBuf,
    /// Locked for as long as it is open. The lock dies with the process, however it dies.
    lock: File,
}

impl Directory {
    /// Makes the directory where it is missing, and takes it for this process.
    pub(super) fn open(path: &Path) -> Result<Self, TrailError> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(path)
            .map_err(TrailError::io("create the audit directory", path))?;
        let lock = lock(path)?;
        Ok(Self { path: path.to_owned(), lock })
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Makes sure that the lock still guards this path. A directory that was removed and made again has no lock
    /// of ours, and another process may be writing to it.
    pub(super) fn reclaim(&mut self) -> Result<(), TrailError> {
        let path = lock_path(&self.path);
        let ours = self.lock.metadata().map_err(TrailError::io("inspect", &path))?;
        if path.metadata().is_ok_and(|there| identity(&there) == identity(&ours)) {
            return Ok(());
        }
        self.lock = lock(&self.path)?;
        Ok(())
    }

    /// Makes names that were added, changed or removed last through a power cut.
    pub(super) fn sync(&self) -> Result<(), TrailError> {
        attempt(|| sync_directory(&self.path)).map_err(TrailError::io("sync the audit directory", &self.path))
    }

    /// A name that is free, for what is in the way and may be evidence: `segment` moved aside because it was `why`.
    pub(super) fn aside(&self, segment: &Path, why: &str) -> PathBuf {
        let time = Timestamp::now().strftime("%Y%m%dT%H%M%S.%6fZ");
        let name = segment.file_name().unwrap_or_default().to_string_lossy();
        self.path.join(format!("{name}.{why}-{time}"))
    }

    /// Writes `bytes` durably to a file that has no name of its own yet.
    pub(super) fn stage(&self, bytes: &[u8]) -> Result<(File, PathBuf), TrailError> {
        let path = self.path.join("new-segment");
        // What is left of an attempt that failed. It was never part of the trail.
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(TrailError::io("remove", &path)(error));
            }
            _ => {}
        }
        let mut file = attempt(|| private().create_new(true).write(true).open(&path))
            .map_err(TrailError::io("create", &path))?;
        attempt_write(bytes, |bytes| file.write_all(bytes)).map_err(TrailError::io("write", &path))?;
        attempt(|| file.sync_all()).map_err(TrailError::io("sync", &path))?;
        Ok((file, path))
    }

    /// Finds out whether the directory takes writes, without leaving anything in it.
    pub(super) fn probe(&self) -> Result<(), TrailError> {
        let (_, path) = self.stage(&[b'\n'; 4096])?;
        std::fs::remove_file(&path).map_err(TrailError::io("remove", &path))
    }
}

/// A child process that is just being started holds what this one has open; unlocking frees the directory all the
/// same.
impl Drop for Directory {
    fn drop(&mut self) {
        let _ = self.lock.unlock();
    }
}

/// Puts the names in a directory on disk.
pub(super) fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// Options for a file that only the gateway's own user may read.
pub(super) fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.mode(0o600);
    options
}

/// What tells one file from another, whatever their names.
pub(super) fn identity(file: &Metadata) -> (u64, u64) {
    (file.dev(), file.ino())
}

fn lock_path(directory: &Path) -> PathBuf {
    directory.join("lock")
}

fn lock(directory: &Path) -> Result<File, TrailError> {
    let path = lock_path(directory);
    let file = private().create(true).append(true).open(&path).map_err(TrailError::io("open", &path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(TrailError::InUse(directory.to_owned())),
        Err(TryLockError::Error(error)) => Err(TrailError::io("lock", &path)(error)),
    }
}
