//! Callers who leave half-way: with their own half of the connection closed, in the middle of an answer, before they
//! are known, before there is a connection, and while the disk takes its time.

use std::time::Duration;

use serde_json::Value;

use super::{PATH, caller, leave, left};
use crate::support::admin;
use crate::support::bewitched::Bewitched;
use crate::support::client::Connection;
use crate::support::issuer::Issuer;
use crate::support::keys::{Alg, strange};
use crate::support::program::Program;
use crate::support::server::{Gate, Reception, Reply, Step, bytes};
use crate::support::tally::Tally;
use crate::support::vendor::Vendor;
use crate::support::world::World;
use crate::support::{CREATE, within};

/// The outcome of the only request of this method's so far, once there is one.
async fn only_outcome(world: &World) -> Value {
    let find = |records: &[Value]| {
        let mut outcomes = records.iter().filter(|record| record["kind"] == "outcome");
        let only = outcomes.next()?.clone();
        assert_eq!(outcomes.next(), None, "recorded twice");
        Some(only)
    };
    world.trail.wait_until("an outcome", find).await
}

#[tokio::test]
async fn who_closes_its_half_has_left() {
    let tally = Tally::of("callers who leave");
    for (method, path, body) in [("POST", "/conferences", CREATE), ("DELETE", PATH, ""), ("GET", PATH, "")] {
        tally.fault();
        tally.requests(1);
        let world = World::start().await;
        let gate = Gate::closed();
        world.vendor.script(Reply::json(200, &serde_json::json!({"error": 0, "id": "IM9"})).behind(&gate));
        let mut half = caller(&world, method, path, body).await;
        world.vendor.wait_for(1).await;
        half.finish().await;
        world.until_connections(0).await;
        gate.open();
        let outcome = only_outcome(&world).await;
        let seen = method == "GET" || outcome["vendor_status"] == 200 && outcome["outcome_unknown"] == false;
        tally.expect(seen && outcome["caller_gone"] == true && outcome["attempts"] == 1, || {
            format!("{outcome}")
        });
        tally.expect(world.vendor.calls().len() == 1, || "sent twice".to_owned());
        let rest = half.rest().await;
        tally.expect(rest.is_empty(), || format!("{method}: {rest:?}"));
    }
    tally.finish();
}

