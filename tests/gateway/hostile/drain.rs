//! The end of a gateway that is in full use.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::Value;

use crate::support::client::{self, Connection};
use crate::support::configuration::WITHOUT_LIMITS;
use crate::support::program::{Ended, Program, Served, confgate, run};
use crate::support::server::{Gate, Reply};
use crate::support::tally::Tally;
use crate::support::within;

const ONE: &str = "/conferences/IM3SKW51SKH4TB80LV45000C7";

/// What became of the requests of all callers.
#[derive(Default)]
struct Book {
    served: AtomicUsize,
    sent_elsewhere: AtomicUsize,
}

/// Calls over kept connections, opens the next when it is asked to close one, and goes elsewhere when a new connection
/// is refused or told that this gateway is stopping. Anything else is wrong.
async fn caller(address: SocketAddr, bearer: String, book: Arc<Book>, tally: Arc<Tally>) {
    let headers = [("Authorization", bearer.as_str())];
    loop {
        let Some(mut connection) = Connection::try_open(address).await else { return };
        let mut is_new = true;
        loop {
            let Some(answer) = connection.try_send("GET", ONE, &headers, "").await else {
                return tally.expect(false, || format!("no answer, on a new connection: {is_new}"));
            };
            tally.requests(1);
            if is_new && answer.status == 503 && answer.problem() == "shutting_down" {
                book.sent_elsewhere.fetch_add(1, Ordering::Relaxed);
                return;
            }
            tally.expect(answer.status == 200, || format!("{} {}", answer.status, answer.text()));
            book.served.fetch_add(1, Ordering::Relaxed);
            is_new = false;
            if answer.header("connection").is_some_and(|options| options.eq_ignore_ascii_case("close")) {
                break;
            }
        }
    }
}

async fn the_trail_is_whole(served: &Served, tally: &Tally) {
    let directory = served.trail_directory();
    let verified = run(&mut confgate(["audit".as_ref(), "verify".as_ref(), directory.as_os_str()])).await;
    tally.expect(verified.code == Some(0), || format!("{verified:?}"));
}

