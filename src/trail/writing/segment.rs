use std::fs::File;
use std::io::{self, Write as _};
use std::path::PathBuf;

use super::directory::{Directory, identity};
use crate::trail::error::TrailError;
use crate::trail::segment::SegmentFile;

/// The segment that lines are added to. It has at least one line, and that line is on disk.
#[derive(Debug)]
pub(super) struct Segment {
    path: PathBuf,
    file: File,
    /// How many bytes have been written.
    written: u64,
    /// How many bytes are known to be on disk.
    synced: u64,
}

impl Segment {
    /// Opens a new segment that begins with `lines`, the first of them numbered `first`. Under its name it is
    /// seen only with them on disk, so that a crash leaves no empty segment and no half one.
    pub(super) fn create(directory: &Directory, first: u64, lines: &[u8]) -> Result<Self, TrailError> {
        let path = SegmentFile::new(directory.path(), first).path;
        if path.symlink_metadata().is_ok() {
            return Err(TrailError::io("create", &path)(io::ErrorKind::AlreadyExists.into()));
        }
        let (file, staged) = directory.stage(lines)?;
        std::fs::rename(&staged, &path).map_err(TrailError::io("create", &path))?;
        if let Err(error) = directory.sync() {
            // Out of the way of the next attempt, which makes a new file.
            let _ = std::fs::remove_file(&path);
            return Err(error);
        }
        Ok(Self::resume(path, file, lines.len() as u64))
    }

    /// Goes on with a segment of `length` bytes. `file` is open for appending.
    pub(super) fn resume(path: PathBuf, file: File, length: u64) -> Self {
        Self { path, file, written: length, synced: length }
    }

    /// Makes sure that the open file is the one in the directory: what is written to a deleted or moved file is
    /// lost, and nothing but this would say so.
    pub(super) fn check(&self) -> Result<(), TrailError> {
        let open = self.file.metadata().map_err(TrailError::io("inspect", &self.path))?;
        match self.path.metadata() {
            Ok(named) if identity(&named) == identity(&open) => Ok(()),
            _ => Err(TrailError::Gone(self.path.clone())),
        }
    }

    /// Adds lines. When that fails, what arrived of them is cut off again, as far as the system lets us.
    pub(super) fn append(&mut self, lines: &[u8]) -> Result<(), TrailError> {
        if let Err(error) = self.file.write_all(lines) {
            self.cut(self.written);
            return Err(TrailError::io("write", &self.path)(error));
        }
        self.written = self.written.saturating_add(lines.len() as u64);
        Ok(())
    }

    /// Puts all that was written on disk. After a failure the file must not be synced again: the system has
    /// reported the loss once, and the next call would succeed without having saved anything.
    pub(super) fn sync(&mut self) -> Result<(), TrailError> {
        self.file.sync_data().map_err(TrailError::io("sync", &self.path))?;
        self.synced = self.written;
        Ok(())
    }

    /// Leaves a segment that failed, after another has taken over every line from the first unsynced one.
    pub(super) fn abandon(self) {
        self.cut(self.synced);
    }

    /// Shortens the file, never lengthens it. A failure leaves lines that the next segment has again, or half a
    /// line; `verify` knows both.
    fn cut(&self, length: u64) {
        let longer = self.file.metadata().is_ok_and(|file| file.len() > length);
        if longer && let Err(error) = self.file.set_len(length).and_then(|()| self.file.sync_all()) {
            tracing::warn!(segment = %self.path.display(), %error, "cannot cut back an audit segment");
        }
    }
}
