//! SIGTERM and SIGINT: in good order, or at once.

use std::cell::Cell;
use std::io::{Read, Write};

use confgate::assembly::Gateway;
use serde_json::Value;
use tempfile::TempDir;
use tokio::sync::watch;

use crate::support::client::{self, Connection};
use crate::support::configuration::{WITHOUT_LIMITS, configuration};
use crate::support::issuer::Issuer;
use crate::support::load::call_until_moved_on;
use crate::support::program::{Served, confgate, run};
use crate::support::server::{Gate, Reply};
use crate::support::vendor::Vendor;
use crate::support::{CREATE, PATIENCE, within};

/// Checks that the trail ends with the stop record and the checkpoint that vouches for it, and that `audit verify`
/// finds no fault.
async fn trail_is_whole(served: &Served) {
    let records = served.trail.records();
    let kinds: Vec<_> = records.iter().rev().take(2).map(|record| &record["kind"]).collect();
    assert_eq!(kinds, ["checkpoint", "stop"]);
    let directory = served.trail_directory();
    let verified = run(&mut confgate(["audit".as_ref(), "verify".as_ref(), directory.as_os_str()])).await;
    assert_eq!(verified.code, Some(0), "{verified:?}");
}

#[tokio::test]
async fn sigterm_under_load_fails_no_request() {
    let mut served = Served::with(&[&WITHOUT_LIMITS[..], &[("LISTEN__DRAIN_DELAY", "3s")]].concat()).await;
    let bearer = served.issuer.token().bearer();

    // One request is with the vendor all the while.
    let gate = Gate::closed();
    let conference = r#"{"error":0,"id":"HELD"}"#;
    served.vendor.script(Reply::body(200, "application/json", conference).behind(&gate));
    let held = async {
        let headers = [("Authorization", bearer.as_str()), ("Content-Type", "application/json")];
        client::send(served.address, "POST", "/conferences", &headers, CREATE).await
    };
    let rest = async {
        served.vendor.wait_for(1).await;
        let progress = watch::Sender::new(0);
        let call = || tokio::spawn(call_until_moved_on(served.address, bearer.clone(), progress.clone()));
        let callers: Vec<_> = (0..4).map(|_| call()).collect();
        within("some answers", progress.subscribe().wait_for(|answers| *answers >= 40))
            .await
            .expect("callers");

        served.program.signal("TERM").await;
        let unready = served.until_readyz(503).await;
        assert_eq!(unready.json()["serving"], "the gateway is shutting down");
        for caller in callers {
            within("a caller to be moved on", caller).await.expect("no failed request");
        }
        served.until_phase("closing").await;
        let newcomer = client::send(served.address, "GET", "/conferences/IM3", &[], "").await;
        assert_eq!((newcomer.status, newcomer.problem().as_str()), (503, "shutting_down"));
        assert_eq!((newcomer.header("retry-after"), newcomer.is_closing()), (Some("1"), true));
        let id = newcomer.header("x-request-id").expect("an id");
        assert_eq!(served.trail.outcome_of(id).await["reason"], "shutting_down");
        gate.open();
        progress
    };
    let (held, progress) = tokio::join!(held, rest);
    let total = *progress.borrow();
    assert_eq!((held.status, held.text().as_str(), held.is_closing()), (200, conference, true));

    let ended = served.program.ended().await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let outcomes = served.trail.records().into_iter().filter(|record| record["kind"] == "outcome");
    let answered: Vec<Value> = outcomes.filter(|record| record["status"] == 200).collect();
    assert_eq!(answered.len(), total + 1);
    assert_eq!(served.vendor.calls().len(), total + 1);
    trail_is_whole(&served).await;
}

#[tokio::test]
async fn what_takes_longer_than_the_drain_timeout_is_cut_off() {
    let mut served = Served::with(&[("LISTEN__DRAIN_DELAY", "0s"), ("LISTEN__DRAIN_TIMEOUT", "1s")]).await;
    served.vendor.script(Reply::hang());
    let bearer = served.issuer.token().bearer();
    let mut caller = Connection::open(served.address).await;
    let head = "POST /conferences HTTP/1.1\r\nHost: gate.test\r\nContent-Type: application/json\r\nContent-Length: 2\r\n";
    caller.write(format!("{head}Authorization: {bearer}\r\n\r\n{{}}")).await;
    served.vendor.wait_for(1).await;
    served.program.signal("TERM").await;

    let ended = served.program.ended().await;
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.error.contains("requests in flight are cut off"), "{ended:?}");
    let outcome =
        served.trail.records().into_iter().find(|record| record["kind"] == "outcome").expect("an outcome");
    assert_eq!((&outcome["outcome_unknown"], &outcome["attempts"]), (&true.into(), &1.into()), "{outcome}");
    trail_is_whole(&served).await;
}

