use std::fs::{File, Metadata};
use std::io::ErrorKind;
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;

use jiff::Timestamp;
use rustix::fs::{FallocateFlags, fallocate};
use rustix::io::Errno;

use super::directory::{Directory, identity};
use super::failpoint::{attempt, attempt_write};
use crate::trail::error::TrailError;
use crate::trail::segment::SegmentFile;

/// The segment that lines are added to. It has at least one line, and that line is on disk.
#[derive(Debug)]
pub(super) struct Segment {
    /// Its first line.
    first: u64,
    path: PathBuf,
    file: File,
    /// Which file that is, whatever its name: it does not change while the file is open.
    identity: (u64, u64),
    /// When its first line was written.
    begun: Timestamp,
    /// How many bytes have been written.
    written: u64,
    /// How many bytes are known to be on disk.
    synced: u64,
    /// How long the file is: it may have room after what is written.
    length: u64,
    room: Room,
}

/// How much room a segment is given ahead of what is written. Syncing is cheaper for it: a file that does not grow has
/// no new length to be put on disk as well.
#[derive(Clone, Copy, Debug)]
pub(super) struct Room {
    /// How many bytes at once; 0 for none.
    pub(super) step: u64,
}

impl Segment {
    /// Opens a new segment that begins with `lines`, the first of them numbered `first`. Under its name it is
    /// seen only with them on disk, so that a crash leaves no empty segment and no half one.
    pub(super) fn create(
        directory: &Directory,
        first: u64,
        lines: &[u8],
        room: Room,
    ) -> Result<Self, TrailError> {
        let segment = SegmentFile::new(directory.path(), first);
        let path = segment.path.clone();
        // Left by an attempt that could not tidy up after itself, or put there by somebody: kept, and out of the way.
        if path.symlink_metadata().is_ok() {
            let aside = directory.aside(&path, "left");
            attempt(|| std::fs::rename(&path, &aside)).map_err(TrailError::io("move away", &path))?;
        }
        let (file, staged) = directory.stage(lines)?;
        let segment = Self::resume(segment, file, lines.len() as u64, Timestamp::now(), room)?;
        let named = attempt(|| std::fs::rename(&staged, &path)).map_err(TrailError::io("create", &path));
        if let Err(error) = named.and_then(|()| directory.sync()) {
            // Out of the way of the next attempt, which makes a new file.
            let _ = std::fs::remove_file(&path);
            return Err(error);
        }
        Ok(segment)
    }

    /// Goes on with a segment of `length` bytes that was begun at `begun`. `file` is open for writing.
    pub(super) fn resume(
        segment: SegmentFile,
        file: File,
        length: u64,
        begun: Timestamp,
        room: Room,
    ) -> Result<Self, TrailError> {
        let SegmentFile { first, path, .. } = segment;
        let open = attempt(|| file.metadata()).map_err(TrailError::io("inspect", &path))?;
        let identity = identity(&open);
        Ok(Self { first, path, file, identity, begun, written: length, synced: length, length, room })
    }

    /// Its first line.
    pub(super) fn first(&self) -> u64 {
        self.first
    }

    /// How many bytes its lines have.
    pub(super) fn written(&self) -> u64 {
        self.written
    }

    /// When its first line was written.
    pub(super) fn begun(&self) -> Timestamp {
        self.begun
    }

    /// Makes sure that the open file is the one in the directory, and as long as it was left: what is written to a
    /// deleted or moved file is lost, what another program has cut off or added breaks the chain, and nothing but this
    /// would say so. Its name is looked up, and nothing else: it is done for every write.
    pub(super) fn check(&self) -> Result<(), TrailError> {
        match attempt(|| self.path.symlink_metadata()) {
            Ok(named) if identity(&named) == self.identity => self.check_length(&named),
            Ok(_) => Err(TrailError::Gone(self.path.clone())),
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                Err(TrailError::Gone(self.path.clone()))
            }
            Err(error) => Err(TrailError::io("inspect", &self.path)(error)),
        }
    }

    fn check_length(&self, file: &Metadata) -> Result<(), TrailError> {
        let found = file.len();
        if found == self.length || !file.is_file() {
            return Ok(());
        }
        Err(TrailError::Altered { segment: self.path.clone(), expected: self.length, found })
    }

    /// Adds lines. When that fails, what arrived of them is cut off again, as far as the system lets us.
    pub(super) fn append(&mut self, lines: &[u8]) -> Result<(), TrailError> {
        let end = self.written.saturating_add(lines.len() as u64);
        self.make_room(end);
        if let Err(error) = attempt_write(lines, |bytes| self.file.write_all_at(bytes, self.written)) {
            self.cut(self.written);
            return Err(TrailError::io("write", &self.path)(error));
        }
        self.written = end;
        self.length = self.length.max(end);
        Ok(())
    }

    /// Gives the file room for what ends at `end` and for what comes after it. Where that cannot be had, lines may
    /// still fit in.
    fn make_room(&mut self, end: u64) {
        if self.room.step == 0 || end <= self.length {
            return;
        }
        let length = end.saturating_add(self.room.step);
        match fallocate(&self.file, FallocateFlags::empty(), 0, length) {
            Ok(()) => self.length = length,
            // This file system has no such thing, and will not have it for the next line.
            Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL | Errno::NODEV) => self.room.step = 0,
            // A full disk. Some file systems (ext4) have given all that was left by then, and made the file longer.
            Err(_) => self.give_back_room(),
        }
    }

    /// Makes the file as long as what is written: on a full disk, the room may be what is needed elsewhere.
    pub(super) fn give_back_room(&mut self) {
        let longer = self.file.metadata().is_ok_and(|file| file.len() > self.written);
        if longer && self.file.set_len(self.written).is_ok() {
            self.length = self.written;
        }
    }

    /// Puts all that was written on disk. After a failure the file must not be synced again: the system has
    /// reported the loss once, and the next call would succeed without having saved anything.
    pub(super) fn sync(&mut self) -> Result<(), TrailError> {
        attempt(|| self.file.sync_data()).map_err(TrailError::io("sync", &self.path))?;
        self.synced = self.written;
        Ok(())
    }

    /// Leaves the segment with the lines that are on disk. The room after them is given back. Where others follow, the
    /// next segment has taken over every one of them.
    pub(super) fn leave(self) {
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
