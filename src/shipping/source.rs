use std::io;
use std::path::{Path, PathBuf};

use super::backlog::{Backlog, Prepared};
use super::config::ConsumerConfig;
use super::cursor::Cursor;
use super::form::Form;
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

    /// Reads lines up to `synced` into `backlog`, as many as make a batch. Stops before lines that are missing, and
    /// says which they are; it goes on after them. A fault leaves it before the line that could not be read.
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
                time: line.time(),
                bytes: self.form.render(line, hash),
            });
            self.next = line.sequence.saturating_add(1);
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::shipping::config::{Beginning, ConsumerName, SinkConfig};

    fn source(directory: &Path, batch_records: usize, batch_bytes: usize) -> Source {
        let config = ConsumerConfig {
            name: ConsumerName::parse("siem").unwrap(),
            form: Form::Confgate,
            beginning: Beginning::Start,
            batch_records: batch_records.try_into().unwrap(),
            batch_bytes,
            max_backoff: Duration::ZERO,
            sink: SinkConfig::Stdout,
        };
        Source::new(directory, &config)
    }

    fn segment(directory: &Path, lines: std::ops::RangeInclusive<u64>) {
        let name = format!("audit-{:020}.jsonl", lines.start());
        let line = |sequence| format!("{{\"v\":1,\"seq\":{sequence},\"x\":0}}\n");
        let text = lines.map(line).collect::<Vec<_>>().concat();
        std::fs::write(directory.join(name), text).unwrap();
    }

    /// What one filling brings, and what the next line is after it.
    fn filled(source: &mut Source, synced: u64) -> (Vec<u64>, u64) {
        let mut backlog = Backlog::default();
        assert_eq!(source.fill(&mut backlog, synced).unwrap(), None);
        let batch = backlog.batch(usize::MAX);
        let sequences = batch.map(|batch| (batch.first..=batch.last.sequence).collect());
        (sequences.unwrap_or_default(), source.next())
    }

    #[test]
    fn what_is_not_on_disk_yet_is_left() {
        let directory = tempfile::tempdir().unwrap();
        segment(directory.path(), 1..=5);
        let mut source = source(directory.path(), 100, 1000);
        assert_eq!(filled(&mut source, 0), (vec![], 1));
        assert_eq!(filled(&mut source, 2), (vec![1, 2], 3));
        assert_eq!(filled(&mut source, 2), (vec![], 3));
        assert_eq!(filled(&mut source, 5), (vec![3, 4, 5], 6));
    }

    #[test]
    fn a_batch_is_full_by_records_or_by_bytes() {
        let directory = tempfile::tempdir().unwrap();
        segment(directory.path(), 1..=9);
        let mut by_records = source(directory.path(), 4, 1000);
        assert_eq!(filled(&mut by_records, 9), (vec![1, 2, 3, 4], 5));
        // Lines have 22 bytes.
        let mut by_bytes = source(directory.path(), 100, 50);
        assert_eq!(filled(&mut by_bytes, 9), (vec![1, 2, 3], 4));
        let mut tiny = source(directory.path(), 100, 1);
        assert_eq!(filled(&mut tiny, 9), (vec![1], 2));
    }

    #[test]
    fn lines_that_are_missing_are_named_and_gone_past() {
        let directory = tempfile::tempdir().unwrap();
        segment(directory.path(), 1..=2);
        segment(directory.path(), 5..=6);
        let (mut source, mut backlog) = (source(directory.path(), 100, 1000), Backlog::default());
        let missing = source.fill(&mut backlog, 6).unwrap();
        assert_eq!((missing, backlog.len()), (Some(Missing { first: 3, last: 4 }), 2));
        assert_eq!(filled(&mut source, 6), (vec![5, 6], 7));
    }

    #[test]
    fn after_a_fault_it_goes_on_where_it_was() {
        let directory = tempfile::tempdir().unwrap();
        segment(directory.path(), 1..=2);
        let (mut source, mut backlog) = (source(directory.path(), 100, 1000), Backlog::default());
        let error = source.fill(&mut backlog, 3).unwrap_err().to_string();
        assert_eq!((error.as_str(), backlog.len()), ("line 3 was written and is not in the trail", 2));
        segment(directory.path(), 1..=4);
        assert_eq!(filled(&mut source, 4), (vec![3, 4], 5));
    }
}
