//! Runs cases against one gateway, and holds everything that came of them against what was to come.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use confgate::domain::Code;
use futures_util::StreamExt;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::case::{Answered, Case, End};
use super::message::{self, Message, told};
use super::tap::Tap;
use crate::support::configuration::WITHOUT_LIMITS;
use crate::support::tally::Tally;
use crate::support::world::World;
use crate::support::{PATIENCE, patiently};

/// How many connections are open at a time.
const AT_ONCE: usize = 32;
/// The app of the tenant, as the vendor's paths begin.
const APP: &str = "/1100181023201864/voicechatroom";

/// A gateway whose every byte to the vendor is heard, and what its vendor and its trail have to say in the end.
pub(super) struct Harness {
    world: World,
    tap: Tap,
    tally: Tally,
    good: String,
    bad: String,
    /// Counts runs.
    number: AtomicUsize,
}

/// What a run leaves behind, beside its answers.
struct Trace {
    /// Calls that the vendor must have heard: request line and body.
    calls: Vec<(String, String)>,
    /// Outcomes that must be in the trail, by the request's id: reason, status, conference.
    outcomes: Vec<(String, Value)>,
}

impl Harness {
    pub(super) async fn start() -> Self {
        Self::with(&[]).await
    }

    /// With these keys of the configuration changed.
    pub(super) async fn with(changes: &[(&str, &str)]) -> Self {
        let (vendor, issuer) =
            (crate::support::vendor::Vendor::start().await, crate::support::issuer::Issuer::start().await);
        let tap = Tap::before(vendor.server().address()).await;
        let base_url = format!("http://{}", tap.address);
        let mut all = vec![
            ("APPS__MEET__BASE_URL", base_url.as_str()),
            ("AUTHN__ADDRESS_LIMIT__RATE", "1000000"),
            ("AUTHN__ADDRESS_LIMIT__BURST", "1000000"),
        ];
        all.extend(WITHOUT_LIMITS.iter().chain(changes));
        let world = World::around(vendor, issuer, &all).await;
        world.until_ready().await;
        let (good, bad) = (world.issuer.token().build(), world.issuer.token().broken().build());
        Self { world, tap, tally: Tally::of("raw bytes"), good, bad, number: AtomicUsize::new(0) }
    }

    /// Sends each case in one piece with a good token and with a bad one, and ends.
    pub(super) async fn runs(self, cases: &[Case]) {
        let runs: Vec<_> = cases.iter().flat_map(|case| [(case, true), (case, false)]).collect();
        self.tally.inputs(cases.len() as u64);
        let all = futures_util::stream::iter(runs)
            .map(|(case, good)| self.run(case, good, |bytes| vec![bytes]))
            .buffer_unordered(AT_ONCE);
        let traces = all.collect().await;
        self.ends(traces).await;
    }

    /// Sends each case in two pieces, once for each place where its own bytes can be cut outside of its token, which is
    /// a good one.
    pub(super) async fn runs_in_two_pieces(self, cases: &[Case]) {
        let cut = |case: &Case| {
            let bytes = case.own(0, &self.good);
            let start = find(&bytes, self.good.as_bytes()).unwrap_or(bytes.len());
            let token = start..start + self.good.len() - 1;
            (1..bytes.len()).filter(|place| !token.contains(place)).collect::<Vec<_>>()
        };
        let runs: Vec<_> =
            cases.iter().flat_map(|case| cut(case).into_iter().map(move |place| (case, place))).collect();
        self.tally.inputs(cases.len() as u64);
        let all = futures_util::stream::iter(runs)
            .map(|(case, place)| {
                self.run(case, true, move |bytes| vec![bytes[..place].to_vec(), bytes[place..].to_vec()])
            })
            .buffer_unordered(AT_ONCE);
        let traces = all.collect().await;
        self.ends(traces).await;
    }

