use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use tokio::sync::mpsc::{self, OwnedPermit, Sender};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use super::keeper::Kept;
use super::status::{Observer, TrailStatus};
use super::synced::SyncedView;
use crate::domain::{Action, RequestId};
use crate::trail::error::TrailUnavailable;
use crate::trail::record::Record;

/// A handle on the trail, for any thread. When the last one is gone the trail closes as by
/// [`TrailThread::close`](super::TrailThread::close).
#[derive(Clone, Debug)]
pub struct Trail {
    sender: Sender<Message>,
    /// One permit for each record that room is reserved for or that waits, intents and what has a side room apart.
    room: Arc<Semaphore>,
    pub(in crate::trail) observer: Observer,
    retire: mpsc::Sender<Retire>,
    pub(super) kept: Arc<Mutex<Kept>>,
}

impl Trail {
    /// `sender` has room for `queue` records, for as many intents, and for all side rooms.
    pub(super) fn new(
        sender: Sender<Message>,
        queue: usize,
        observer: Observer,
        retire: mpsc::Sender<Retire>,
    ) -> Self {
        Self { sender, room: Arc::new(Semaphore::new(queue)), observer, retire, kept: Arc::default() }
    }

    /// Room for one record. Waits while the queue is full, in turn; a future that is dropped gives up its turn.
    pub async fn reserve(&self) -> Slot {
        // The semaphore is never closed.
        let room = Arc::clone(&self.room).acquire_owned().await.ok();
        Slot { permit: self.permit().await, room }
    }

    /// Room for the intent of a request that holds a slot for its outcome. It is apart from the room for outcomes:
    /// otherwise requests that fill the queue with what they have reserved would wait for each other to end.
    pub async fn reserve_intent(&self) -> Slot {
        Slot { permit: self.permit().await, room: None }
    }

    /// Room for one record, if there is some right now.
    pub fn try_reserve(&self) -> Option<Slot> {
        let room = Arc::clone(&self.room).try_acquire_owned().ok()?;
        let permit = self.sender.clone().try_reserve_owned().ok()?;
        Some(Slot { permit: Some(permit), room: Some(room) })
    }

    /// Fails only once the trail is closed; the record then cannot be written, as its receipt will say.
    async fn permit(&self) -> Option<OwnedPermit<Message>> {
        self.sender.clone().reserve_owned().await.ok()
    }

    /// Whether records reach the directory. While false, a mutation should be refused without an intent.
    pub fn is_writable(&self) -> bool {
        self.observer.is_writable() && !self.is_closed()
    }

    /// Has the trail say that only lines from `first` on are kept. Resolves once that is on disk.
    pub(super) async fn retire(&self, first: u64) -> Result<(), TrailUnavailable> {
        let (done, receipt) = oneshot::channel();
        self.retire.send(Retire { first, done }).await.map_err(|_| TrailUnavailable)?;
        receipt.await.unwrap_or(Err(TrailUnavailable))
    }

    /// What the directory holds, as of the last look at it.
    pub fn kept(&self) -> Kept {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether the thread has ended: no record is taken any more.
    pub fn is_closed(&self) -> bool {
        self.sender.is_closed()
    }

    /// How the trail is doing. For people and probes, not for every request.
    pub fn status(&self) -> TrailStatus {
        let mut status = self.observer.status();
        let taken = self.sender.max_capacity().saturating_sub(self.sender.capacity());
        status.queued = status.queued.saturating_add(taken as u64);
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
    /// Room for so many; all owners together have up to four million.
    pub fn new(records: usize) -> Self {
        Self(Arc::new(Semaphore::new(records)))
    }

    /// Moves a slot in, which gives the queue its room back. Where there is none here, the slot stays as it is.
    pub fn keep(&self, slot: Slot) -> Result<Slot, Slot> {
        match Arc::clone(&self.0).try_acquire_owned() {
            Ok(room) => Ok(Slot { room: Some(room), ..slot }),
            Err(_) => Err(slot),
        }
    }
}

/// Where the record's sequence number goes, or that it has none.
pub(super) type Reply<T = u64> = oneshot::Sender<Result<T, TrailUnavailable>>;

/// That lines before `first` are about to be removed.
#[derive(Debug)]
pub(super) struct Retire {
    pub(super) first: u64,
    pub(super) done: Reply<()>,
}

/// A record on its way to the thread.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) payload: Vec<u8>,
    pub(super) durability: Durability,
    /// Whether it says what will happen, rather than what has.
    pub(super) announces: bool,
    pub(super) change: Change,
    pub(super) reply: Option<Reply>,
    /// Given back when the thread takes the message.
    pub(super) _room: Option<OwnedSemaphorePermit>,
}

/// What a record means for the changes that have been announced and have not ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// There is one more.
    Announced(RequestId),
    /// This one has ended, if it was announced.
    Ended(RequestId),
    /// Nothing.
    None,
}

impl Change {
    pub(super) fn of(record: &Record) -> Self {
        match record {
            Record::Intent(intent) => Self::Announced(intent.call.request_id),
            Record::Outcome(outcome) if outcome.call.action.is_some_and(Action::is_mutation) => {
                Self::Ended(outcome.call.request_id)
            }
            _ => Self::None,
        }
    }
}

impl Message {
    /// Whether it announces something that will not happen, because nobody waits for the receipt any more.
    pub(super) fn is_withdrawn(&self) -> bool {
        self.announces && self.reply.as_ref().is_some_and(oneshot::Sender::is_closed)
    }

    /// Whether it announces something that must not happen while nothing can be written.
    pub(super) fn needs_the_trail(&self) -> bool {
        self.announces && self.durability > Durability::Queue
    }
}

/// Reserved room for one record: sending it neither waits nor fails, so that a guard's `Drop` can.
#[derive(Debug)]
pub struct Slot {
    permit: Option<OwnedPermit<Message>>,
    room: Option<OwnedSemaphorePermit>,
}

impl Slot {
    /// Puts on record what has happened. It is kept, in order, until it can be written. The receipt resolves when it is
    /// as firm as was asked; when the trail cannot be written, the receipt says so at once. There is none for
    /// [`Durability::Queue`].
    pub fn record(self, record: &Record, durability: Durability) -> Option<Receipt> {
        self.send(record, durability, false)
    }

    /// Puts on record what will happen once the receipt resolves. When the trail cannot be written, it is not kept,
    /// unless it is itself what fails to be written: the file may hold it by then. A receipt that is dropped withdraws
    /// a record that is not yet written. With [`Durability::Queue`] there is no receipt to wait for, and the record is
    /// kept as by [`Slot::record`].
    pub fn announce(self, record: &Record, durability: Durability) -> Option<Receipt> {
        self.send(record, durability, true)
    }

    fn send(self, record: &Record, durability: Durability, announces: bool) -> Option<Receipt> {
        let (reply, receipt) = match durability {
            Durability::Queue => (None, None),
            Durability::Write | Durability::Sync => {
                let (sender, receiver) = oneshot::channel();
                (Some(sender), Some(Receipt(receiver)))
            }
        };
        match (self.permit, record.payload()) {
            (Some(permit), Ok(payload)) => {
                let change = Change::of(record);
                permit.send(Message { payload, durability, announces, change, reply, _room: self.room });
            }
            (None, _) => tracing::error!(kind = ?record.kind(), "a record came after the trail was closed"),
            // Does not happen: every key is text and every value is plain.
            (_, Err(error)) => {
                tracing::error!(kind = ?record.kind(), %error, "a record cannot be serialized");
            }
        }
        receipt
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
