use std::collections::VecDeque;

use bytes::Bytes;
use jiff::Timestamp;

use super::cursor::Cursor;

/// A record in the form that the receiver gets.
#[derive(Debug)]
pub(super) struct Prepared {
    /// The line that it comes from.
    pub(super) cursor: Cursor,
    /// When the record was made, where it says so.
    pub(super) time: Option<Timestamp>,
    /// One line, with its newline.
    pub(super) bytes: Vec<u8>,
}

/// What has been read from the trail and is not acknowledged.
#[derive(Debug, Default)]
pub(super) struct Backlog {
    records: VecDeque<Prepared>,
    bytes: usize,
}

/// What goes out at once. Never empty.
#[derive(Clone, Debug)]
pub(super) struct Batch {
    /// The lines.
    pub(super) body: Bytes,
    /// How many they are.
    pub(super) records: usize,
    /// The sequence number of the first.
    pub(super) first: u64,
    /// The last: where the cursor is once they are acknowledged.
    pub(super) last: Cursor,
}

impl Backlog {
    pub(super) fn push(&mut self, record: Prepared) {
        self.bytes = self.bytes.saturating_add(record.bytes.len());
        self.records.push_back(record);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.records.len()
    }

    /// How many bytes its records have.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// When the oldest of it was made.
    pub(super) fn oldest(&self) -> Option<Timestamp> {
        self.records.front().and_then(|record| record.time)
    }

    /// Its first `records`, all of it if it has fewer; `None` when there is nothing. It keeps them until it is told
    /// that they are [`settled`](Self::settle).
    pub(super) fn batch(&self, records: usize) -> Option<Batch> {
        let first = self.records.front()?.cursor.sequence;
        let records = records.clamp(1, self.records.len());
        let last = self.records.get(records - 1)?.cursor;
        let mut body = Vec::with_capacity(self.bytes);
        for record in self.records.iter().take(records) {
            body.extend_from_slice(&record.bytes);
        }
        Some(Batch { body: body.into(), records, first, last })
    }

    /// Forgets the records of a batch that was acknowledged.
    pub(super) fn settle(&mut self, batch: &Batch) {
        for record in self.records.drain(..batch.records.min(self.records.len())) {
            self.bytes = self.bytes.saturating_sub(record.bytes.len());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trail::LineHash;

    #[test]
    fn records_stay_until_they_are_settled_and_keep_their_order() {
        let mut backlog = Backlog::default();
        assert!(backlog.batch(5).is_none());
        for sequence in 1..=5 {
            let bytes = format!("line {sequence}\n").into_bytes();
            let cursor = Cursor { sequence, hash: LineHash::of(&bytes) };
            backlog.push(Prepared { cursor, time: None, bytes });
        }
        assert_eq!((backlog.len(), backlog.bytes()), (5, 35));
        let two = backlog.batch(2).unwrap();
        assert_eq!((two.first, two.last.sequence, &two.body[..]), (1, 2, &b"line 1\nline 2\n"[..]));
        assert_eq!(backlog.batch(99).unwrap().records, 5);
        assert_eq!(backlog.batch(0).unwrap().records, 1);
        backlog.settle(&two);
        assert_eq!((backlog.len(), backlog.bytes()), (3, 21));
        let rest = backlog.batch(3).unwrap();
        assert_eq!((rest.first, rest.last.hash), (3, LineHash::of(b"line 5\n")));
        backlog.settle(&rest);
        assert!(backlog.is_empty() && backlog.bytes() == 0);
    }
}
