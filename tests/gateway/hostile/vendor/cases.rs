//! Tries each answer of a table on each of the four calls, on a fresh connection and on one that was used before.

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::CREATE;
use crate::support::cases::{Cases, case};
use crate::support::client::Answer;
use crate::support::server::Reply;

/// What the vendor says, and what becomes of it.
pub(super) struct Case {
    pub(super) name: &'static str,
    pub(super) reply: Reply,
    pub(super) expected: Expected,
}

#[derive(Clone, Debug)]
pub(super) enum Expected {
    /// It comes back: this status with this body.
    Passed(u16, Vec<u8>),
    /// It is refused with this code; what was to change something may have done so.
    Refused(u16, &'static str),
}

/// Method, path and body.
type Request = (&'static str, &'static str, &'static str);

/// The four calls; the first one twice, since the first of all goes out on a fresh connection.
const ALL: [Request; 5] = [
    ("GET", "/conferences/IM3", ""),
    ("GET", "/conferences/IM3", ""),
    ("POST", "/conferences", CREATE),
    ("DELETE", "/conferences/IM3", ""),
    ("DELETE", "/conferences/IM3/yangss", ""),
];

/// What an answer to a caller may have: its framing, what is the gateway's own, and three fields of the vendor's.
const HEADERS: [&str; 16] = [
    "access-control-allow-origin",
    "access-control-expose-headers",
    "cache-control",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "date",
    "proxy-status",
    "ratelimit",
    "ratelimit-policy",
    "retry-after",
    "transfer-encoding",
    "vary",
    "x-content-type-options",
    "x-request-id",
];

/// Those that matter where each takes its time.
const FEW: [Request; 2] = [("GET", "/conferences/IM3", ""), ("POST", "/conferences", CREATE)];

/// Tries all of them at the same time, each with an app of its own.
pub(super) async fn try_all(cases: Vec<Case>) {
    try_on(&ALL, cases, &[]).await;
}

/// The same with a vendor that is waited for no longer than three seconds, and on few of the calls.
pub(super) async fn try_in_time(cases: Vec<Case>) {
    let impatient = [
        ("UPSTREAM__FIRST_BYTE_TIMEOUT", "2s"),
        ("UPSTREAM__CONNECT_TIMEOUT", "2s"),
        ("UPSTREAM__TOTAL_TIMEOUT", "3s"),
    ];
    try_on(&FEW, cases, &impatient).await;
}

async fn try_on(calls: &[Request], answers: Vec<Case>, changes: &[(&str, &str)]) {
    let changes = [&[("LISTEN__WORKERS", "1")], changes].concat();
    let cases = Cases::ready("the vendor", answers.len(), &changes).await;
    join_all(answers.iter().enumerate().map(|(number, case)| attempt(&cases, calls, number, case))).await;
    cases.finish().await;
}

async fn attempt(cases: &Cases, calls: &[Request], number: usize, Case { name, reply, expected }: &Case) {
    let (app, vendor) = (case(number), &cases.world.vendor);
    for (turn, &(method, path, body)) in calls.iter().enumerate() {
        let before = vendor.calls_of(&app).len();
        vendor.answer_for(&app, Some(reply.clone()));
        match expected {
            Expected::Passed(..) => cases.tally.input(),
            Expected::Refused(..) => cases.tally.fault(),
        }
        let answer = cases.call(number, method, path, body).await;
        let said = || format!("{name}, {method} {path}, turn {turn}: {} {}", answer.status, answer.text());
        cases.tally.expect(is_as(&answer, expected), said);
        let outcome = cases.outcome(&answer).await;
        let unknown = method != "GET" && matches!(expected, Expected::Refused(..));
        cases.tally.expect(outcome["outcome_unknown"] == json!(unknown), || format!("{}: {outcome}", said()));
        if let Expected::Refused(..) = expected {
            let told = if unknown { "the outcome is unknown" } else { "nothing was changed" };
            cases.tally.expect(answer.text().contains(told), said);
        }
        // A get may go out once more where the connection was an old one.
        let seen = vendor.calls_of(&app).len() - before;
        let most = if method == "GET" && turn > 0 { 2 } else { 1 };
        cases.tally.expect((1..=most).contains(&seen), || format!("{}: seen {seen} times", said()));
        cases.tally.expect(outcome["attempts"] == seen, || format!("{}: {outcome}", said()));

        vendor.answer_for(&app, None);
        let next = format!("NEXT{number}T{turn}");
        let answer = cases.call(number, "GET", &format!("/conferences/{next}"), "").await;
        let own = answer.status == 200 && id(&answer) == json!(next);
        cases
            .tally
            .expect(own, || format!("{name}: the next caller got {} {}", answer.status, answer.text()));
    }
}

fn id(answer: &Answer) -> Value {
    serde_json::from_slice::<Value>(&answer.body).map(|body| body["id"].clone()).unwrap_or_default()
}

fn is_as(answer: &Answer, expected: &Expected) -> bool {
    let known = answer.headers.0.iter().all(|(name, _)| HEADERS.contains(&name.to_lowercase().as_str()));
    let proxied = answer.header("proxy-status").unwrap_or_default();
    known
        && match expected {
            Expected::Passed(status, body) => {
                (answer.status, &answer.body) == (*status, body)
                    && proxied == format!("confgate; received-status={status}")
            }
            Expected::Refused(status, code) => {
                answer.status == *status && answer.problem() == *code && !proxied.contains("received")
            }
        }
}

/// A case in which the vendor sends these bytes, and keeps the connection open.
pub(super) fn kept(name: &'static str, raw: impl Into<Vec<u8>>, expected: Expected) -> Case {
    Case { name, reply: Reply::kept(raw), expected }
}

/// A case in which the vendor sends these bytes, and closes the connection.
pub(super) fn closed(name: &'static str, raw: impl Into<Vec<u8>>, expected: Expected) -> Case {
    Case { name, reply: Reply::raw(raw), expected }
}

pub(super) fn passed(status: u16, body: &str) -> Expected {
    Expected::Passed(status, body.into())
}

/// What is no answer, or not a whole one.
pub(super) const BAD: Expected = Expected::Refused(502, "vendor_bad_answer");
/// What never began to be one.
pub(super) const UNREACHABLE: Expected = Expected::Refused(502, "vendor_unreachable");
/// What did not come in time.
pub(super) const LATE: Expected = Expected::Refused(504, "vendor_timeout");
