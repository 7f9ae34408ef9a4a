use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use tokio::sync::{Semaphore, mpsc, oneshot};

use super::inbox::{Retire, Shared};
use super::keeper::Kept;
use super::lane::{Head, Lane, Refused, Room};
use super::status::{Observer, TrailStatus};
use super::synced::SyncedView;
use crate::trail::error::TrailUnavailable;
use crate::trail::record::Recordable;

/// A handle on the trail, for any thread. When the last one is gone the trail closes as by
/// [`TrailThread::close`](super::TrailThread::close).
#[derive(Clone, Debug)]
pub struct Trail {
    alive: Arc<Alive>,
    lane: Arc<Lane>,
    pub(in crate::trail) observer: Observer,
    retire: mpsc::Sender<Retire>,
    pub(super) kept: Arc<Mutex<Kept>>,
}

/// What closes the trail when it is gone.
#[derive(Debug)]
struct Alive(Arc<Shared>);

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.close();
    }
}

impl Trail {
    pub(super) fn new(shared: Arc<Shared>, observer: Observer, retire: mpsc::Sender<Retire>) -> Self {
        let lane = shared.lane();
        Self { alive: Arc::new(Alive(shared)), lane, observer, retire, kept: Arc::default() }
    }

    /// Another handle, whose records go a way of their own: one for each worker, so that none waits for another. Only
    /// records by one handle and its clones are in the trail in the order in which they were sent.
    pub fn with_own_lane(self) -> Self {
        Self { lane: self.shared().lane(), ..self }
    }

    /// Room for one record. Waits while the queue is full, in turn; a future that is dropped gives up its turn.
    pub async fn reserve(&self) -> Slot {
        if let Some(slot) = self.try_reserve() {
            return slot;
        }
        // What takes up the room is written at once, where it can be.
        if self.observer.is_writable() {
            self.shared().bell.call();
        }
        match self.shared().room.acquire().await {
            Ok(permit) => {
                permit.forget();
                self.slot(Room::Queue)
            }
            Err(_) => self.slot(Room::Apart),
        }
    }

    /// Room for the intent of a request that holds a slot for its outcome. It is apart from the room for outcomes:
    /// otherwise requests that fill the queue with what they have reserved would wait for each other to end.
    pub fn reserve_intent(&self) -> Slot {
        self.slot(Room::Apart)
    }

    /// Room for one record, if there is some right now.
    pub fn try_reserve(&self) -> Option<Slot> {
        self.shared().room.try_acquire().ok()?.forget();
        Some(self.slot(Room::Queue))
    }

    /// Once the trail is closed it is for nothing: the record cannot be written, as its receipt will say.
    fn slot(&self, room: Room) -> Slot {
        let shared = self.shared();
        // In this order, of which the thread does the reverse: it sees the slot, or the slot that it has ended.
        self.lane.held.fetch_add(1, Ordering::SeqCst);
        let slot = Slot { shared: Arc::clone(shared), lane: Arc::clone(&self.lane), room: Some(room) };
        if shared.is_closed() { slot.for_nothing() } else { slot }
    }

    fn shared(&self) -> &Arc<Shared> {
        &self.alive.0
    }

    /// Whether records reach the directory. While false, a mutation should be refused without an intent.
    pub fn is_writable(&self) -> bool {
        self.observer.is_writable() && !self.is_closed()
    }

    /// Has the trail say that only lines from `first` on are kept. Resolves once that is on disk.
    pub(super) async fn retire(&self, first: u64) -> Result<(), TrailUnavailable> {
        let (done, receipt) = oneshot::channel();
        self.retire.send(Retire { first, done }).await.map_err(|_| TrailUnavailable)?;
        self.shared().bell.call();
        receipt.await.unwrap_or(Err(TrailUnavailable))
    }

    /// What the directory holds, as of the last look at it.
    pub fn kept(&self) -> Kept {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether the thread is to end, or has: only records whose room was taken before are still written.
    pub fn is_closed(&self) -> bool {
        self.shared().is_closed()
    }

    /// How the trail is doing. For people and probes, not for every request.
    pub fn status(&self) -> TrailStatus {
        let mut status = self.observer.status();
        status.queued = status.queued.saturating_add(self.shared().held() as u64);
        status
    }

    /// How far the trail is on disk, for those who wait for more of it.
    pub fn synced(&self) -> SyncedView {
        self.observer.synced.clone()
    }
}

/// How firmly a record must be in the trail before anything else happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Durability {
    /// On its way: nothing waits for it.
    Queue,
    /// In the segment: outlives the process.
    Write,
    /// On disk: outlives the machine.
    Sync,
}