#[tokio::test]
async fn an_idle_connection_does_not_hold_up_the_end() {
    let mut served = Served::with(&[("LISTEN__DRAIN_DELAY", "0s"), ("LISTEN__DRAIN_TIMEOUT", "1s")]).await;
    let mut fresh = Connection::open(served.address).await;
    let mut used = Connection::open(served.address).await;
    assert_eq!(used.send("GET", "/nothing", &[], "").await.status, 404);
    served.program.signal("TERM").await;
    // Neither side of these is closed by the caller, who does not look.
    let ended = served.program.ended().await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!((fresh.rest().await, used.rest().await), (Vec::new(), Vec::new()));
    trail_is_whole(&served).await;
}

#[tokio::test]
async fn a_request_that_had_begun_on_an_idle_connection_is_told_so() {
    // So that it is read before the end, whatever the machine does first.
    let mut served = Served::with(&[("LISTEN__DRAIN_DELAY", "1s")]).await;
    let mut connection = Connection::open(served.address).await;
    assert_eq!(connection.send("GET", "/nothing", &[], "").await.status, 404);
    connection.write("GET /conferences/IM3 HTTP/1.1\r\nHost:").await;
    served.program.signal("TERM").await;
    let answer = connection.answer("GET").await;
    assert_eq!((answer.status, answer.problem().as_str()), (503, "shutting_down"));
    assert_eq!((answer.header("retry-after"), answer.is_closing()), (Some("1"), true));
    assert_eq!(connection.rest().await, b"");
    drop(connection);
    let ended = served.program.ended().await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let id = answer.header("x-request-id").expect("an id");
    assert_eq!(served.trail.outcome_of(id).await["reason"], "shutting_down");
    assert!(served.vendor.calls().is_empty());
    trail_is_whole(&served).await;
}

#[tokio::test]
async fn a_second_signal_ends_it_at_once() {
    for signals in [["TERM", "TERM"], ["INT", "INT"], ["TERM", "INT"]] {
        let mut served = Served::with(&[("LISTEN__DRAIN_DELAY", "60s")]).await;
        served.vendor.script(Reply::hang());
        let bearer = served.issuer.token().bearer();
        let mut caller = Connection::open(served.address).await;
        caller
            .write(format!("GET /conferences/IM3 HTTP/1.1\r\nHost: a\r\nAuthorization: {bearer}\r\n\r\n"))
            .await;
        served.vendor.wait_for(1).await;
        served.program.signal(signals[0]).await;
        served.until_readyz(503).await;
        served.program.signal(signals[1]).await;
        let ended = served.program.ended().await;
        assert_eq!(ended.code, Some(1), "{signals:?}: {ended:?}");
        trail_is_whole(&served).await;
    }
}

#[tokio::test]
async fn sigint_ends_it_in_good_order_too() {
    let mut served = Served::with(&[]).await;
    served.program.signal("INT").await;
    let ended = served.program.ended().await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    trail_is_whole(&served).await;
}

/// Whoever sees that the end has begun may ask for haste at once: the gateway listens for that before it shows.
#[tokio::test]
async fn haste_is_listened_for_before_the_end_shows() {
    const TIMES: usize = 8;
    let (vendor, issuer) = (Vendor::start().await, Issuer::start().await);
    for _ in 0..TIMES {
        let directory = TempDir::new().expect("a temporary directory");
        let config = configuration(directory.path(), &vendor, &issuer, &[]);
        let gateway = Gateway::start(&config).expect("the gateway starts");
        let admin = gateway.admin_address();
        let seen = Cell::new(None);
        // Asks while it holds up the thread that begins the end.
        let now = async {
            let mut socket = std::net::TcpStream::connect(admin).expect("the admin port");
            socket.set_read_timeout(Some(PATIENCE)).expect("a socket");
            socket.write_all(b"GET /readyz HTTP/1.0\r\n\r\n").expect("a request");
            let mut answer = String::new();
            socket.read_to_string(&mut answer).expect("an answer");
            let (_, checks) = answer.split_once("\r\n\r\n").expect("a body");
            let checks: Value = serde_json::from_str(checks).expect("JSON");
            seen.set(Some(checks["serving"].clone()));
        };
        gateway.run(std::future::ready(()), now).await.expect("a whole trail");
        assert_eq!(seen.take().expect("now was waited for"), "ok");
    }
}
