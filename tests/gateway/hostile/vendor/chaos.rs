//! Faults by chance in the middle of a load on the same connections: nobody gets what was meant for somebody else, and
//! nothing that changes something is sent twice.

use std::collections::HashMap;
use std::time::Duration;

use futures_util::future::join_all;

use crate::support::CREATE;
use crate::support::cases::{Cases, case};
use crate::support::client::{Answer, Connection};
use crate::support::dice::Dice;
use crate::support::server::{Reply, Step, bytes};

const CALLERS: usize = 24;
const CALLS: usize = 40;

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n{\"error\":0}";
const FORGED: &str = "HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n{\"id\":\"forged\"}";

/// A fault, or an answer with something behind it.
fn fault(dice: &Dice) -> Reply {
    match dice.below(12) {
        0 => Reply::close(),
        1 => Reply::reset(),
        2 => Reply::hang(),
        3 => Reply::kept(format!("{OK}{FORGED}")),
        4 => Reply::kept(format!("HTTP/1.1 204 No\r\nContent-Length: 15\r\n\r\n{FORGED}")),
        5 => Reply::steps([bytes(&OK[..usize::try_from(dice.below(OK.len() as u64)).unwrap()]), Step::Close]),
        6 => Reply::steps([bytes(&OK[..usize::try_from(dice.below(OK.len() as u64)).unwrap()]), Step::Reset]),
        7 => Reply::raw("garbage\r\n\r\n"),
        8 => Reply::kept(format!(
            "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\nb\r\n{{\"error\":0}}\r\n0\r\n\r\n{FORGED}"
        )),
        9 => Reply::raw(OK),
        10 => Reply::status(401),
        _ => Reply::body(500, "text/html", "<html>"),
    }
}

#[tokio::test]
async fn nobody_gets_what_was_meant_for_somebody_else() {
    let dice = Dice::new();
    let changes = [("UPSTREAM__FIRST_BYTE_TIMEOUT", "300ms"), ("UPSTREAM__MAX_CONNECTIONS", "8")];
    let cases = Cases::ready("the vendor", 1, &changes).await;
    let load = join_all((0..CALLERS).map(|caller| keep_calling(&cases, caller)));
    let faults = async {
        loop {
            cases.tally.fault();
            cases.world.vendor.script_for(&case(0), fault(&dice));
            tokio::time::sleep(dice.millis(1, 10)).await;
        }
    };
    tokio::select! {
        _ = load => {}
        () = faults => {}
    }
    creates_are_never_doubled(&cases);
    cases.finish().await;
}

async fn keep_calling(cases: &Cases, caller: usize) {
    let bearer = cases.bearer(0);
    let mut connection = Connection::open(cases.world.address).await;
    for number in 0..CALLS {
        let path = format!("/conferences/C{caller}N{number}");
        cases.tally.requests(1);
        let answer = if number % 3 == 0 {
            let headers = [("Authorization", &*bearer), ("Content-Type", "application/json")];
            connection.send("POST", "/conferences", &headers, CREATE).await
        } else {
            connection.send("GET", &path, &[("Authorization", &*bearer)], "").await
        };
        cases.hear(&answer);
        let id = if number % 3 == 0 { "TEST" } else { &path["/conferences/".len()..] };
        cases.tally.expect(is_its_own(&answer, id), || format!("{id}: {} {}", answer.status, answer.text()));
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// Either what was asked for, or one of the faults.
fn is_its_own(answer: &Answer, id: &str) -> bool {
    match answer.status {
        200 if answer.text() == r#"{"error":0}"# => true,
        200 => answer.json()["id"].as_str().is_some_and(|own| own.starts_with(id)),
        204 => answer.body.is_empty(),
        500 => answer.text() == "<html>",
        502..=504 => answer.problem().starts_with("vendor_") || answer.problem() == "overloaded",
        _ => false,
    }
}

/// Twice is after a 401 alone, which says that nothing was done.
fn creates_are_never_doubled(cases: &Cases) {
    let calls = cases.world.vendor.calls();
    let mut creates: HashMap<&str, Vec<&str>> = HashMap::new();
    for call in calls.iter().filter(|call| call.method == "POST") {
        creates.entry(call.trace()).or_default().push(call.headers.get("authorization").unwrap());
    }
    for (trace, tokens) in creates {
        let renewed = tokens.len() == 1 || tokens.len() == 2 && tokens[0] != tokens[1];
        cases.tally.expect(renewed, || format!("{trace} was created with {tokens:?}"));
    }
}
