//! Reload after reload while callers go on: not one request is lost or decided by halves.

use std::sync::atomic::{AtomicBool, Ordering};

use super::*;
use crate::support::client::Connection;

/// Callers, each on a connection that it keeps.
const CALLERS: usize = 24;
const RELOADS: u64 = 30;

#[tokio::test]
async fn no_request_is_lost_while_everything_changes() {
    let tally = tally();
    let world = World::with(&[PATIENT]).await;
    let over = AtomicBool::new(false);
    let bearers = ["crm", "acme"].map(|tenant| world.issuer.token().claim("tenant", tenant).bearer());
    let caller = async |number: usize| {
        let headers = [("Authorization", bearers[number % 2].as_str()), ("Content-Type", "application/json")];
        let mut connection = Connection::open(world.address).await;
        let mut requests = 0;
        while !over.load(Ordering::Relaxed) {
            let answer = if requests % 4 == 0 {
                connection.send("POST", "/conferences", &headers, "{}").await
            } else {
                connection.send("GET", "/conferences/IM3", &headers, "").await
            };
            tally.expect(answer.status == 200, || format!("{answer:?}"));
            requests += 1;
        }
        requests
    };
    let changes = async {
        let original = std::fs::read_to_string(world.file()).unwrap();
        // Each is taken back by the next: a limit, a tenant, an app's budget, the vendor's pauses.
        let edits = [
            ("max_in_flight = 1000\n", "max_in_flight = 999\n"),
            (
                "[tenants.acme]",
                "[tenants.more]\napp = \"meet\"\nrate_limit = { rate = 1, per = \"1s\", burst = 1 }\n[tenants.acme]",
            ),
            ("rate = 10000, per = \"1s\", burst = 10000 }", "rate = 9999, per = \"1s\", burst = 9999 }"),
            ("[vendor]", "[vendor]\npause = \"2s\""),
        ];
        for (generation, (from, to)) in (2..2 + RELOADS).zip(edits.into_iter().cycle()) {
            assert!(original.contains(from));
            world.replace_file("confgate.toml", original.replace(from, to));
            tally.fault();
            world.reload();
            until_generation(&world, generation).await;
        }
        over.store(true, Ordering::Relaxed);
    };
    let callers = futures_util::future::join_all((0..CALLERS).map(caller));
    let (requests, ()) = tokio::join!(callers, changes);
    let sent: usize = requests.iter().sum();
    tally.requests(sent as u64);
    assert!(requests.iter().all(|requests| *requests > 0));
    assert_eq!(world.vendor.calls().len(), sent, "each was sent to the vendor once");
    let outcomes = |records: &[Value]| records.iter().filter(|record| record["kind"] == "outcome").count();
    world.trail.wait_until("an outcome for each", |records| (outcomes(records) == sent).then_some(())).await;
    tally.finish();
}
