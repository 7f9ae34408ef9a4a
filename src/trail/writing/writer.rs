use std::collections::HashMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;
use uuid::Uuid;

use super::lane::Message;
use super::segment::Segment;
use super::status::Publisher;
use super::store::Store;
use super::waiting::{Waiting, answer};
use crate::domain::RequestId;
use crate::trail::TrailConfig;
use crate::trail::error::{TrailError, TrailUnavailable, Unflushed};
use crate::trail::record::{
    Change, Checkpoint, OpenIntent, Record, Recordable as _, Recovered, Start, Stop, TornTail, Trouble,
};

/// How many bytes may be written without being put on disk, when nobody asks for it. Bounds what a power cut can
/// take, and the memory that holds these lines meanwhile. Less would save little of that, and cost more syncs.
const MAX_UNSYNCED: usize = 1 << 20;

/// Gives records their place in the chain and puts them in the directory, and adds what the trail says of itself.
#[derive(Debug)]
pub(super) struct Writer {
    pub(super) config: TrailConfig,
    pub(super) store: Store,
    /// The trail's own id.
    trail: Uuid,
    /// The first line that is kept.
    pub(super) first: u64,
    /// The changes that were announced and have not ended, with the numbers of their intents.
    open: HashMap<RequestId, u64>,
    /// What is wrong, if something is.
    fault: Option<Fault>,
    /// The checkpoint that is not yet on disk.
    unproved: Option<Checkpoint>,
    /// The place after the last checkpoint.
    pub(super) proved: u64,
    /// When that was written.
    pub(super) proved_at: Instant,
    /// When the last line was written.
    pub(super) last_line_at: Instant,
    pub(super) status: Publisher,
}

/// Why nothing can be written.
#[derive(Debug)]
struct Fault {
    text: Arc<str>,
    since: Timestamp,
    /// Whether the record that tells of it has its place.
    told: bool,
}

/// What the run before has left.
#[derive(Debug)]
pub(super) struct Heritage {
    /// The trail's own id; none for a new trail.
    pub(super) trail: Option<Uuid>,
    /// The first line that is kept.
    pub(super) first: u64,
    /// What it left half written.
    pub(super) torn: Option<TornTail>,
    /// The changes that it announced and did not bring to an end; `None` when it ended of its own will.
    pub(super) unknown: Option<Vec<OpenIntent>>,
}

impl Writer {
    /// Goes on from the end of `store`. Returns with the start record on disk, and what there is to say of the run
    /// before; or, where the disk takes nothing, with a trail that cannot be written until it does.
    pub(super) fn start(config: &TrailConfig, store: Store, heritage: Heritage, status: Publisher) -> Self {
        let now = Instant::now();
        let trail = heritage.trail.unwrap_or_else(Uuid::new_v4);
        let mut writer = Self {
            config: config.clone(),
            proved: store.head().next,
            store,
            trail,
            first: heritage.first,
            open: HashMap::new(),
            fault: None,
            unproved: None,
            proved_at: now,
            last_line_at: now,
            status,
        };
        // Also while it fails: the segment that it ends in is still to be cut back then.
        writer.status.live(writer.live());
        match writer.begin(heritage) {
            Ok(()) => {
                writer.status.live(writer.live());
                writer.status.works();
            }
            // A full disk is no other at the start than later, and heals in the same way: by itself.
            Err(error) => writer.fail(&error),
        }
        writer
    }

    fn begin(&mut self, heritage: Heritage) -> Result<(), TrailError> {
        let (time, version) = (Timestamp::now(), env!("CARGO_PKG_VERSION"));
        self.push(&Record::Start(Start { time, version, trail: self.trail, torn: heritage.torn }));
        if let Some(unknown) = heritage.unknown {
            tracing::warn!(
                unknown = unknown.len(),
                "the run before ended without a stop; what it announced and did not finish is on record as unknown"
            );
            let after = Trouble::Crash;
            self.push(&Record::Recovered(Recovered { time, after, fault: None, since: None, unknown }));
        }
        self.prove(true);
        self.save()
    }

    /// How many records it takes now; 0 while as many are kept as may be.
    pub(super) fn room(&self) -> usize {
        self.config.queue.max(1).saturating_sub(self.store.pending())
    }

    /// Writes a batch with one write and at most one `fdatasync`, and answers everyone who waits for it. Returns how
    /// many did.
    pub(super) fn write<T: AsRef<[u8]>>(&mut self, batch: impl Iterator<Item = Message<T>>) -> usize {
        let mut waiting = Waiting::default();
        for message in batch.filter(|message| !message.is_withdrawn()) {
            if self.fault.is_some() && message.needs_the_trail() {
                answer(message.reply, Err(TrailUnavailable));
                continue;
            }
            let seq = self.store.push(message.payload.as_ref());
            self.note(message.change, seq);
            waiting.add(message.durability, message.reply, seq);
        }
        let waited = waiting.len();
        self.last_line_at = Instant::now();
        if self.fault.is_some() {
            self.status.kept(self.store.pending());
            waiting.refuse();
            return waited;
        }
        if let Err(error) = self.put(&mut waiting).and_then(|()| self.keep_up()) {
            // First, so that whoever is refused finds the trail not writable.
            self.fail(&error);
            waiting.refuse();
        }
        waited
    }

    fn note(&mut self, change: Change, seq: u64) {
        match change {
            Change::Announced(id) => drop(self.open.insert(id, seq)),
            Change::Ended(id) => drop(self.open.remove(&id)),
            Change::None => {}
        }
    }

