use std::collections::VecDeque;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::bell::Urgency;
use super::sender::Durability;
use crate::trail::error::TrailUnavailable;
use crate::trail::record::Change;

/// When so many wait, waiting for more of them saves little.
const MANY: usize = 48;

/// A buffer that has grown larger than this, in bytes, is not kept.
const LARGE: usize = 1 << 20;

/// Where the record's sequence number goes, or that it has none.
pub(super) type Reply<T = u64> = oneshot::Sender<Result<T, TrailUnavailable>>;

/// One worker's way to the thread. Nobody else has its lock, but the thread for as long as it takes to swap one buffer
/// for another.
#[derive(Debug, Default)]
pub(super) struct Lane {
    /// How many records room is reserved for, or wait here, or are in the thread's hand.
    pub(super) held: AtomicUsize,
    /// How urgent the most urgent of those here is.
    urgency: AtomicU8,
    queue: Mutex<Queue>,
}

#[derive(Debug, Default)]
struct Queue {
    batch: Batch,
    /// How many of them somebody waits for.
    waited: usize,
    /// Whether nothing is taken any more.
    is_over: bool,
}

/// Records in order, and the text of all of them in one buffer.
#[derive(Debug, Default)]
pub(super) struct Batch {
    text: Vec<u8>,
    heads: VecDeque<Head>,
    /// Where the text of the first one begins.
    begin: usize,
}

/// What there is to know of a record besides its text.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) durability: Durability,
    /// Whether it says what will happen, rather than what has.
    pub(super) announces: bool,
    pub(super) change: Change,
    pub(super) reply: Option<Reply>,
    pub(super) room: Room,
    /// Where its text ends.
    pub(super) end: usize,
}

/// What room a record takes up until the thread takes it.
#[derive(Debug)]
pub(super) enum Room {
    /// The queue's.
    Queue,
    /// Beside it: an intent's.
    Apart,
    /// A [side room's](super::SideRoom).
    Side(#[expect(dead_code, reason = "it is there to be dropped")] OwnedSemaphorePermit),
}

/// A record as the thread takes it.
#[derive(Debug)]
pub(super) struct Message<T> {
    pub(super) payload: T,
    pub(super) durability: Durability,
    pub(super) announces: bool,
    pub(super) change: Change,
    pub(super) reply: Option<Reply>,
}

impl<T> Message<T> {
    /// Whether it announces something that will not happen, because nobody waits for the receipt any more.
    pub(super) fn is_withdrawn(&self) -> bool {
        self.announces && self.reply.as_ref().is_some_and(oneshot::Sender::is_closed)
    }

    /// Whether it announces something that must not happen while nothing can be written.
    pub(super) fn needs_the_trail(&self) -> bool {
        self.announces && self.durability > Durability::Queue
    }
}

impl Lane {
    /// Adds a record, whose text `write` writes. Returns how urgent that has made the lane, if it was less urgent
    /// before, or nothing if it takes no record any more.
    pub(super) fn push<E>(
        &self,
        head: Head,
        write: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
    ) -> Result<Option<Urgency>, Refused<E>> {
        let mut queue = self.queue();
        if queue.is_over {
            return Err(Refused::Over);
        }
        let waited = queue.waited + usize::from(head.reply.is_some());
        queue.batch.push(head, write).map_err(Refused::Unwritten)?;
        queue.waited = waited;
        let urgency = match waited {
            0 => Urgency::Queued,
            waited if waited < MANY => Urgency::Waited,
            _ => Urgency::Now,
        };
        let is_more = urgency as u8 > self.urgency.load(Ordering::Relaxed);
        if is_more {
            self.urgency.store(urgency as u8, Ordering::SeqCst);
        }
        Ok(is_more.then_some(urgency))
    }

    pub(super) fn urgency(&self) -> Urgency {
        match self.urgency.load(Ordering::SeqCst) {
            0 => Urgency::Nothing,
            1 => Urgency::Queued,
            2 => Urgency::Waited,
            _ => Urgency::Now,
        }
    }

    /// Takes all records, and leaves an empty batch.
    pub(super) fn take(&self, empty: Batch) -> Batch {
        let mut queue = self.queue();
        self.urgency.store(Urgency::Nothing as u8, Ordering::SeqCst);
        queue.waited = 0;
        std::mem::replace(&mut queue.batch, empty)
    }

    /// Takes no record from now on.
    pub(super) fn end(&self) {
        self.queue().is_over = true;
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        // What a panic has left of a text is cut off by the next.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why a record is not in the queue.
#[derive(Debug)]
pub(super) enum Refused<E> {
    /// The trail has ended.
    Over,
    /// There is no text.
    Unwritten(E),
}

impl Batch {
    fn push<E>(&mut self, head: Head, write: impl FnOnce(&mut Vec<u8>) -> Result<(), E>) -> Result<(), E> {
        self.text.truncate(self.heads.back().map_or(self.begin, |last| last.end));
        write(&mut self.text)?;
        self.heads.push_back(Head { end: self.text.len(), ..head });
        Ok(())
    }

    pub(super) fn len(&self) -> usize {
        self.heads.len()
    }

    /// The first so many.
    pub(super) fn heads(&self, most: usize) -> impl Iterator<Item = &Head> {
        self.heads.iter().take(most)
    }

    /// Takes one after another out.
    pub(super) fn messages(&mut self) -> impl Iterator<Item = Message<&[u8]>> {
        let Self { text, heads, begin } = self;
        let text: &[u8] = text;
        std::iter::from_fn(move || {
            let Head { durability, announces, change, reply, end, room: _ } = heads.pop_front()?;
            let payload = text.get(*begin..end).unwrap_or_default();
            *begin = end;
            Some(Message { payload, durability, announces, change, reply })
        })
    }

    /// The same buffers, without a record.
    pub(super) fn emptied(mut self) -> Self {
        if self.text.capacity() > LARGE {
            return Self::default();
        }
        self.text.clear();
        self.heads.clear();
        Self { begin: 0, ..self }
    }
}
