//! Counts what a campaign against the gateway did, and what came out wrong.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

/// One test's part of a campaign. It may be shared by the tasks of the test. Call [`Tally::finish`] at its end.
#[derive(Debug)]
pub(crate) struct Tally {
    campaign: &'static str,
    faults: AtomicU64,
    inputs: AtomicU64,
    requests: AtomicU64,
    wrong: Mutex<Vec<String>>,
}

impl Tally {
    /// Tests that name the same campaign are one row of the table.
    pub(crate) fn of(campaign: &'static str) -> Self {
        let [faults, inputs, requests] = [const { AtomicU64::new(0) }; 3];
        Self { campaign, faults, inputs, requests, wrong: Mutex::default() }
    }

    /// Something around the gateway was made to fail.
    pub(crate) fn fault(&self) {
        self.faults.fetch_add(1, Ordering::Relaxed);
    }

    /// Something that nobody well-behaved sends, or answers, was tried.
    pub(crate) fn input(&self) {
        self.inputs(1);
    }

    /// So many of those.
    pub(crate) fn inputs(&self, count: u64) {
        self.inputs.fetch_add(count, Ordering::Relaxed);
    }

    /// Requests were sent to the gateway.
    pub(crate) fn requests(&self, count: u64) {
        self.requests.fetch_add(count, Ordering::Relaxed);
    }

    /// What came out is wrong unless `right`; all that was wrong is told at the end.
    pub(crate) fn expect(&self, right: bool, what: impl FnOnce() -> String) {
        if !right {
            self.wrong.lock().expect("no panic while it is held").push(what());
        }
    }

    /// Prints the figures on a line of their own, and fails the test where something was wrong.
    pub(crate) fn finish(self) {
        let wrong = self.wrong.into_inner().expect("no panic while it was held");
        println!(
            "tally | {} | {} | {} | {} | {}",
            self.campaign,
            self.faults.into_inner(),
            self.inputs.into_inner(),
            self.requests.into_inner(),
            wrong.len()
        );
        assert!(wrong.is_empty(), "{} wrong outcomes: {wrong:#?}", wrong.len());
    }
}
