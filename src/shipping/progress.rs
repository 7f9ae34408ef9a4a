use std::fmt::Display;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use super::config::{ConsumerConfig, SinkConfig};
use super::form::Form;
use crate::trail::{LastError, SyncedView};

/// How far every consumer is. Cheap to clone and to ask, from any thread.
#[derive(Clone, Debug)]
pub struct Shipped {
    consumers: Arc<[Arc<Progress>]>,
    trail: Arc<OnceLock<SyncedView>>,
}

impl Shipped {
    pub(super) fn new(configs: &[ConsumerConfig]) -> Self {
        let consumers = configs.iter().map(|config| Arc::new(Progress::new(config))).collect();
        Self { consumers, trail: Arc::default() }
    }

    /// The last line that every consumer has acknowledged, durably: what comes after must be kept. 0 until the
    /// consumers have found their places; `u64::MAX` without consumers.
    pub fn up_to(&self) -> u64 {
        self.consumers.iter().map(|consumer| consumer.cursor()).min().unwrap_or(u64::MAX)
    }

    /// How each consumer is doing, in the order of the configuration.
    pub fn status(&self) -> Vec<ConsumerStatus> {
        let synced = self.trail.get().map_or(0, SyncedView::sequence);
        self.consumers.iter().map(|consumer| consumer.status(synced)).collect()
    }

    /// What is measured against from now on.
    pub(super) fn measure(&self, trail: SyncedView) {
        // It is set once, by the one who starts the consumers.
        let _ = self.trail.set(trail);
    }

    pub(super) fn consumers(&self) -> impl Iterator<Item = &Arc<Progress>> {
        self.consumers.iter()
    }
}

/// How one consumer is doing. Holds nothing of records but numbers, and no secret.
#[derive(Clone, Debug, Serialize)]
pub struct ConsumerStatus {
    /// Its name.
    pub consumer: Box<str>,
    /// Where its records go.
    pub sink: Box<str>,
    /// What they look like there.
    pub form: Form,
    /// Its cursor: the last line that was acknowledged, and is known to be so after a crash too.
    pub sequence: u64,
    /// How many lines are on disk after it.
    pub lag_records: u64,
    /// How old the first of them is, in seconds; 0 when there is none.
    pub lag_seconds: f64,
    /// Records acknowledged since the start.
    pub shipped_records: u64,
    /// Attempts that failed since the start.
    pub failures: u64,
    /// Since when every attempt has failed; null while all is well.
    pub failing_since: Option<Timestamp>,
    /// What went wrong last, mended or not.
    pub last_error: Option<LastError>,
}

/// One consumer's own account, which its thread keeps and others read.
#[derive(Debug)]
pub(super) struct Progress {
    name: Box<str>,
    sink: Box<str>,
    form: Form,
    cursor: AtomicU64,
    records: AtomicU64,
    failures: AtomicU64,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// When the oldest record that waits was made.
    oldest: Option<Timestamp>,
    failing_since: Option<Timestamp>,
    last_error: Option<LastError>,
}

impl Progress {
    fn new(config: &ConsumerConfig) -> Self {
        let sink = match &config.sink {
            SinkConfig::Stdout => "stdout".into(),
            SinkConfig::Http(http) => http.url.to_string().into(),
        };
        Self {
            name: config.name.as_str().into(),
            sink,
            form: config.form,
            cursor: AtomicU64::default(),
            records: AtomicU64::default(),
            failures: AtomicU64::default(),
            state: Mutex::default(),
        }
    }

    /// The last line that is acknowledged durably.
    pub(super) fn cursor(&self) -> u64 {
        self.cursor.load(Ordering::Acquire)
    }

    /// Where it goes on.
    pub(super) fn starts_after(&self, sequence: u64) {
        self.cursor.store(sequence, Ordering::Release);
    }

    /// The receiver has acknowledged so many records more.
    pub(super) fn acknowledged(&self, records: usize) {
        self.records.fetch_add(records as u64, Ordering::Relaxed);
    }

    /// The cursor is on disk. `oldest` is when the first record was made that is left, if one is known.
    pub(super) fn saved(&self, sequence: u64, oldest: Option<Timestamp>) {
        self.cursor.store(sequence, Ordering::Release);
        self.state().oldest = oldest;
    }

    /// Records wait, of which the first was made at `oldest`, as far as is known.
    pub(super) fn waits(&self, oldest: Timestamp) {
        self.state().oldest = Some(oldest);
    }

    /// Records wait whose age is not known, since `now` at the latest.
    pub(super) fn waits_since(&self, now: Timestamp) {
        self.state().oldest.get_or_insert(now);
    }

    /// An attempt failed. Whether that is news: it worked before, or failed otherwise.
    pub(super) fn failed(&self, error: &impl Display) -> bool {
        self.failures.fetch_add(1, Ordering::Relaxed);
        let (now, message) = (Timestamp::now(), Arc::from(error.to_string()));
        let mut state = self.state();
        let known = state.failing_since.is_some()
            && state.last_error.as_ref().is_some_and(|fault| fault.message == message);
        state.failing_since.get_or_insert(now);
        state.last_error = Some(LastError { time: now, message });
        !known
    }

    /// Something is wrong that another attempt does not mend.
    pub(super) fn told(&self, message: &str) {
        self.state().last_error = Some(LastError { time: Timestamp::now(), message: message.into() });
    }

    /// An attempt went well. Since when they had failed, if they had.
    pub(super) fn works(&self) -> Option<Timestamp> {
        self.state().failing_since.take()
    }

    fn status(&self, synced: u64) -> ConsumerStatus {
        let sequence = self.cursor();
        let state = self.state();
        let lag_records = synced.saturating_sub(sequence);
        let age = state.oldest.map(|oldest| Timestamp::now().duration_since(oldest));
        let age = age.and_then(|age| Duration::try_from(age).ok()).unwrap_or_default();
        ConsumerStatus {
            consumer: self.name.clone(),
            sink: self.sink.clone(),
            form: self.form,
            sequence,
            lag_records,
            lag_seconds: if lag_records == 0 { 0.0 } else { (age.as_secs_f64() * 1000.0).round() / 1000.0 },
            shipped_records: self.records.load(Ordering::Relaxed),
            failures: self.failures.load(Ordering::Relaxed),
            failing_since: state.failing_since,
            last_error: state.last_error.clone(),
        }
    }

    /// A panic of whoever held it leaves nothing half done.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
