//! What became of the configurations that the gateway was given while it runs.

use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwap;
use jiff::Timestamp;
use serde_json::{Value, json};

/// Counts and remembers reloads. Written by the one who reloads, and read by the admin port.
#[derive(Debug)]
pub struct Reloads {
    succeeded: AtomicU64,
    failed: AtomicU64,
    state: ArcSwap<State>,
}

#[derive(Clone, Debug)]
struct State {
    generation: u64,
    loaded: Timestamp,
    needs_restart: Vec<String>,
    failure: Option<(Timestamp, String)>,
}

impl Default for Reloads {
    fn default() -> Self {
        let state =
            State { generation: 1, loaded: Timestamp::now(), needs_restart: Vec::new(), failure: None };
        Self {
            succeeded: AtomicU64::default(),
            failed: AtomicU64::default(),
            state: ArcSwap::from_pointee(state),
        }
    }
}

impl Reloads {
    /// The configuration in effect: 1 is that of the start.
    pub fn generation(&self) -> u64 {
        self.state.load().generation
    }

    /// A configuration took effect, but for the keys in `needs_restart`.
    pub fn succeed(&self, generation: u64, needs_restart: Vec<String>) {
        self.succeeded.fetch_add(1, Ordering::Relaxed);
        let state = State { generation, loaded: Timestamp::now(), needs_restart, failure: None };
        self.state.store(state.into());
    }

    /// What was read again is what is in effect.
    pub fn stay(&self) {
        let state = State::clone(&self.state.load());
        self.state.store(State { failure: None, ..state }.into());
    }

    /// A configuration could not be used, and the last good one stays.
    pub fn fail(&self, why: &str) {
        self.failed.fetch_add(1, Ordering::Relaxed);
        let state = State::clone(&self.state.load());
        let failure = Some((Timestamp::now(), why.to_owned()));
        self.state.store(State { failure, ..state }.into());
    }

    /// Reloads that took effect since the start.
    pub fn succeeded(&self) -> u64 {
        self.succeeded.load(Ordering::Relaxed)
    }

    /// Reloads that could not be used since the start.
    pub fn failed(&self) -> u64 {
        self.failed.load(Ordering::Relaxed)
    }

    /// Whether the configuration in effect is what stands in its files, as far as is known.
    pub fn is_current(&self) -> bool {
        let state = self.state.load();
        state.failure.is_none() && state.needs_restart.is_empty()
    }

    /// For people.
    pub(super) fn describe(&self) -> Value {
        let state = self.state.load();
        json!({
            "generation": state.generation,
            "loaded": state.loaded.to_string(),
            "needs_restart": state.needs_restart,
            "last_error": state.failure.as_ref().map(|(time, why)| json!({"time": time.to_string(), "message": why})),
        })
    }
}