    async fn run(&self, case: &Case, good: bool, cut: impl FnOnce(Vec<u8>) -> Vec<Vec<u8>>) -> Trace {
        let number = self.number.fetch_add(1, Ordering::Relaxed);
        let bytes = case.sent(number, if good { &self.good } else { &self.bad });
        self.tally.requests(1);
        let heard = exchange(&self.world, cut(bytes), case.end == End::Cut).await;
        let read = heard.and_then(|heard| answers(&heard, case));
        let mut trace = Trace { calls: Vec::new(), outcomes: Vec::new() };
        let token = if good { "good" } else { "bad" };
        match read {
            Ok(answers) => {
                let wrong = compare(case, &case.answers(number, good), &answers, good, &mut trace);
                self.tally.expect(wrong.is_none(), || {
                    let told: Vec<_> = answers.iter().map(summary).collect();
                    format!("{} ({token} token): {}; answers: {told:?}", case.what, wrong.unwrap_or_default())
                });
            }
            Err(error) => self.tally.expect(false, || format!("{} ({token} token): {error}", case.what)),
        }
        trace
    }

    /// Compares what the vendor heard and what the trail says with what it must be, over all runs.
    async fn ends(self, traces: Vec<Trace>) {
        let (mut heard, wrong) = self.tap.requests();
        for wrong in wrong {
            self.tally.expect(false, || wrong);
        }
        let (mut calls, mut outcomes) = (Vec::new(), BTreeMap::new());
        for trace in traces {
            calls.extend(trace.calls);
            outcomes.extend(trace.outcomes);
        }
        calls.sort();
        heard.sort();
        self.tally.expect(heard == calls, || {
            let more: Vec<_> = heard.iter().filter(|call| !calls.contains(call)).collect();
            let less: Vec<_> = calls.iter().filter(|call| !heard.contains(call)).collect();
            format!(
                "the vendor heard {} calls of {}; not to be: {more:?}; missing: {less:?}",
                heard.len(),
                calls.len()
            )
        });
        self.hold_trail_against(&outcomes, &calls).await;
        self.tally.finish();
    }

    /// Every answer that is on record has one outcome that says the same, and there are no others; every change has one
    /// intent.
    async fn hold_trail_against(&self, outcomes: &BTreeMap<String, Value>, calls: &[(String, String)]) {
        let is = |kind: &'static str| move |record: &&Value| record["kind"] == kind;
        let records = self
            .world
            .trail
            .wait_until("all outcomes", |records| {
                (records.iter().filter(is("outcome")).count() >= outcomes.len()).then(|| records.to_vec())
            })
            .await;
        let said: Vec<_> = records.iter().filter(is("outcome")).collect();
        self.tally.expect(said.len() == outcomes.len(), || {
            format!("{} outcomes in the trail, {} answers", said.len(), outcomes.len())
        });
        for outcome in said {
            let id = outcome["request_id"].as_str().unwrap_or_default();
            let told = json!([outcome["reason"], outcome["status"], outcome["attempts"]]);
            self.tally.expect(outcomes.get(id) == Some(&told), || {
                let conference = &outcome["conference"];
                format!("the trail says {told} of {conference}, the answer was {:?}", outcomes.get(id))
            });
        }
        let changes = calls.iter().filter(|(line, _)| !line.starts_with("GET ")).count();
        let intents = records.iter().filter(is("intent")).count();
        self.tally.expect(intents == changes, || format!("{intents} intents for {changes} changes"));
    }
}

