//! Hundreds of callers at a time who leave whenever they please, each in one of the ways there are. Afterwards, the
//! trail and the vendor agree about every one of them.

use std::collections::HashMap;
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::Value;

use crate::support::CREATE;
use crate::support::cases::{Cases, case};
use crate::support::client::Connection;
use crate::support::dice::Dice;
use crate::support::server::{Reply, Step};

const APPS: usize = 4;
const CALLERS: u64 = 600;

/// The ways to leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// Not at all.
    Stay,
    Close,
    Reset,
    /// Its own half first, and the rest later.
    Half,
}

struct Caller {
    trace: String,
    app: usize,
    method: &'static str,
    path: &'static str,
    body: &'static str,
    way: Way,
    comes: Duration,
    stays: Duration,
}

impl Caller {
    fn new(number: u64, dice: &Dice) -> Self {
        let (method, path, body) = match dice.below(5) {
            0 | 1 => ("POST", "/conferences", CREATE),
            2 => ("DELETE", "/conferences/IM3", ""),
            3 => ("DELETE", "/conferences/IM3/yangss", ""),
            _ => ("GET", "/conferences/IM3", ""),
        };
        let way = [Way::Stay, Way::Close, Way::Reset, Way::Half][usize::try_from(dice.below(4)).unwrap()];
        Self {
            trace: format!("1eaf{number:028x}"),
            app: usize::try_from(dice.below(APPS as u64)).unwrap(),
            method,
            path,
            body,
            way,
            comes: dice.millis(0, 2000),
            stays: dice.millis(0, 150),
        }
    }

    /// Gives what it was answered, if it has stayed.
    async fn call(&self, cases: &Cases) -> Option<crate::support::client::Answer> {
        tokio::time::sleep(self.comes).await;
        let Self { method, path, body, trace, .. } = self;
        let mut connection = Connection::open(cases.world.address).await;
        let bearer = cases.bearer(self.app);
        let head = format!("{method} {path} HTTP/1.1\r\nHost: x\r\nAuthorization: {bearer}\r\n");
        let trace = format!("traceparent: 00-{trace}-00f067aa0ba902b7-01\r\n");
        let rest = format!("Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        cases.tally.requests(1);
        connection.write(head + &trace + &rest).await;
        if self.way == Way::Stay {
            return Some(connection.answer(method).await);
        }
        cases.tally.fault();
        tokio::time::sleep(self.stays).await;
        match self.way {
            Way::Reset => connection.reset(),
            Way::Half => {
                connection.finish().await;
                tokio::time::sleep(self.stays).await;
            }
            Way::Stay | Way::Close => {}
        }
        None
    }
}

#[tokio::test]
async fn whoever_leaves_whenever_the_books_agree() {
    let dice = Dice::new();
    // Few connections, so that many wait for one, and answers that take a while, so that many leave within them.
    let changes = [("UPSTREAM__MAX_CONNECTIONS", "3"), ("UPSTREAM__FIRST_BYTE_TIMEOUT", "10s")];
    let cases = Cases::ready("callers who leave", APPS, &changes).await;
    let slow = "HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n{\"error\":0}";
    for app in 0..APPS {
        let slow = Step::Trickle(slow.into(), Duration::from_micros(500 * app as u64));
        cases.world.vendor.answer_for(&case(app), Some(Reply::steps([slow])));
    }
    let callers: Vec<Caller> = (0..CALLERS).map(|number| Caller::new(number, &dice)).collect();
    for answer in join_all(callers.iter().map(|caller| caller.call(&cases))).await.into_iter().flatten() {
        cases.tally.expect(answer.status == 200, || answer.text());
        cases.hear(&answer);
    }
    let nobody = |status: &Value| {
        let tenants = status["tenants"].as_array().unwrap();
        status["connections_open"] == 0 && tenants.iter().all(|tenant| tenant["in_flight"] == 0)
    };
    cases.world.until_status("nobody any more", nobody).await;
    all_on_record(&cases).await;
    agree(&cases, &callers);
    cases.finish().await;
}

/// Waits until whatever was counted as answered is in the trail: of reads the outcome is written soon after.
async fn all_on_record(cases: &Cases) {
    let metrics = cases.world.metrics().await;
    let counts = metrics.lines().filter(|line| line.starts_with("confgate_requests_total{"));
    let answered: usize = counts.map(|line| line.rsplit(' ').next().unwrap().parse::<usize>().unwrap()).sum();
    let whole = |records: &[Value]| {
        let outcomes = records.iter().filter(|record| record["kind"] == "outcome").count();
        (outcomes >= answered).then_some(())
    };
    cases.world.trail.wait_until(&format!("{answered} outcomes"), whole).await;
}

/// About each of them: what the vendor saw was recorded as sent, and what was not recorded so it did not see.
fn agree(cases: &Cases, callers: &[Caller]) {
    let records = cases.world.trail.records();
    let mut outcomes: HashMap<&str, Vec<&Value>> = HashMap::new();
    for outcome in records.iter().filter(|record| record["kind"] == "outcome") {
        outcomes.entry(outcome["trace_id"].as_str().unwrap()).or_default().push(outcome);
    }
    let calls = cases.world.vendor.calls();
    let mut seen: HashMap<&str, u64> = HashMap::new();
    for call in &calls {
        *seen.entry(call.trace()).or_default() += 1;
    }
    for Caller { trace, method, way, .. } in callers {
        let (outcomes, seen) = (
            outcomes.get(&**trace).map_or(&[][..], Vec::as_slice),
            seen.get(&**trace).copied().unwrap_or_default(),
        );
        let said = || format!("{method} of {way:?}: seen {seen} times, {outcomes:?}");
        let [outcome] = outcomes else {
            // It may have left before its request was there.
            cases.tally.expect(outcomes.is_empty() && seen == 0 && *way != Way::Stay, said);
            continue;
        };
        let (attempts, changes) = (outcome["attempts"].as_u64().unwrap(), *method != "GET");
        cases.tally.expect(seen <= attempts && attempts <= 1 + u64::from(!changes), said);
        cases.tally.expect((*way == Way::Stay) <= (outcome["caller_gone"] == false), said);
        // What was sent is seen through to the vendor's word.
        let seen_through = outcome["vendor_status"] == 200 && outcome["outcome_unknown"] == false;
        cases.tally.expect(!changes || (seen == 1) == seen_through, said);
    }
    let left = outcomes.values().flatten().filter(|outcome| outcome["caller_gone"] == true);
    let (sent, unsent): (Vec<&Value>, Vec<&Value>) = left.partition(|outcome| outcome["attempts"] != 0);
    let both = !sent.is_empty() && !unsent.is_empty();
    cases.tally.expect(both, || format!("{} left after being sent, {} before", sent.len(), unsent.len()));
}
