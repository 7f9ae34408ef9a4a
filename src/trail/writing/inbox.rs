use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{Semaphore, mpsc};

use super::bell::{Bell, Urgency};
use super::lane::{Batch, Lane, Message, Reply, Room};

/// What the handles and the thread have in common.
#[derive(Debug)]
pub(super) struct Shared {
    /// One permit for each record that room is reserved for or that waits, intents and what has a side room apart.
    pub(super) room: Semaphore,
    pub(super) bell: Bell,
    /// Whether no room is given any more.
    closing: AtomicBool,
    lanes: Mutex<Lanes>,
}

#[derive(Debug, Default)]
struct Lanes {
    all: Vec<Arc<Lane>>,
    is_over: bool,
}

impl Shared {
    /// With room for `queue` records.
    pub(super) fn new(queue: usize) -> Arc<Self> {
        let (room, bell) = (Semaphore::new(queue), Bell::new());
        Arc::new(Self { room, bell, closing: AtomicBool::new(false), lanes: Mutex::default() })
    }

    /// Another way to the thread.
    pub(super) fn lane(&self) -> Arc<Lane> {
        let lane = Arc::new(Lane::default());
        self.lanes(|lanes| {
            if lanes.is_over {
                lane.end();
            } else {
                lanes.all.push(Arc::clone(&lane));
            }
        });
        lane
    }

    /// No room is given any more. The thread ends when no slot is left.
    pub(super) fn close(&self) {
        self.closing.store(true, Ordering::SeqCst);
        self.room.close();
        self.bell.call();
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closing.load(Ordering::SeqCst)
    }

    /// How many records room is reserved for, or are not yet taken.
    pub(super) fn held(&self) -> usize {
        self.lanes(|lanes| lanes.all.iter().map(|lane| lane.held.load(Ordering::SeqCst)).sum())
    }

    fn urgency(&self) -> Urgency {
        let most = |lanes: &mut Lanes| lanes.all.iter().map(|lane| lane.urgency()).max();
        self.lanes(most).unwrap_or(Urgency::Nothing)
    }

    fn lanes<T>(&self, what: impl FnOnce(&mut Lanes) -> T) -> T {
        what(&mut self.lanes.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// That lines before `first` are about to be removed.
#[derive(Debug)]
pub(super) struct Retire {
    pub(super) first: u64,
    pub(super) done: Reply<()>,
}

/// The thread's end of it. When it is dropped, whoever waits is told that it is in vain.
#[derive(Debug)]
pub(super) struct Inbox {
    pub(super) shared: Arc<Shared>,
    pub(super) retired: mpsc::Receiver<Retire>,
    /// What was taken and is not yet written.
    hand: Vec<(Arc<Lane>, Batch)>,
    spare: Vec<Batch>,
}

impl Inbox {
    pub(super) fn new(shared: Arc<Shared>, retired: mpsc::Receiver<Retire>) -> Self {
        Self { shared, retired, hand: Vec::new(), spare: Vec::new() }
    }

    /// How urgent it is to look at the records.
    pub(super) fn urgency(&self) -> Urgency {
        if self.hand.is_empty() { self.shared.urgency() } else { Urgency::Now }
    }

    /// Whether nothing more can come.
    pub(super) fn is_done(&self) -> bool {
        self.shared.is_closed() && self.hand.is_empty() && self.shared.held() == 0
    }

    /// Gives what waits to `write`, at most so many records of it. In each lane's order; of a mutation, intent and
    /// outcome come by one lane.
    pub(super) fn take(&mut self, most: usize, write: impl FnOnce(&mut dyn Iterator<Item = Message<&[u8]>>)) {
        if self.hand.is_empty() {
            self.reach();
        }
        self.give_room(most);
        write(&mut self.hand.iter_mut().flat_map(|(_, batch)| batch.messages()).take(most));
        let spare = &mut self.spare;
        self.hand.retain_mut(|(_, batch)| {
            let is_left = batch.len() > 0;
            if !is_left {
                spare.push(std::mem::take(batch).emptied());
            }
            is_left
        });
    }

    /// Takes what waits, and leaves lanes that nobody has any more.
    fn reach(&mut self) {
        let Self { shared, hand, spare, .. } = self;
        shared.lanes(|lanes| {
            lanes.all.retain_mut(|lane| {
                // First: once nobody else has it, what is in it is all that there will be.
                let is_left = Arc::get_mut(lane).is_some();
                if lane.urgency() > Urgency::Nothing {
                    hand.push((Arc::clone(lane), lane.take(spare.pop().unwrap_or_default())));
                    return true;
                }
                !is_left
            });
        });
    }

    /// Gives back the room of the first so many.
    fn give_room(&self, most: usize) {
        let mut left = most;
        for (lane, batch) in &self.hand {
            let queued = batch.heads(left).filter(|head| matches!(head.room, Room::Queue)).count();
            let taken = batch.len().min(left);
            left -= taken;
            lane.held.fetch_sub(taken, Ordering::SeqCst);
            if queued > 0 {
                self.shared.room.add_permits(queued);
            }
        }
    }

    /// Takes what is left, and has no more come.
    pub(super) fn end(&mut self) {
        self.shared.close();
        let Self { shared, hand, .. } = self;
        shared.lanes(|lanes| {
            lanes.is_over = true;
            for lane in lanes.all.drain(..) {
                lane.end();
                let left = lane.take(Batch::default());
                hand.push((lane, left));
            }
        });
    }
}

impl Drop for Inbox {
    fn drop(&mut self) {
        self.end();
    }
}