#[tokio::test]
async fn who_leaves_in_the_middle_of_an_answer_has_its_outcome() {
    let tally = Tally::of("callers who leave");
    let world = World::start().await;
    let endless = || {
        let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
        let chunk = [b"10000\r\n".as_slice(), &vec![b'x'; 0x10000], b"\r\n"].concat();
        Reply::steps([bytes(head), Step::Flood(chunk.into(), usize::MAX)])
    };
    for (number, (method, path, body)) in
        [("GET", PATH, ""), ("POST", "/conferences", CREATE), ("DELETE", PATH, "")].into_iter().enumerate()
    {
        tally.fault();
        tally.requests(1);
        world.vendor.script(endless());
        let caller = caller(&world, method, path, body).await;
        caller.begun().await;
        leave(&world, caller, 0).await;
        world.until_in_flight("crm", 0).await;
        // The vendor is not listened to any more either.
        let stemmed = async {
            while world.vendor.server().open_connections() > 0 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        within("the vendor's connection to end", stemmed).await;
        let enough = |records: &[Value]| {
            let outcomes = records.iter().filter(|record| record["kind"] == "outcome");
            let outcomes: Vec<Value> = outcomes.cloned().collect();
            (outcomes.len() > number).then_some(outcomes)
        };
        let outcomes = world.trail.wait_until("its outcome", enough).await;
        let last = &outcomes[number];
        let told = outcomes.len() == number + 1 && last["status"] == 200 && last["vendor_status"] == 200;
        tally.expect(told && last["outcome_unknown"] == false, || format!("{method}: {outcomes:?}"));
    }
    tally.expect(world.vendor.calls().len() == 3, || "sent twice".to_owned());
    tally.finish();
}

#[tokio::test]
async fn who_leaves_before_it_is_known_who_calls_asked_for_nothing() {
    let tally = Tally::of("callers who leave");
    let world = World::start().await;
    let gate = Gate::closed();
    world.issuer.answer_with(Reply::status(500).behind(&gate));
    let bearer = world.issuer.token().signed_by(strange(Alg::Es256)).bearer();
    let mut unknown = Connection::open(world.address).await;
    let length = CREATE.len();
    let head = format!("POST /conferences HTTP/1.1\r\nHost: x\r\nAuthorization: {bearer}\r\n");
    let rest = format!("Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{CREATE}");
    unknown.write(head + &rest).await;
    tally.fault();
    tally.requests(1);
    world.issuer.wait_for_fetches(2).await;
    leave(&world, unknown, 0).await;
    let outcome = only_outcome(&world).await;
    let nothing = outcome["attempts"] == 0 && outcome["intent"].is_null() && outcome["decision"] == "refused";
    tally.expect(nothing && outcome["caller_gone"] == true, || format!("{outcome}"));
    gate.open();
    tally.expect(world.vendor.calls().is_empty(), || "it was sent".to_owned());
    tally.finish();
}

#[tokio::test]
async fn who_leaves_while_connecting_has_changed_nothing() {
    let tally = Tally::of("callers who leave");
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), Vendor::certificate_pem()).unwrap();
    let changes = [("UPSTREAM__CA_FILE", file.path().to_str().unwrap())];
    let world = World::around(Vendor::start_tls().await, Issuer::start().await, &changes).await;
    world.until_ready().await;
    for (method, path, body, action) in [
        ("POST", "/conferences", CREATE, "create"),
        ("DELETE", PATH, "", "dissolve"),
        ("GET", PATH, "", "get"),
    ] {
        tally.fault();
        tally.requests(1);
        let vendor = world.vendor.server();
        let (connections, hangups) = (vendor.connections(), vendor.hangups());
        vendor.receive(Reception::Hang);
        let caller = caller(&world, method, path, body).await;
        vendor.wait_for_connections(connections + 1).await;
        leave(&world, caller, 0).await;
        // Nobody goes on with the handshake.
        vendor.wait_for_hangups(hangups + 1).await;
        let outcome = left(&world, action).await;
        let unsent = outcome["attempts"] == 0 && outcome["outcome_unknown"] == false;
        tally.expect(unsent && outcome["intent"].is_null() == (method == "GET"), || format!("{outcome}"));
    }
    tally.expect(world.vendor.calls().is_empty(), || "something was sent".to_owned());
    tally.expect(world.call("GET", PATH, "").await.status == 200, || "it does not go on".to_owned());
    tally.finish();
}

/// The intent is on its way to the disk, and nobody can call it back: it stays, and says with its outcome that nothing
/// was sent.
#[tokio::test]
#[ignore = "needs strace; .ci/run runs it"]
async fn who_leaves_before_the_intent_is_on_disk_has_changed_nothing() {
    let tally = Tally::of("callers who leave");
    let bewitched = Bewitched::new(&[]).await;
    let site = &bewitched.site;
    let mut command = bewitched.command("fdatasync:delay_enter=2000000:when=4+");
    let program = Program::start(&mut command);
    let (address, admin) = program.serving().await;
    let running = site.reached(program, address, admin).await;
    let bearer = site.issuer.token().bearer();
    let creating = async {
        while bewitched.hits() == 0 {
            tally.expect(running.call("POST", "/conferences", CREATE).await.status == 200, String::new);
        }
    };
    within("every sync to take its time", creating).await;
    let before = site.vendor.calls().len();
    for left in 1..=3 {
        tally.fault();
        tally.requests(1);
        let head = format!("DELETE {PATH} HTTP/1.1\r\nHost: x\r\nAuthorization: {bearer}\r\n\r\n");
        let mut caller = Connection::open(running.address).await;
        caller.write(head).await;
        admin::until_in_flight(running.admin, "crm", 1).await;
        drop(caller);
        let abandoned = |records: &[Value]| {
            let mut gone = records.iter().filter(|record| record["caller_gone"] == true);
            gone.nth(left - 1).cloned()
        };
        let outcome = site.trail.wait_until("its outcome", abandoned).await;
        let unsent = outcome["attempts"] == 0 && outcome["outcome_unknown"] == false;
        tally.expect(unsent && outcome["intent"].is_u64(), || format!("{outcome}"));
    }
    tally.expect(site.vendor.calls().len() == before, || "it was sent".to_owned());
    running.stopped().await;
    tally.expect(confgate::trail::verify(site.audit()).is_ok(), || "the trail is not whole".to_owned());
    tally.finish();
}
