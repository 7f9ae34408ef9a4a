use std::fmt::Display;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};

use super::backlog::{Backlog, Batch};
use super::backoff::Backoff;
use super::config::{Beginning, ConsumerConfig};
use super::cursor::{Cursor, CursorFile};
use super::progress::Progress;
use super::resume::{Resumption, cursor_at, first_line, resumption};
use super::sink::{Sink, Undelivered};
use super::source::{Missing, Source};
use crate::trail::SyncedView;

/// The least time between two batches that are not full: each costs a request and a cursor on the disk that the trail
/// is synced to, and what comes meanwhile goes with the next.
const LINGER: Duration = Duration::from_millis(200);

/// The longest wait between attempts once the gateway ends.
const HASTE: Duration = Duration::from_millis(500);

/// Takes the trail to one receiver, line after line.
pub(super) struct Consumer {
    name: Box<str>,
    beginning: Beginning,
    batch_records: usize,
    directory: PathBuf,
    trail: SyncedView,
    /// The last line at the gateway's start.
    origin: u64,
    cursor: CursorFile,
    source: Source,
    backlog: Backlog,
    sink: Sink,
    /// How many records a batch has at most: fewer than configured while the receiver takes no more.
    limit: usize,
    /// What is acknowledged and not on disk as a cursor.
    unsaved: Option<Cursor>,
    backoff: Backoff,
    last_batch: Option<Instant>,
    progress: Arc<Progress>,
    end: watch::Receiver<bool>,
}

/// Why there is no progress.
struct Setback {
    why: String,
    retry_after: Option<Duration>,
}

impl<E: Display> From<E> for Setback {
    fn from(error: E) -> Self {
        Self { why: error.to_string(), retry_after: None }
    }
}

/// Whether there is more to do.
#[derive(PartialEq, Eq)]
enum Step {
    More,
    /// The trail is closed, and everything in it has arrived.
    Done,
}

impl Consumer {
    /// `end` becomes true when the gateway ends.
    pub(super) fn new(
        config: &ConsumerConfig,
        directory: &Path,
        trail: SyncedView,
        sink: Sink,
        (progress, end): (Arc<Progress>, watch::Receiver<bool>),
    ) -> Self {
        Self {
            name: config.name.as_str().into(),
            beginning: config.beginning,
            batch_records: config.batch_records.get(),
            directory: directory.to_owned(),
            origin: trail.sequence(),
            trail,
            cursor: CursorFile::of(directory, &config.name),
            source: Source::new(directory, config),
            backlog: Backlog::default(),
            sink,
            limit: config.batch_records.get(),
            unsaved: None,
            backoff: Backoff::new(config.max_backoff),
            last_batch: None,
            progress,
            end,
        }
    }

    /// Runs until the trail is closed and everything in it has arrived.
    pub(super) async fn run(mut self) {
        while let Err(error) = self.begin() {
            self.wait_after(error.into()).await;
        }
        tracing::info!(consumer = %self.name, next = self.source.next(), "shipping the audit trail");
        loop {
            match self.step().await {
                Ok(Step::More) => {}
                Ok(Step::Done) => return,
                Err(setback) => self.wait_after(setback).await,
            }
        }
    }

    /// Finds the place to go on at.
    fn begin(&mut self) -> io::Result<()> {
        match self.cursor.read() {
            Err(why) => self.begin_again(&why),
            Ok(None) => match self.beginning {
                Beginning::Start => self.begin_with_the_first(),
                Beginning::Now => self.begin_after_origin(),
            },
            Ok(Some(cursor)) => match resumption(&self.directory, cursor)? {
                Resumption::Fits => {
                    self.begin_after(cursor.sequence);
                    Ok(())
                }
                Resumption::Gap { next } => {
                    self.miss(Missing { first: cursor.sequence + 1, last: next.saturating_sub(1) });
                    self.begin_after(next.saturating_sub(1));
                    Ok(())
                }
                Resumption::Foreign(why) => self.begin_again(why),
            },
        }
    }

    /// Rather twice than not at all.
    fn begin_again(&mut self, why: &str) -> io::Result<()> {
        self.begin_with_the_first()?;
        let told = format!("the cursor is of no use: {why}; the trail is shipped again from its beginning");
        tracing::error!(consumer = %self.name, next = self.source.next(), "{told}");
        self.progress.told(&told);
        Ok(())
    }

    fn begin_with_the_first(&mut self) -> io::Result<()> {
        let first = first_line(&self.directory)?.unwrap_or(1);
        self.begin_after(first.saturating_sub(1));
        Ok(())
    }

    /// On disk at once: a start that ships nothing must not move the beginning of the next one.
    fn begin_after_origin(&mut self) -> io::Result<()> {
        let cursor = cursor_at(&self.directory, self.origin)?
            .ok_or_else(|| io::Error::other(format!("line {} is not in the trail", self.origin)))?;
        self.cursor.write(cursor)?;
        self.begin_after(cursor.sequence);
        Ok(())
    }

