//! What a trail says, held against what the vendor saw and what callers were told.

use std::borrow::Borrow;
use std::collections::{HashMap, HashSet};

use serde_json::Value;

use super::load::Told;
use super::server::Call;
use super::trail::Trail;

/// A trail as far as it was read.
#[derive(Default)]
pub(crate) struct Books {
    /// The last line.
    last: u64,
    intents: HashMap<String, Intent>,
    /// The outcomes of each trace.
    outcomes: HashMap<String, Vec<Value>>,
    /// The traces of all intents.
    announced: HashSet<String>,
    /// What the trail has recovered from, in its own words.
    pub(crate) recovered: Vec<Value>,
}

/// One intent of a request.
struct Intent {
    sequence: u64,
    outcomes: u32,
    /// How often a `recovered` record names it.
    lost: u32,
}

impl Books {
    /// Reads on to the end. Lines must be numbered without a gap.
    pub(crate) fn read(&mut self, trail: &Trail) {
        for line in trail.lines_from(self.last + 1) {
            let record: Value =
                serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"));
            let sequence = record["seq"].as_u64().expect("a number");
            if sequence > self.last {
                assert_eq!(sequence, self.last + 1, "{line}");
                self.last = sequence;
                self.enter(record);
            }
        }
    }

    fn enter(&mut self, record: Value) {
        let text = |name: &str| record[name].as_str().unwrap_or_default().to_owned();
        match &*text("kind") {
            "intent" => {
                let sequence = self.last;
                let intent = Intent { sequence, outcomes: 0, lost: 0 };
                assert!(
                    self.intents.insert(text("request_id"), intent).is_none(),
                    "a second intent: {record}"
                );
                self.announced.insert(text("trace_id"));
            }
            "outcome" => {
                if let Some(intent) = self.intents.get_mut(&text("request_id")) {
                    intent.outcomes += 1;
                }
                self.outcomes.entry(text("trace_id")).or_default().push(record);
            }
            "recovered" => {
                for lost in record["unknown"].as_array().expect("a list") {
                    let id = lost["request_id"].as_str().expect("an id");
                    let intent =
                        self.intents.get_mut(id).unwrap_or_else(|| panic!("no intent of {id}: {record}"));
                    assert_eq!(intent.sequence, lost["intent"], "{record}");
                    intent.lost += 1;
                }
                self.recovered.push(record);
            }
            _ => {}
        }
    }

    /// Every mutation that the vendor saw has its intent.
    pub(crate) fn know_what_the_vendor_saw(&self, calls: &[Call]) {
        for call in calls.iter().filter(|call| call.method != "GET") {
            assert!(self.announced.contains(call.trace()), "the vendor saw what is on no record: {call:?}");
        }
    }

    /// Everyone who was `answered` finds one outcome, and the same one.
    pub(crate) fn know_the_answers<T: Borrow<Told>>(&self, answered: impl IntoIterator<Item = T>) {
        for told in answered {
            let told = told.borrow();
            let outcomes = self.outcomes.get(&told.trace).map(Vec::as_slice).unwrap_or_default();
            let [outcome] = outcomes else { panic!("{told:?} has these outcomes: {outcomes:?}") };
            assert_eq!(outcome["status"], told.status, "{told:?}: {outcome}");
            assert_eq!(outcome["request_id"], *told.request_id, "{told:?}: {outcome}");
        }
    }

    /// Every intent has exactly one end: an outcome, or that it is named as lost.
    pub(crate) fn have_one_end_for_each_intent(&self) {
        for (id, intent) in &self.intents {
            let Intent { sequence, outcomes, lost } = intent;
            assert_eq!(outcomes + lost, 1, "{id}, intent {sequence}: {outcomes} outcomes, lost {lost} times");
        }
    }

    /// How many intents there are, and how many were named as lost.
    pub(crate) fn intents(&self) -> (usize, usize) {
        (self.intents.len(), self.intents.values().filter(|intent| intent.lost > 0).count())
    }
}
