use std::future::pending;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::mpsc::{Receiver, channel};
use tokio::sync::{Semaphore, oneshot};
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::sender::{Message, Retire, Trail};
use super::start;
use super::writer::Writer;
use crate::trail::TrailConfig;
use crate::trail::error::{TrailError, Unflushed};

/// How often the writer looks after itself.
const TICK: Duration = Duration::from_secs(1);

/// More than all [side rooms](super::SideRoom) together. It is a bound alone: room that is not used takes no memory.
const SIDE_ROOM: usize = 1 << 22;

/// How many records are written at once at most: it bounds the memory of a batch, and how long what else there is to do
/// waits.
const MAX_BATCH: usize = 4096;

/// How long closing waits for slots that are still held. Long before it the requests that held them have ended.
const CLOSE_GRACE: Duration = Duration::from_secs(5);

/// The thread that writes the trail.
#[derive(Debug)]
pub struct TrailThread {
    close: oneshot::Sender<()>,
    thread: JoinHandle<Result<(), Unflushed>>,
}

impl Trail {
    /// Opens the trail, goes on where it ended, and starts its thread, named `audit`. On return the start record
    /// is on disk. Blocks for as long as that takes.
    pub fn open(config: &TrailConfig) -> Result<(Self, TrailThread), TrailError> {
        let queue = config.queue.clamp(1, Semaphore::MAX_PERMITS / 4);
        let (writer, observer) = start::open(config)?;
        // The runtime is for waiting alone: files block the thread, which has nothing else to do.
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .map_err(TrailError::Thread)?;
        // Each request has one outcome, and at most one intent.
        let (sender, receiver) = channel(2 * queue + SIDE_ROOM);
        let (retire, retired) = channel(1);
        let (close, closed) = oneshot::channel();
        let thread = std::thread::Builder::new()
            .name("audit".into())
            .spawn(move || runtime.block_on(run(writer, Inbox { records: receiver, retired }, closed)))
            .map_err(TrailError::Thread)?;
        Ok((Self::new(sender, queue, observer, retire), TrailThread { close, thread }))
    }
}

impl TrailThread {
    /// Writes everything that was queued and the stop record, puts it on disk and ends the thread. Blocks,
    /// usually for one `fdatasync`; for slots that are still held it waits 5 seconds at most.
    pub fn close(self) -> Result<(), Unflushed> {
        // An error means that the thread has ended already, which joining it tells.
        let _ = self.close.send(());
        self.thread
            .join()
            .unwrap_or_else(|_| Err(Unflushed { records: 0, reason: "the audit thread panicked".into() }))
    }
}

/// What the thread is told.
struct Inbox {
    records: Receiver<Message>,
    retired: Receiver<Retire>,
}

async fn run(mut writer: Writer, mut inbox: Inbox, closed: oneshot::Receiver<()>) -> Result<(), Unflushed> {
    tokio::select! {
        () = serve(&mut writer, &mut inbox) => {}
        () = asked_to_close(closed) => {
            inbox.records.close();
            // Past the grace, what is left belongs to a task that hangs.
            let _ = timeout(CLOSE_GRACE, serve(&mut writer, &mut inbox)).await;
        }
    }
    // What was handed over and not taken, because the trail could not be written.
    writer.recover();
    inbox.records.close();
    while let Ok(message) = inbox.records.try_recv() {
        writer.write(std::iter::once(message));
    }
    writer.finish()
}

/// Resolves on [`TrailThread::close`], and never when the thread's handle is merely dropped.
async fn asked_to_close(closed: oneshot::Receiver<()>) {
    if closed.await.is_err() {
        pending::<()>().await;
    }
}

/// Writes until every handle and slot is gone. Waits only where nothing is lost by being dropped.
async fn serve(writer: &mut Writer, inbox: &mut Inbox) {
    let mut tick = interval(TICK);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut batch = Vec::new();
    loop {
        let room = writer.room().min(MAX_BATCH);
        tokio::select! {
            biased;
            _ = tick.tick() => writer.tick(),
            Some(Retire { first, done }) = inbox.retired.recv() => {
                // Whoever asked may have been told to stop meanwhile.
                let _ = done.send(writer.retire(first));
            }
            received = inbox.records.recv_many(&mut batch, room), if room > 0 => match received {
                0 => return,
                _ => writer.write(batch.drain(..)),
            },
        }
    }
}