/// Writes the pieces one after the other on a connection, and reads until the gateway closes it.
async fn exchange(world: &World, pieces: Vec<Vec<u8>>, finish: bool) -> Result<Vec<u8>, String> {
    let talk = async {
        let mut stream = TcpStream::connect(world.address).await?;
        stream.set_nodelay(true)?;
        let (mut from, mut to) = stream.split();
        // A gateway that has heard enough does not take the rest.
        let write = async {
            for piece in pieces {
                to.write_all(&piece).await?;
                tokio::task::yield_now().await;
            }
            if finish { to.shutdown().await } else { Ok(()) }
        };
        let mut heard = Vec::new();
        let read = async {
            // What it has heard of an answer counts, even where the connection breaks after it.
            while from.read_buf(&mut heard).await.is_ok_and(|count| count > 0) {}
        };
        tokio::pin!(read);
        tokio::select! {
            () = &mut read => {}
            _ = write => read.await,
        }
        std::io::Result::Ok(heard)
    };
    match patiently(talk).await {
        Some(heard) => heard.map_err(|error| error.to_string()),
        None => Err(format!("the connection is still open after {PATIENCE:?}")),
    }
}

/// The final answers among `heard`, and nothing beside them.
fn answers(heard: &[u8], case: &Case) -> Result<Vec<Message>, String> {
    let (mut rest, mut answers) = (heard, Vec::new());
    while !rest.is_empty() {
        let bodiless = case.bodiless && answers.is_empty();
        let answer = message::take(&mut rest, |start| bodiless || start.starts_with("HTTP/1.1 1"));
        let answer = answer.map_err(|error| format!("{error}; all of it: {}", told(heard)))?;
        if answer.start != "HTTP/1.1 100 Continue" || !case.expects_continue() {
            answers.push(answer);
        }
    }
    Ok(answers)
}

/// Compares the answers with what they must be, and notes what they leave behind. Says what is wrong first.
fn compare(
    case: &Case,
    expected: &[Answered],
    answers: &[Message],
    good: bool,
    trace: &mut Trace,
) -> Option<String> {
    // Without a good token nobody reads the body of a create, and the gateway may close the connection over it.
    let may_end_early = !good && !answers.is_empty() && answers.len() < expected.len();
    let wrong =
        expected.iter().zip(answers).find_map(|(expected, answer)| check(expected, answer, trace).err());
    if wrong.is_some() {
        return wrong;
    }
    if answers.len() != expected.len() && !may_end_early {
        return Some(format!("{} answers in place of {}: {expected:?}", answers.len(), expected.len()));
    }
    let says_so = answers.last().is_some_and(|last| last.field("connection") == Ok("close"));
    (case.end == End::Closed && good && !says_so)
        .then(|| "the last answer does not say that the connection is closed".to_owned())
}

fn check(expected: &Answered, answer: &Message, trace: &mut Trace) -> Result<(), String> {
    let status: u16 =
        answer.start.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default();
    let id = answer.field("x-request-id")?.to_owned();
    let (wanted, reason, attempts) = match expected {
        Answered::Call { method, path, body } => {
            trace.calls.push((format!("{method} {APP}/conferences{path} HTTP/1.1"), body.clone()));
            (200, Value::Null, 1)
        }
        Answered::Refused(code) | Answered::Denied(code) => (status_of(code), json!(code), 0),
        Answered::Public(wanted) => {
            return if status == *wanted { Ok(()) } else { Err(format!("{status} in place of {wanted}")) };
        }
    };
    trace.outcomes.push((id, json!([reason, wanted, attempts])));
    if status != wanted {
        return Err(format!("{status} in place of {wanted} for {expected:?}"));
    }
    if let (Value::String(code), false) = (&reason, answer.body.is_empty()) {
        let problem: Value = serde_json::from_slice(&answer.body).map_err(|error| error.to_string())?;
        if problem["code"] != **code || answer.field("content-type")? != "application/problem+json" {
            return Err(format!("{} in place of {code}", problem["code"]));
        }
    }
    Ok(())
}

fn status_of(code: &str) -> u16 {
    Code::ALL.iter().find(|known| known.as_str() == code).expect("a code of the list").status()
}

fn summary(answer: &Message) -> String {
    let problem: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    format!("{} {}", answer.start, problem["code"].as_str().unwrap_or_default())
}

fn find(bytes: &[u8], part: &[u8]) -> Option<usize> {
    bytes.windows(part.len()).position(|window| window == part)
}
