//! Without file descriptors: those who are there are served as far as it goes, newcomers are turned away, and all is
//! well again as soon as there are some.

use serde_json::{Value, json};

use crate::support::admin;
use crate::support::client::Connection;
use crate::support::program::{Served, confgate, run};
use crate::support::server::Reply;
use crate::support::tally::Tally;

/// Small segments, so that the trail needs a new file soon.
const CHANGES: [(&str, &str); 4] = [
    ("LISTEN__WORKERS", "1"),
    ("AUDIT__SEGMENTS__MAX_SIZE", "64KiB"),
    ("AUDIT__SEGMENTS__PREALLOCATE", "0B"),
    ("TENANTS__CRM__RATE_LIMIT__RATE", "100000"),
];

/// Opens connections and keeps them, until there are no descriptors for more; gives those that were taken in.
async fn exhaust(served: &Served, tally: &Tally) -> Vec<Connection> {
    let (mut kept, mut turned_away) = (Vec::new(), 0);
    while turned_away < 10 {
        tally.requests(1);
        let mut connection = Connection::open(served.address).await;
        let answer = connection.try_send("GET", "/openapi.json", &[], "").await;
        match answer {
            Some(answer) if answer.status == 200 => kept.push(connection),
            Some(answer) => {
                let is_clean = answer.problem() == "overloaded"
                    && answer.header("retry-after") == Some("1")
                    && answer.header("connection") == Some("close");
                tally.expect(is_clean, || answer.text());
                turned_away += 1;
            }
            // It was turned away before it had said anything.
            None => turned_away += 1,
        }
    }
    kept
}

#[tokio::test]
async fn the_gateway_outlives_a_shortage_of_descriptors() {
    let tally = Tally::of("panics and file descriptors");
    let mut served = Served::with(&CHANGES).await;
    let bearer = served.issuer.token().bearer();
    let headers = [("Authorization", bearer.as_str()), ("Content-Type", "application/json")];
    let mut kept = Connection::open(served.address).await;
    // The token is known from here on, and no connection to the vendor is open.
    tally.expect(kept.send("GET", "/nothing", &headers, "").await.status == 404, || "before".to_owned());
    let mut served_though = 0;
    for round in 0..2 {
        tally.fault();
        served.program.limit_descriptors(served.program.descriptors() + 5);
        let crowd = exhaust(&served, &tally).await;

        let live = admin::get(served.admin, "/livez").await;
        tally.expect(live.status == 200, || format!("a probe: {}", live.text()));
        let (mut sent, mut unwritable) = (0, 0);
        while unwritable < 3 && sent < 300 {
            sent += 1;
            let answer = kept.send("POST", "/conferences", &headers, "{}").await;
            // A file that the gateway had open for a moment, its configuration say, may have left a descriptor for a
            // connection to the vendor.
            if answer.status == 200 {
                served_though += 1;
                continue;
            }
            match answer.problem().as_str() {
                "vendor_unreachable" => {}
                "audit_unavailable" => unwritable += 1,
                _ => tally.expect(false, || answer.text()),
            }
        }
        tally.requests(sent);
        tally.expect(unwritable == 3, || format!("the trail needed no new file in round {round}"));
        let ready = admin::get(served.admin, "/readyz").await;
        tally.expect(ready.status == 503, || format!("without a trail: {}", ready.text()));

        served.program.limit_descriptors(4096);
        drop(crowd);
        served.until_readyz(200).await;
        // The next round begins without a connection to the vendor.
        served.vendor.script(Reply::json(200, &json!({"error": 0})).header("Connection", "close"));
        let answer = kept.send("POST", "/conferences", &headers, "{}").await;
        tally.expect(answer.status == 200, || format!("afterwards: {}", answer.text()));
        let outcome = served.trail.outcome_of(answer.request_id()).await;
        tally.expect(outcome["decision"] == "allowed", || outcome.to_string());
        let newcomer = async {
            Connection::open(served.address).await.send("GET", "/openapi.json", &[], "").await.status
        };
        tally.expect(newcomer.await == 200, || "a newcomer afterwards".to_owned());
    }
    tally.expect(served.vendor.calls().len() == 2 + served_though, || {
        "a call that was not answered for".to_owned()
    });
    tally.requests(5);
    served.program.signal("TERM").await;
    let ended = served.program.ended().await;
    tally.expect(ended.code == Some(0), || format!("{:?}", ended.code));
    let told = |line: &&str| line.contains("connections cannot be accepted");
    let lines = ended.error.lines().filter(told).count();
    tally.expect((1..=10).contains(&lines), || format!("{lines} lines about it"));
    let directory = served.trail_directory();
    let verified = run(&mut confgate(["audit".as_ref(), "verify".as_ref(), directory.as_os_str()])).await;
    tally.expect(verified.code == Some(0), || format!("{verified:?}"));
    let turned_away = |record: &&Value| record["reason"] == "overloaded";
    let on_record = served.trail.records().iter().filter(turned_away).count();
    tally.expect(on_record >= 20, || format!("{on_record} were put on record"));
    tally.finish();
}
