//! What must be true of every gateway that has ended, whatever was done to it: the trail is whole, each request has one
//! outcome, which says what the caller was told, and the vendor saw no change that was not announced.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Mutex;

use serde_json::Value;

use super::client::Answer;
use super::server::Call;
use super::tally::Tally;
use super::trail::Trail;

/// What callers were told so far.
#[derive(Debug, Default)]
pub(crate) struct Account {
    told: Mutex<Vec<Told>>,
}

#[derive(Debug)]
struct Told {
    request_id: String,
    status: u16,
    /// The code, where it was the gateway's own answer.
    code: Option<String>,
}

impl Account {
    /// A caller was told this.
    pub(crate) fn hear(&self, answer: &Answer) {
        let own = answer.header("content-type") == Some("application/problem+json");
        let told = Told {
            request_id: answer.request_id().to_owned(),
            status: answer.status,
            code: own.then(|| answer.problem()),
        };
        self.told.lock().expect("no panic while it is held").push(told);
    }

    /// Holds all of it against the trail of a gateway that has ended, and against what the vendor saw.
    pub(crate) fn settle(self, trail: &Trail, directory: &Path, calls: &[Call], tally: &Tally) {
        let verified = confgate::trail::verify(directory);
        tally.expect(verified.is_ok(), || format!("the trail is not whole: {verified:?}"));
        let records = trail.records();
        let told = self.told.into_inner().expect("no panic while it was held");
        let outcomes = Outcomes::of(&records, tally);
        outcomes.say_what_was_told(&told, tally);
        intents_have_ends(&records, &outcomes, tally);
        vendor_saw_what_was_announced(&records, &outcomes, calls, tally);
    }
}

/// The outcome of each request, by its id.
struct Outcomes<'r>(HashMap<&'r str, &'r Value>);

impl<'r> Outcomes<'r> {
    fn of(records: &'r [Value], tally: &Tally) -> Self {
        let mut outcomes = HashMap::new();
        for outcome in of_kind(records, "outcome") {
            let second = outcomes.insert(text(outcome, "request_id"), outcome);
            tally.expect(second.is_none(), || format!("a second outcome: {outcome}"));
        }
        Self(outcomes)
    }

    fn say_what_was_told(&self, told: &[Told], tally: &Tally) {
        for told in told {
            let outcome = self.0.get(&*told.request_id);
            let agree = outcome.is_some_and(|outcome| {
                outcome["status"] == told.status && outcome["reason"].as_str() == told.code.as_deref()
            });
            tally.expect(agree, || format!("{told:?} is on record as {outcome:?}"));
        }
    }
}

/// Each announced change has its end, after it.
fn intents_have_ends(records: &[Value], outcomes: &Outcomes<'_>, tally: &Tally) {
    for intent in of_kind(records, "intent") {
        let outcome = outcomes.0.get(text(intent, "request_id"));
        let ended = outcome.is_some_and(|outcome| {
            outcome["intent"] == intent["seq"] && outcome["seq"].as_u64() > intent["seq"].as_u64()
        });
        tally.expect(ended, || format!("{intent} has this end: {outcome:?}"));
    }
}

/// Changes reach the vendor announced, and never more often than is on record; and what was not sent is not there.
fn vendor_saw_what_was_announced(records: &[Value], outcomes: &Outcomes<'_>, calls: &[Call], tally: &Tally) {
    let announced: HashMap<&str, &str> = of_kind(records, "intent")
        .map(|intent| (text(intent, "trace_id"), text(intent, "request_id")))
        .collect();
    let mut seen: BTreeMap<&str, u64> = BTreeMap::new();
    for call in calls.iter().filter(|call| call.method != "GET") {
        *seen.entry(call.trace()).or_default() += 1;
    }
    for (trace, times) in seen {
        let outcome = announced.get(trace).and_then(|id| outcomes.0.get(id));
        let known = outcome.is_some_and(|outcome| outcome["attempts"].as_u64() >= Some(times));
        tally.expect(known, || format!("the vendor saw {trace} {times} times, and on record is {outcome:?}"));
    }
}

fn of_kind<'r>(records: &'r [Value], kind: &'static str) -> impl Iterator<Item = &'r Value> {
    records.iter().filter(move |record| record["kind"] == kind)
}

fn text<'r>(record: &'r Value, name: &str) -> &'r str {
    record[name].as_str().unwrap_or_default()
}