/// Room beside the queue for `records` of one owner, who reserves a slot long before there is something to record: the
/// queue's room is not for keeping.
#[derive(Debug)]
pub struct SideRoom(Arc<Semaphore>);

impl SideRoom {
    /// Room for so many.
    pub fn new(records: usize) -> Self {
        Self(Arc::new(Semaphore::new(records)))
    }

    /// Moves a slot in, which gives the queue its room back. Where there is none here, the slot stays as it is.
    pub fn keep(&self, mut slot: Slot) -> Result<Slot, Slot> {
        let Ok(room) = Arc::clone(&self.0).try_acquire_owned() else { return Err(slot) };
        slot.give_back(slot.takes_room());
        slot.room = slot.room.take().map(|_| Room::Side(room));
        Ok(slot)
    }
}

/// Reserved room for one record: sending it neither waits nor fails, so that a guard's `Drop` can.
#[derive(Debug)]
pub struct Slot {
    shared: Arc<Shared>,
    lane: Arc<Lane>,
    /// None once it is used or given back, and where the trail had closed before.
    room: Option<Room>,
}

impl Slot {
    /// Puts on record what has happened. It is kept, in order, until it can be written. The receipt resolves when it is
    /// as firm as was asked; when the trail cannot be written, the receipt says so at once. There is none for
    /// [`Durability::Queue`].
    pub fn record(self, record: &impl Recordable, durability: Durability) -> Option<Receipt> {
        self.send(record, durability, false)
    }

    /// Puts on record what will happen once the receipt resolves. When the trail cannot be written, it is not kept,
    /// unless it is itself what fails to be written: the file may hold it by then. A receipt that is dropped withdraws
    /// a record that is not yet written. With [`Durability::Queue`] there is no receipt to wait for, and the record is
    /// kept as by [`Slot::record`].
    pub fn announce(self, record: &impl Recordable, durability: Durability) -> Option<Receipt> {
        self.send(record, durability, true)
    }

    fn send(mut self, record: &impl Recordable, durability: Durability, announces: bool) -> Option<Receipt> {
        let (reply, receipt) = match durability {
            Durability::Queue => (None, None),
            Durability::Write | Durability::Sync => {
                let (sender, receiver) = oneshot::channel();
                (Some(sender), Some(Receipt(receiver)))
            }
        };
        if let Some(room) = self.room.take() {
            let change = record.change();
            self.push(record, Head { durability, announces, change, reply, room, end: 0 });
        } else {
            tracing::error!(kind = ?record.kind(), "a record came after the trail was closed");
        }
        receipt
    }

    /// From here on the thread counts it as held, unless it is refused.
    fn push(&self, record: &impl Recordable, head: Head) {
        let takes_room = matches!(head.room, Room::Queue);
        let refused = match self.lane.push(head, |text| record.write(text)) {
            Ok(urgency) => {
                if let Some(urgency) = urgency {
                    self.shared.bell.ring(urgency);
                }
                // Somebody may wait for the room that it takes.
                if takes_room && self.shared.room.available_permits() == 0 {
                    self.shared.bell.call();
                }
                return;
            }
            Err(refused) => refused,
        };
        match refused {
            Refused::Over => {
                tracing::error!(kind = ?record.kind(), "a record came after the trail had ended");
            }
            // Does not happen: every key is text and every value is plain.
            Refused::Unwritten(error) => {
                tracing::error!(kind = ?record.kind(), %error, "a record cannot be serialized");
            }
        }
        self.give_back(takes_room);
        self.let_go();
    }

    fn takes_room(&self) -> bool {
        matches!(self.room, Some(Room::Queue))
    }

    /// Gives the queue's room back, where it was taken.
    fn give_back(&self, takes_room: bool) {
        if takes_room {
            self.shared.room.add_permits(1);
        }
    }

    fn for_nothing(mut self) -> Self {
        self.give_back(self.takes_room());
        self.room = None;
        self.let_go();
        self
    }

    fn let_go(&self) {
        self.lane.held.fetch_sub(1, Ordering::SeqCst);
        // The thread may wait for this one alone.
        if self.shared.is_closed() {
            self.shared.bell.call();
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        if self.room.is_some() {
            self.give_back(self.takes_room());
            self.let_go();
        }
    }
}

/// Resolves to the record's sequence number once the record is as firmly in the trail as was asked.
#[derive(Debug)]
#[must_use = "only the receipt tells whether the record is in the trail"]
pub struct Receipt(oneshot::Receiver<Result<u64, TrailUnavailable>>);

impl Future for Receipt {
    type Output = Result<u64, TrailUnavailable>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let answer = ready!(Pin::new(&mut self.0).poll(context));
        Poll::Ready(answer.unwrap_or(Err(TrailUnavailable)))
    }
}
