use super::directory::Directory;
use super::segment::{Room, Segment};
use crate::trail::error::TrailError;
use crate::trail::line::Position;

/// The largest buffer that is kept for the lines to come, in bytes: twice as many as are written without being put on
/// disk, as it grows by doubling.
const MOST_KEPT: usize = 2 << 20;

/// The end of the chain, in memory and on disk.
///
/// A failed write or `fdatasync` leaves it open what is on disk: all, a part or nothing of what was written since
/// the last sync that worked. The same file is not tried again. Instead every line since that sync is held in
/// memory (`unsynced`), and a new segment begins with exactly these lines, on disk before it is used; only then is
/// the old one cut back to its last synced line. The chain therefore holds whichever lines of the old segment
/// survive: none are missed, because the new segment has them all, and those that are left over lie after the
/// place where the new segment takes over, which its name tells. Going on after the *written* lines instead would
/// leave a gap, if a power cut took them, that looks like tampering.
///
/// A line keeps its number once it has one. That includes an intent whose own write failed: it stays, followed by
/// the refusal of its request, rather than being there or not by the disk's whim.
#[derive(Debug)]
pub(super) struct Store {
    directory: Directory,
    room: Room,
    /// Where lines go; none after a failure, and none before the first line.
    segment: Option<Segment>,
    /// The segment that failed or is full, until another has taken over.
    former: Option<Segment>,
    /// The place after the last line that is on disk.
    synced: Position,
    /// The place after the last line of all.
    head: Position,
    /// The lines between the two.
    unsynced: Vec<u8>,
    /// How many bytes of them are in the segment.
    flushed: usize,
    /// How many lines are not.
    pending: usize,
}

impl Store {
    /// Goes on from `head`, the end of `segment`.
    pub(super) fn new(directory: Directory, segment: Option<Segment>, head: Position, room: Room) -> Self {
        Self {
            directory,
            room,
            segment,
            former: None,
            synced: head,
            head,
            unsynced: Vec::new(),
            flushed: 0,
            pending: 0,
        }
    }

    /// The place after the last line of all.
    pub(super) fn head(&self) -> Position {
        self.head
    }

    /// The place after the last line that is on disk.
    pub(super) fn synced(&self) -> Position {
        self.synced
    }

    /// How many lines wait in memory because no segment has them.
    pub(super) fn pending(&self) -> usize {
        self.pending
    }

    /// How many bytes a power cut would take.
    pub(super) fn unsynced(&self) -> usize {
        self.unsynced.len()
    }

    /// Where lines go.
    pub(super) fn segment(&self) -> Option<&Segment> {
        self.segment.as_ref()
    }

    /// Has lines go to `segment` from now on.
    #[cfg(test)]
    pub(super) fn replace_segment(&mut self, segment: Segment) {
        self.segment = Some(segment);
    }

    /// Gives a record its place, and returns its sequence number.
    pub(super) fn push(&mut self, payload: &[u8]) -> u64 {
        self.head = self.head.append(&mut self.unsynced, payload);
        self.pending = self.pending.saturating_add(1);
        self.head.last()
    }

    /// Puts every line in the segment, and returns how many bytes these were.
    pub(super) fn flush(&mut self) -> Result<usize, TrailError> {
        let lines = self.unsynced.get(self.flushed..).unwrap_or_default();
        if lines.is_empty() {
            return Ok(0);
        }
        let Some(segment) = &mut self.segment else {
            return self.open_segment();
        };
        segment.check()?;
        segment.append(lines)?;
        let bytes = lines.len();
        self.flushed = self.unsynced.len();
        self.pending = 0;
        Ok(bytes)
    }

    /// Puts every line on disk, once they are flushed.
    pub(super) fn sync(&mut self) -> Result<(), TrailError> {
        debug_assert_eq!(self.flushed, self.unsynced.len(), "lines that no segment has");
        if let Some(segment) = self.segment.as_mut().filter(|_| !self.unsynced.is_empty()) {
            segment.sync()?;
            self.all_synced();
        }
        Ok(())
    }

    /// Begins a segment with every line that is not yet on disk; there is at least one. The one before is left, and cut
    /// back to what is on disk of it.
    pub(super) fn open_segment(&mut self) -> Result<usize, TrailError> {
        let bytes = self.unsynced.len();
        let segment = Segment::create(&self.directory, self.synced.next, &self.unsynced, self.room)?;
        self.segment = Some(segment);
        self.pending = 0;
        self.all_synced();
        if let Some(former) = self.former.take() {
            former.leave();
        }
        Ok(bytes)
    }

    /// Writes no more to the segment. The next line begins another.
    pub(super) fn leave_segment(&mut self) {
        if let Some(mut segment) = self.segment.take() {
            segment.give_back_room();
            self.former = Some(segment);
        }
    }

    /// Whether the directory takes writes and is still this process's own.
    pub(super) fn probe(&mut self) -> Result<(), TrailError> {
        self.directory.reclaim()?;
        self.directory.probe()
    }

    /// Nothing more will be written: the room that was taken ahead is given back.
    pub(super) fn close(self) {
        if let Some(segment) = self.segment {
            segment.leave();
        }
    }

    fn all_synced(&mut self) {
        self.synced = self.head;
        self.unsynced.clear();
        // What has gathered while the disk stood still need not stay.
        if self.unsynced.capacity() > MOST_KEPT {
            self.unsynced = Vec::new();
        }
        self.flushed = 0;
    }
}
