use std::io;
use std::path::{Path, PathBuf};

use super::backlog::{Backlog, Prepared};
use super::config::ConsumerConfig;
use super::cursor::Cursor;
use super::form::{Form, time_of};
use crate::trail::{LineHash, Lines};

/// Reads the trail for one consumer.
pub(super) struct Source {
    directory: PathBuf,
    form: Form,
    batch_records: usize,
    batch_bytes: usize,
    /// None before the first line, and after a fault.
    lines: Option<Lines>,
    /// The next line that is wanted.
    next: u64,
}

/// Lines that were wanted and are no longer in the trail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Missing {
    pub(super) first: u64,
    pub(super) last: u64,
}

impl Source {
    /// Before the first line.
    pub(super) fn new(directory: &Path, config: &ConsumerConfig) -> Self {
        Self {
            directory: directory.to_owned(),
            form: config.form,
            batch_records: config.batch_records.get(),
            batch_bytes: config.batch_bytes,
            lines: None,
            next: 1,
        }
    }

    /// Goes on with line `next`.
    pub(super) fn begin_with(&mut self, next: u64) {
        self.next = next;
        self.lines = None;
    }

    /// The next line that it reads.
    pub(super) fn next(&self) -> u64 {
        self.next
    }

    /// Reads lines up to `synced` into `backlog`, as many as make a batch. Stops before lines that are missing, and says
    /// which they are; it goes on after them. A fault leaves it before the line that could not be read.
    pub(super) fn fill(&mut self, backlog: &mut Backlog, synced: u64) -> io::Result<Option<Missing>> {
        let filled = self.read_into(backlog, synced);
        if !matches!(filled, Ok(None)) {
            self.lines = None;
        }
        filled
    }

    fn read_into(&mut self, backlog: &mut Backlog, synced: u64) -> io::Result<Option<Missing>> {
        while self.next <= synced && backlog.len() < self.batch_records && backlog.bytes() < self.batch_bytes
        {
            let lines = self.lines.get_or_insert_with(|| Lines::from(&self.directory, self.next));
            let line = lines.read()?.ok_or_else(|| {
                io::Error::other(format!("line {} was written and is not in the trail", self.next))
            })?;
            if line.sequence > self.next {
                let missing = Missing { first: self.next, last: line.sequence.saturating_sub(1) };
                self.next = line.sequence;
                return Ok(Some(missing));
            }
            let hash = LineHash::of(line.bytes);
            backlog.push(Prepared {
                cursor: Cursor { sequence: line.sequence, hash },
                time: time_of(line.bytes),
                bytes: self.form.render(line, hash),
            });
            self.next = line.sequence.saturating_add(1);
        }
        Ok(None)
    }
}