    /// Stores what was pushed. Whom it does not answer remains in `waiting`.
    fn put(&mut self, waiting: &mut Waiting) -> Result<(), TrailError> {
        self.flush()?;
        waiting.are_written();
        if waiting.needs_sync() || self.store.unsynced() > MAX_UNSYNCED {
            self.sync()?;
            waiting.are_synced();
        }
        Ok(())
    }

    /// Puts every line in a segment and on disk.
    pub(super) fn save(&mut self) -> Result<(), TrailError> {
        self.flush()?;
        self.sync()
    }

    fn flush(&mut self) -> Result<(), TrailError> {
        let (busy, before) = (self.status.busy(), self.store.synced());
        let bytes = self.store.flush()?;
        let took = busy.end();
        self.status.written(self.store.head(), bytes);
        // A segment is begun with its first lines on disk.
        if self.store.synced() != before {
            self.status.synced(self.store.synced(), took);
        }
        self.all_proved();
        Ok(())
    }

    fn sync(&mut self) -> Result<(), TrailError> {
        if self.store.unsynced() == 0 {
            return Ok(());
        }
        let busy = self.status.busy();
        self.store.sync()?;
        self.status.synced(self.store.synced(), busy.end());
        self.all_proved();
        Ok(())
    }

    /// Begins another segment, with a checkpoint that has all that a start needs to know of those before.
    pub(super) fn rotate(&mut self) -> Result<(), TrailError> {
        self.save()?;
        self.prove(true);
        self.store.leave_segment();
        self.save()?;
        self.status.live(self.live());
        Ok(())
    }

    /// The first line of the segment that is written to.
    fn live(&self) -> u64 {
        self.store.segment().map_or(self.store.head().next, Segment::first)
    }

    /// Adds a checkpoint. It is told to others once it is on disk: a power cut must not take what it vouches for.
    pub(super) fn prove(&mut self, with_open: bool) {
        let head = self.store.head();
        let open = |(request_id, intent): (&RequestId, &u64)| OpenIntent {
            intent: *intent,
            request_id: *request_id,
        };
        let checkpoint = Checkpoint {
            time: Timestamp::now(),
            trail: self.trail,
            first: self.first,
            sequence: head.last(),
            hash: head.prev,
            open: with_open.then(|| self.open.iter().map(open).collect()),
            key: None,
            signature: None,
        };
        let checkpoint = checkpoint.signed_by(self.config.checkpoints.signer.key().as_deref());
        self.push(&Record::Checkpoint(checkpoint.clone()));
        self.unproved = Some(checkpoint);
        self.proved = self.store.head().next;
        self.proved_at = Instant::now();
    }

    fn all_proved(&mut self) {
        if self.store.unsynced() == 0
            && let Some(checkpoint) = self.unproved.take()
        {
            checkpoint.log();
            self.status.proved(checkpoint);
        }
    }

    /// Writes the stop record and the last checkpoint, and puts on disk all that is left.
    pub(super) fn finish(mut self) -> Result<(), Unflushed> {
        self.push(&Record::Stop(Stop { time: Timestamp::now() }));
        self.prove(false);
        if self.fault.is_none()
            && let Err(error) = self.save()
        {
            self.fail(&error);
        }
        let flushed = if self.fault.is_some() { self.heal() } else { Ok(()) };
        let left = self.store.head().next.saturating_sub(self.store.synced().next);
        self.store.close();
        flushed.map_err(|error| Unflushed { records: left, reason: error.to_string() })
    }

    pub(super) fn push(&mut self, record: &Record) {
        match record.payload() {
            Ok(payload) => {
                self.store.push(&payload);
                self.last_line_at = Instant::now();
            }
            Err(error) => tracing::error!(kind = ?record.kind(), %error, "a record cannot be serialized"),
        }
    }

    /// Whether nothing can be written.
    pub(super) fn has_failed(&self) -> bool {
        self.fault.is_some()
    }

    pub(super) fn fail(&mut self, error: &TrailError) {
        tracing::error!(%error, "the audit trail cannot be written; mutations are refused until it can");
        self.fault = Some(Fault { text: error.to_string().into(), since: Timestamp::now(), told: false });
        self.store.leave_segment();
        self.status.kept(self.store.pending());
        self.status.failed(error);
    }

    /// Goes on in a new segment, which tells why. It also has a checkpoint as a rotated one has, because those before
    /// may be gone.
    pub(super) fn heal(&mut self) -> Result<(), TrailError> {
        let busy = self.status.busy();
        self.store.probe()?;
        drop(busy);
        if let Some(fault) = self.fault.as_mut().filter(|fault| !fault.told) {
            fault.told = true;
            let (text, since) = (Arc::clone(&fault.text), fault.since);
            self.tell(text, since);
            self.prove(true);
        }
        self.save()?;
        self.fault = None;
        self.status.kept(0);
        self.status.live(self.live());
        self.status.works();
        Ok(())
    }

    /// Puts on record what was wrong.
    fn tell(&mut self, fault: Arc<str>, since: Timestamp) {
        let (time, after, unknown) = (Timestamp::now(), Trouble::Fault, Vec::new());
        self.push(&Record::Recovered(Recovered {
            time,
            after,
            fault: Some(fault),
            since: Some(since),
            unknown,
        }));
    }

    /// Puts on record that the disk took too long, if it did.
    pub(super) fn tell_of_stalls(&mut self) {
        if let Some(stall) = self.status.take_stall() {
            let text = format!("the disk took {:.1} s to answer", stall.as_secs_f64());
            tracing::warn!(fault = text, "the audit trail is written again");
            let since = Timestamp::now().checked_sub(SignedDuration::try_from(stall).unwrap_or_default());
            self.tell(text.into(), since.unwrap_or_default());
        }
    }
}
