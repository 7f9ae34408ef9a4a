use super::lane::Reply;
use super::sender::Durability;
use crate::trail::error::TrailUnavailable;

/// Those who wait for the lines of one batch.
#[derive(Default)]
pub(super) struct Waiting {
    written: Vec<Waiter>,
    synced: Vec<Waiter>,
}

/// One of them, and the sequence number of its line.
struct Waiter {
    reply: Option<Reply>,
    seq: u64,
}

impl Waiting {
    /// Adds whoever asked for the line `seq`.
    pub(super) fn add(&mut self, durability: Durability, reply: Option<Reply>, seq: u64) {
        let waiter = Waiter { reply, seq };
        match durability {
            Durability::Queue => {}
            Durability::Write => self.written.push(waiter),
            Durability::Sync => self.synced.push(waiter),
        }
    }

    /// How many wait.
    pub(super) fn len(&self) -> usize {
        self.written.len() + self.synced.len()
    }

    /// Whether somebody waits for the disk.
    pub(super) fn needs_sync(&self) -> bool {
        !self.synced.is_empty()
    }

    /// The lines are in the segment.
    pub(super) fn are_written(&mut self) {
        self.written.drain(..).for_each(Waiter::accept);
    }

    /// The lines are on disk.
    pub(super) fn are_synced(&mut self) {
        self.synced.drain(..).for_each(Waiter::accept);
    }

    /// Tells all that are left that they wait in vain.
    pub(super) fn refuse(self) {
        for waiter in self.written.into_iter().chain(self.synced) {
            answer(waiter.reply, Err(TrailUnavailable));
        }
    }
}

impl Waiter {
    fn accept(self) {
        answer(self.reply, Ok(self.seq));
    }
}

/// Answers, unless nobody asked. Whoever asked may have left; that is no concern of the trail's.
pub(super) fn answer(reply: Option<Reply>, answer: Result<u64, TrailUnavailable>) {
    if let Some(reply) = reply {
        let _ = reply.send(answer);
    }
}
