use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::sync::mpsc::channel;
use tokio::time::Instant;

use super::bell::Urgency;
use super::inbox::{Inbox, Retire, Shared};
use super::pace::{Pace, Step};
use super::sender::Trail;
use super::start;
use super::writer::Writer;
use crate::trail::TrailConfig;
use crate::trail::error::{TrailError, Unflushed};

/// How often the writer looks after itself.
const TICK: Duration = Duration::from_secs(1);

/// How many records are written at once at most: it bounds the memory of a batch, and how long what else there is to do
/// waits.
const MAX_BATCH: usize = 4096;

/// How long closing waits for slots that are still held. Long before it the requests that held them have ended.
const CLOSE_GRACE: Duration = Duration::from_secs(5);

/// The thread that writes the trail.
#[derive(Debug)]
pub struct TrailThread {
    shared: Arc<Shared>,
    /// Whether slots that are still held are not waited for much longer.
    closed: Arc<AtomicBool>,
    thread: JoinHandle<Result<(), Unflushed>>,
}

impl Trail {
    /// Opens the trail, goes on where it ended, and starts its thread, named `audit`. On return the start record is on
    /// disk, unless there is no room for it: then the trail is not writable until there is. Blocks for as long as that
    /// takes.
    pub fn open(config: &TrailConfig) -> Result<(Self, TrailThread), TrailError> {
        let queue = config.queue.clamp(1, Semaphore::MAX_PERMITS / 4);
        let (writer, observer) = start::open(config)?;
        let shared = Shared::new(queue);
        let (retire, retired) = channel(1);
        let inbox = Inbox::new(Arc::clone(&shared), retired);
        let closed = Arc::new(AtomicBool::new(false));
        let is_closed = Arc::clone(&closed);
        let thread = std::thread::Builder::new()
            .name("audit".into())
            .spawn(move || run(writer, inbox, &is_closed))
            .map_err(TrailError::Thread)?;
        Ok((Self::new(Arc::clone(&shared), observer, retire), TrailThread { shared, closed, thread }))
    }
}

impl TrailThread {
    /// Writes everything that was queued and the stop record, puts it on disk and ends the thread. Blocks,
    /// usually for one `fdatasync`; for slots that are still held it waits 5 seconds at most.
    pub fn close(self) -> Result<(), Unflushed> {
        self.closed.store(true, Ordering::SeqCst);
        self.shared.close();
        self.thread
            .join()
            .unwrap_or_else(|_| Err(Unflushed { records: 0, reason: "the audit thread panicked".into() }))
    }
}

fn run(mut writer: Writer, mut inbox: Inbox, closed: &AtomicBool) -> Result<(), Unflushed> {
    inbox.shared.bell.belongs_here();
    serve(&mut writer, &mut inbox, closed);
    // What was handed over and not taken, because the trail could not be written.
    writer.recover();
    inbox.end();
    inbox.take(usize::MAX, |messages| _ = writer.write(messages));
    writer.finish()
}

/// Writes until every handle and slot is gone, or those that are left have been waited for long enough.
fn serve(writer: &mut Writer, inbox: &mut Inbox, closed: &AtomicBool) {
    let mut tick = Instant::now();
    let mut pace = Pace::new(tick);
    let mut patience = None;
    loop {
        let now = Instant::now();
        if now >= tick {
            writer.tick();
            tick = now + TICK;
        }
        let was_called = inbox.shared.bell.was_called();
        while let Ok(Retire { first, done }) = inbox.retired.try_recv() {
            // Whoever asked may have been told to stop meanwhile.
            let _ = done.send(writer.retire(first));
        }
        if closed.load(Ordering::SeqCst) {
            patience.get_or_insert(now + CLOSE_GRACE);
        }
        if inbox.is_done() || patience.is_some_and(|end| now >= end) {
            return;
        }
        let room = writer.room().min(MAX_BATCH);
        if room == 0 {
            inbox.shared.bell.sleep(Urgency::Now, tick, || Urgency::Nothing);
            continue;
        }
        let urgency = match inbox.urgency() {
            Urgency::Nothing => Urgency::Nothing,
            _ if was_called => Urgency::Now,
            urgency => urgency,
        };
        match pace.step(urgency, now, tick) {
            Step::Sleep(wakes_for, until) => {
                inbox.shared.bell.sleep(wakes_for, until, || inbox.urgency());
            }
            Step::Write => {
                let mut waited = 0;
                inbox.take(room, |messages| waited = writer.write(messages));
                pace.wrote(waited, now);
            }
        }
    }
}