async fn under_load(signal: &str) {
    let tally = Arc::new(Tally::of("drain"));
    let mut served = Served::with(&[&WITHOUT_LIMITS[..], &[("LISTEN__DRAIN_DELAY", "2s")]].concat()).await;
    let bearer = served.issuer.token().bearer();
    // Holds the gateway in its last phase until every caller knows.
    let gate = Gate::closed();
    served.vendor.script(Reply::body(200, "application/json", r#"{"error":0,"id":"HELD"}"#).behind(&gate));
    let headers = [("Authorization", bearer.as_str()), ("Content-Type", "application/json")];
    let held = client::send(served.address, "POST", "/conferences", &headers, "{}");
    let book = Arc::new(Book::default());
    let rest = async {
        served.vendor.wait_for(1).await;
        let call =
            || tokio::spawn(caller(served.address, bearer.clone(), Arc::clone(&book), Arc::clone(&tally)));
        let callers: Vec<_> = (0..64).map(|_| call()).collect();
        served.vendor.wait_for(500).await;
        tally.fault();
        served.program.signal(signal).await;
        for caller in callers {
            within("a caller to be sent elsewhere", caller).await.expect("no panic");
        }
        gate.open();
    };
    let (held, ()) = tokio::join!(held, rest);
    tally.requests(1);
    tally.expect(held.status == 200, || held.text());
    let ended = served.program.ended().await;
    tally.expect(ended.code == Some(0), || format!("{ended:?}"));
    let (answered, elsewhere) =
        (book.served.load(Ordering::Relaxed), book.sent_elsewhere.load(Ordering::Relaxed));
    tally.expect(elsewhere == 64, || format!("{elsewhere} callers were told"));
    let records = served.trail.records();
    let of_status = |status: u64| records.iter().filter(|record| record["status"] == status).count();
    let on_record = (of_status(200), served.vendor.calls().len());
    tally.expect(on_record == (answered + 1, answered + 1), || format!("{on_record:?} of {answered}"));
    the_trail_is_whole(&served, &tally).await;
    Arc::into_inner(tally).expect("no caller any more").finish();
}

#[tokio::test]
async fn sigterm_fails_not_one_request_of_64_callers() {
    under_load("TERM").await;
}

#[tokio::test]
async fn sigint_fails_none_either() {
    under_load("INT").await;
}

fn drain(admin: SocketAddr) -> Program {
    Program::start(&mut confgate(["drain", "--admin", &admin.to_string()]))
}

fn went_well(ended: &Ended) -> bool {
    ended.code == Some(0) && ended.output.trim() == "drained: 0 requests in flight"
}

#[tokio::test]
async fn confgate_drain_waits_for_what_is_in_flight_and_sigterm_does_not_wait_again() {
    let tally = Tally::of("drain");
    let mut served = Served::with(&[("LISTEN__DRAIN_DELAY", "300ms")]).await;
    let bearer = served.issuer.token().bearer();
    let headers = [("Authorization", bearer.as_str())];
    let mut kept = Connection::open(served.address).await;
    tally.expect(kept.send("GET", ONE, &headers, "").await.status == 200, || "before".to_owned());
    let gate = Gate::closed();
    served.vendor.script(Reply::body(200, "application/json", r#"{"error":0}"#).behind(&gate));
    let held = client::send(served.address, "GET", ONE, &headers, "");
    let rest = async {
        served.vendor.wait_for(2).await;
        tally.fault();
        let (mut first, mut second) = (drain(served.admin), drain(served.admin));
        served.until_readyz(503).await;
        served.until_phase("draining").await;
        let answer = kept.send("GET", ONE, &headers, "").await;
        let is_closing = answer.header("connection") == Some("close");
        tally.expect(answer.status == 200 && is_closing, || format!("while it drains: {answer:?}"));
        let progress = client::send(served.admin, "GET", "/drain", &[], "").await.json();
        let told = [&progress["draining"], &progress["drained"], &progress["requests_in_flight"]];
        tally.expect(told == [&Value::from(true), &false.into(), &1.into()], || progress.to_string());
        gate.open();
        for ended in [first.ended().await, second.ended().await] {
            tally.expect(went_well(&ended), || format!("{ended:?}"));
        }
    };
    let (held, ()) = tokio::join!(held, rest);
    tally.expect(held.status == 200, || held.text());
    // It serves on until it is told to end, and may be asked once more.
    let answer = client::send(served.address, "GET", ONE, &headers, "").await;
    tally.expect(answer.status == 200, || answer.text());
    let again = drain(served.admin).ended().await;
    tally.expect(went_well(&again), || format!("{again:?}"));
    served.program.signal("TERM").await;
    let ended = served.program.ended().await;
    tally.expect(ended.code == Some(0), || format!("{ended:?}"));
    let shutting_down = |line: &str| {
        let event: Value = serde_json::from_str(line).ok()?;
        (event["message"] == "shutting down").then(|| event["delay"].clone())
    };
    let delay = ended.error.lines().find_map(shutting_down);
    tally.expect(delay == Some("0ns".into()), || format!("{delay:?} is left of the delay"));
    tally.expect(served.vendor.calls().len() == 4, || "not every call was made".to_owned());
    let outcomes = served.trail.records().iter().filter(|record| record["status"] == 200).count();
    tally.expect(outcomes == 4, || format!("{outcomes} outcomes"));
    the_trail_is_whole(&served, &tally).await;
    tally.requests(4);
    tally.finish();
}

#[tokio::test]
async fn the_order_is_taken_from_an_operator_alone_and_errors_help() {
    let tally = Tally::of("drain");
    let served = Served::with(&[]).await;
    for (method, headers, status) in [
        ("POST", &[("Origin", "https://evil.example")][..], 403),
        ("PUT", &[], 405),
        ("DELETE", &[], 405),
        ("GET", &[], 200),
    ] {
        tally.input();
        tally.requests(1);
        let answer = client::send(served.admin, method, "/drain", headers, "").await;
        tally.expect(answer.status == status, || format!("{method}: {}", answer.text()));
    }
    tally.expect(served.until_readyz(200).await.status == 200, || "it drains".to_owned());

    let nobody = run(&mut confgate(["drain", "--admin", "127.0.0.1:1"])).await;
    let helps = nobody.code == Some(1) && nobody.error.contains("no gateway answers at 127.0.0.1:1");
    tally.expect(helps, || format!("{nobody:?}"));
    let data_port = run(&mut confgate(["drain", "--admin", &served.address.to_string()])).await;
    let helps = data_port.code == Some(1) && data_port.error.contains("is no admin port");
    tally.expect(helps, || format!("{data_port:?}"));
    let file = served.file().to_owned();
    let unknown = run(&mut confgate(["drain".as_ref(), "--config".as_ref(), file.as_os_str()])).await;
    let helps = unknown.code == Some(1) && unknown.error.contains("name the port with --admin");
    tally.expect(helps, || format!("{unknown:?}"));
    // What the configuration says is where it is looked for; every address is this machine's, too.
    let mut configured = confgate(["drain".as_ref(), "--config".as_ref(), file.as_os_str()]);
    configured.env("CONFGATE__ADMIN__ADDRESS", format!("0.0.0.0:{}", served.admin.port()));
    let ended = run(&mut configured).await;
    tally.expect(went_well(&ended), || format!("{ended:?}"));
    tally.expect(served.vendor.calls().is_empty(), || "the vendor was asked".to_owned());
    tally.finish();
}
