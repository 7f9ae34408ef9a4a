//! What the trail does for itself: checkpoints, rotation, heartbeats, and noticing that something is wrong.

use jiff::{SignedDuration, Timestamp};

use super::segment::Segment;
use super::writer::Writer;
use crate::trail::error::{TrailError, TrailUnavailable};
use crate::trail::record::{Heartbeat, Record};

impl Writer {
    /// After a batch: what depends on how much was written.
    pub(super) fn keep_up(&mut self) -> Result<(), TrailError> {
        let since_checkpoint = self.store.head().next.saturating_sub(self.proved);
        if self.is_full() {
            self.rotate()
        } else if since_checkpoint >= self.config.checkpoints.records {
            self.prove(false);
            self.save()
        } else {
            Ok(())
        }
    }

    /// About once a second: heals what is wrong, or finds out early that something is.
    pub(super) fn tick(&mut self) {
        if !self.has_failed() {
            if let Err(error) = self.look_after() {
                self.fail(&error);
            }
            return;
        }
        self.recover();
    }

    /// Heals what is wrong, if something is.
    pub(super) fn recover(&mut self) {
        if !self.has_failed() {
            return;
        }
        match self.heal() {
            Ok(()) => tracing::info!(sequence = self.store.head().last(), "the audit trail is written again"),
            Err(error) => self.status.failed(&error),
        }
    }

    /// What depends on time. Whatever was written without anybody waiting for the disk gets there within about a
    /// second.
    fn look_after(&mut self) -> Result<(), TrailError> {
        if let Some(segment) = self.store.segment() {
            let busy = self.status.busy();
            segment.check()?;
            drop(busy);
        }
        self.tell_of_stalls();
        if self.last_line_at.elapsed() >= self.config.heartbeat {
            self.push(&Record::Heartbeat(Heartbeat { time: Timestamp::now() }));
        }
        if self.is_old() {
            return self.rotate();
        }
        let news = self.store.head().next > self.proved;
        if news && self.proved_at.elapsed() >= self.config.checkpoints.every {
            self.prove(false);
        }
        self.save()
    }

    /// Says in a checkpoint that only lines from `first` on are kept. On return that is on disk.
    pub(super) fn retire(&mut self, first: u64) -> Result<(), TrailUnavailable> {
        if self.has_failed() {
            return Err(TrailUnavailable);
        }
        self.first = self.first.max(first);
        self.prove(false);
        self.save().map_err(|error| {
            self.fail(&error);
            TrailUnavailable
        })
    }

    fn is_full(&self) -> bool {
        let written = self.store.segment().map_or(0, Segment::written);
        written >= self.config.segments.max_bytes
    }

    fn is_old(&self) -> bool {
        let max_age = SignedDuration::try_from(self.config.segments.max_age).unwrap_or(SignedDuration::MAX);
        let begun = self.store.segment().map(Segment::begun);
        begun.is_some_and(|begun| Timestamp::now().duration_since(begun) >= max_age)
    }
}
