use jiff::Timestamp;
use tokio::time::Instant;

use super::directory::Directory;
use super::segment::Segment;
use super::sender::Message;
use super::status::Publisher;
use super::waiting::{Waiting, answer};
use crate::trail::error::{TrailError, TrailUnavailable, Unflushed};
use crate::trail::line::Position;
use crate::trail::record::{Record, Start, Stop, TornTail};

/// How many bytes may be written without being put on disk, when nobody asks for it. Bounds what a power cut can
/// take, and the memory that holds these lines meanwhile.
const MAX_UNSYNCED: usize = 4 << 20;

/// Gives records their place in the chain and puts them in the directory.
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
pub(super) struct Writer {
    directory: Directory,
    /// Where lines go; none after a failure, and none until the first line after healing.
    segment: Option<Segment>,
    /// The segment that failed, until another has taken over.
    abandoned: Option<Segment>,
    /// The place after the last line that is on disk.
    synced: Position,
    /// The place after the last line of all.
    head: Position,
    /// The lines between the two.
    unsynced: Vec<u8>,
    /// How many lines wait in memory because no segment takes them.
    kept: usize,
    /// How many may.
    queue: usize,
    /// Whether something is wrong.
    failed: bool,
    status: Publisher,
}

impl Writer {
    /// Goes on from `head`, the end of `segment`. Returns with the start record on disk.
    pub(super) fn start(
        directory: Directory,
        segment: Option<Segment>,
        head: Position,
        torn: Option<TornTail>,
        status: Publisher,
    ) -> Result<Self, TrailError> {
        let mut writer = Self {
            directory,
            segment,
            abandoned: None,
            synced: head,
            head,
            unsynced: Vec::new(),
            kept: 0,
            queue: usize::MAX,
            failed: false,
            status,
        };
        writer.push(&Record::Start(Start {
            time: Timestamp::now(),
            version: env!("CARGO_PKG_VERSION"),
            trail: uuid::Uuid::new_v4(),
            torn,
        }));
        writer.append(0)?;
        writer.sync()?;
        writer.status.works();
        Ok(writer)
    }

    /// Sets how many records are kept in memory while they cannot be written; at least 1.
    pub(super) fn keep_at_most(mut self, records: usize) -> Self {
        self.queue = records;
        self
    }

    /// How many records it takes now; 0 while as many are kept as may be.
    pub(super) fn room(&self) -> usize {
        self.queue.saturating_sub(self.kept)
    }

    /// Writes a batch with one write and at most one `fdatasync`, and answers everyone who waits for it.
    pub(super) fn write(&mut self, batch: impl Iterator<Item = Message>) {
        let start = self.unsynced.len();
        let mut waiting = Waiting::default();
        for message in batch.filter(|message| !message.is_withdrawn()) {
            if self.failed && message.needs_the_trail() {
                answer(message.reply, Err(TrailUnavailable));
                continue;
            }
            let seq = self.push_payload(&message.payload);
            waiting.add(message.durability, message.reply, seq);
        }
        if self.failed {
            self.status.kept(self.kept);
            return waiting.refuse();
        }
        if let Err(error) = self.store(start, &mut waiting) {
            // First, so that whoever is refused finds the trail not writable.
            self.fail(&error);
            waiting.refuse();
        }
    }

    /// Looks after itself, about once a second: heals what is wrong, or finds out early that something is.
    pub(super) fn tick(&mut self) {
        if self.failed {
            match self.heal() {
                Ok(()) => tracing::info!(sequence = self.head.last(), "the audit trail is written again"),
                Err(error) => self.status.failed(&error),
            }
        } else if let Some(Err(error)) = self.segment.as_ref().map(Segment::check) {
            self.fail(&error);
        }
    }