    fn begin_after(&mut self, sequence: u64) {
        self.source.begin_with(sequence.saturating_add(1));
        self.progress.starts_after(sequence);
    }

    /// One batch: reads it, delivers it, and puts the cursor after it.
    async fn step(&mut self) -> Result<Step, Setback> {
        self.save()?;
        if self.backlog.is_empty() {
            let Some(synced) = self.more().await else { return Ok(Step::Done) };
            self.read(synced)?;
        }
        let Some(batch) = self.backlog.batch(self.limit) else { return Ok(Step::More) };
        match self.sink.deliver(&batch).await {
            Ok(()) => {
                self.settle(&batch);
                self.save()?;
                self.works();
            }
            Err(Undelivered::TooLarge { records, .. }) if records > 1 => {
                self.limit = records / 2;
                tracing::debug!(consumer = %self.name, records, "the receiver takes no batch so large");
            }
            Err(Undelivered::Failed { why, retry_after, may_be_too_large }) => {
                if may_be_too_large {
                    self.limit = (batch.records / 2).max(1);
                }
                return Err(Setback { why, retry_after });
            }
            Err(alone @ Undelivered::TooLarge { .. }) => return Err(alone.into()),
        }
        Ok(Step::More)
    }

    /// Waits for lines to be on disk, and a little longer for more of them; `None` when no more will come.
    async fn more(&mut self) -> Option<u64> {
        let next = self.source.next();
        self.trail.reached(next).await?;
        let full = next.saturating_add(self.batch_records as u64).saturating_sub(1);
        if let Some(last) = self.last_batch
            && !is_true(&self.end)
        {
            tokio::select! {
                () = sleep_until(last + LINGER) => {}
                _ = self.trail.reached(full) => {}
                () = becomes_true(&mut self.end) => {}
            }
        }
        Some(self.trail.sequence())
    }

    fn read(&mut self, synced: u64) -> io::Result<()> {
        match self.source.fill(&mut self.backlog, synced) {
            Ok(None) => {}
            Ok(Some(missing)) => self.miss(missing),
            // What was read before a fault goes out first; the fault will be met again.
            Err(_) if !self.backlog.is_empty() => {}
            Err(error) => {
                self.progress.waits_since(Timestamp::now());
                return Err(error);
            }
        }
        if let Some(oldest) = self.backlog.oldest() {
            self.progress.waits(oldest);
        }
        Ok(())
    }

    fn settle(&mut self, batch: &Batch) {
        self.backlog.settle(batch);
        self.unsaved = Some(batch.last);
        self.progress.acknowledged(batch.records);
        let more = (self.batch_records / 16).max(1);
        self.limit = self.limit.saturating_add(more).min(self.batch_records);
        self.last_batch = Some(Instant::now());
    }

    fn save(&mut self) -> io::Result<()> {
        if let Some(cursor) = self.unsaved {
            self.cursor
                .write(cursor)
                .map_err(|error| io::Error::other(format!("the cursor cannot be written: {error}")))?;
            self.unsaved = None;
            self.progress.saved(cursor.sequence, self.backlog.oldest());
        }
        Ok(())
    }

    fn works(&mut self) {
        self.backoff.reset();
        if let Some(since) = self.progress.works() {
            tracing::info!(consumer = %self.name, %since, "the audit trail is shipped again");
        }
    }

    fn miss(&self, Missing { first, last }: Missing) {
        let told = format!("lines {first} to {last} are no longer in the trail and were not shipped");
        tracing::error!(consumer = %self.name, "{told}");
        self.progress.told(&told);
    }

    /// Waits, less long when the gateway ends. Each kind of failure is said loudly once: said at each attempt, it would
    /// drown the rest.
    async fn wait_after(&mut self, Setback { why, retry_after }: Setback) {
        let mut wait = self.backoff.wait(retry_after);
        let ending = is_true(&self.end);
        if ending {
            wait = wait.min(HASTE);
        }
        let (consumer, retry_ms) = (&*self.name, wait.as_millis());
        if self.progress.failed(&why) {
            tracing::warn!(consumer, retry_ms, error = %why, "the audit trail is not shipped");
        } else {
            tracing::debug!(consumer, retry_ms, error = %why, "the audit trail is not shipped, still");
        }
        tokio::select! {
            () = sleep(wait) => {}
            () = becomes_true(&mut self.end), if !ending => {}
        }
    }
}

/// Whoever does not say so any more has ended too.
pub(super) fn is_true(end: &watch::Receiver<bool>) -> bool {
    *end.borrow() || end.has_changed().is_err()
}

pub(super) async fn becomes_true(end: &mut watch::Receiver<bool>) {
    // An error says that nobody is there to say so any more.
    let _ = end.wait_for(|end| *end).await;
}