    /// Writes the stop record, and puts on disk all that is left.
    pub(super) fn finish(mut self) -> Result<(), Unflushed> {
        let start = self.unsynced.len();
        self.push(&Record::Stop(Stop { time: Timestamp::now() }));
        if !self.failed
            && let Err(error) = self.append(start).and_then(|()| self.sync())
        {
            self.fail(&error);
        }
        let flushed = if self.failed { self.heal() } else { Ok(()) };
        flushed.map_err(|error| Unflushed {
            records: self.head.next.saturating_sub(self.synced.next),
            reason: error.to_string(),
        })
    }

    /// Has lines go to `segment` from now on.
    #[cfg(test)]
    pub(super) fn replace_segment(&mut self, segment: Segment) {
        self.segment = Some(segment);
    }

    fn push(&mut self, record: &Record) {
        match record.payload() {
            Ok(payload) => {
                self.push_payload(&payload);
            }
            Err(error) => tracing::error!(kind = ?record.kind(), %error, "a record cannot be serialized"),
        }
    }

    /// Gives a record its place, and returns its sequence number.
    fn push_payload(&mut self, payload: &[u8]) -> u64 {
        self.head = self.head.append(&mut self.unsynced, payload);
        self.kept = self.kept.saturating_add(1);
        self.head.last()
    }

    /// Stores the lines from byte `start` of `unsynced`. What it does not answer remains in `waiting`.
    fn store(&mut self, start: usize, waiting: &mut Waiting) -> Result<(), TrailError> {
        self.append(start)?;
        waiting.are_written();
        if waiting.needs_sync() || self.unsynced.len() > MAX_UNSYNCED {
            self.sync()?;
            waiting.are_synced();
        }
        Ok(())
    }

    /// Puts the lines from byte `start` of `unsynced` in the segment.
    fn append(&mut self, start: usize) -> Result<(), TrailError> {
        let lines = self.unsynced.get(start..).unwrap_or_default();
        match &mut self.segment {
            None => return self.open_segment(),
            Some(_) if lines.is_empty() => return Ok(()),
            Some(segment) => {
                segment.check()?;
                segment.append(lines)?;
            }
        }
        self.status.written(self.head, lines.len());
        self.kept = 0;
        Ok(())
    }

    fn sync(&mut self) -> Result<(), TrailError> {
        let Some(segment) = self.segment.as_mut().filter(|_| !self.unsynced.is_empty()) else {
            return Ok(());
        };
        let begun = Instant::now();
        segment.sync()?;
        self.all_synced(begun);
        Ok(())
    }

    /// Begins a segment with every line that is not yet on disk, if there is one.
    fn open_segment(&mut self) -> Result<(), TrailError> {
        if self.unsynced.is_empty() {
            return Ok(());
        }
        let begun = Instant::now();
        let segment = Segment::create(&self.directory, self.synced.next, &self.unsynced)?;
        self.segment = Some(segment);
        self.status.written(self.head, self.unsynced.len());
        self.kept = 0;
        self.all_synced(begun);
        Ok(())
    }

    fn all_synced(&mut self, begun: Instant) {
        self.synced = self.head;
        self.unsynced.clear();
        self.status.synced(self.head, begun.elapsed());
    }

    fn fail(&mut self, error: &TrailError) {
        tracing::error!(%error, "the audit trail cannot be written; mutations are refused until it can");
        self.failed = true;
        if let Some(segment) = self.segment.take() {
            self.abandoned = Some(segment);
        }
        self.status.kept(self.kept);
        self.status.failed(error);
    }

    /// Goes on in a new segment. With nothing to put there, the next line opens it, and only a trial tells
    /// whether that would work.
    fn heal(&mut self) -> Result<(), TrailError> {
        self.directory.reclaim()?;
        if self.unsynced.is_empty() {
            self.directory.probe()?;
        } else {
            self.open_segment()?;
        }
        if let Some(segment) = self.abandoned.take() {
            segment.abandon();
        }
        self.failed = false;
        self.status.kept(0);
        self.status.works();
        Ok(())
    }
}
