//! A trail that can take no more records.

use confgate::domain::Code;

use crate::support::client::{self, Answer};
use crate::support::world::World;

async fn ask(world: &World) -> Answer {
    client::send(world.address, "GET", "/conferences/IM3", &[], "").await
}

/// The request cannot be on record; that it was refused is counted all the same.
#[tokio::test]
async fn requests_that_find_the_trail_full_are_turned_away_and_counted() {
    let world = World::with(&[
        ("AUDIT__QUEUE", "64"),
        ("LISTEN__REQUEST_TIMEOUT", "1s"),
        ("UPSTREAM__TOTAL_TIMEOUT", "500ms"),
        ("UPSTREAM__FIRST_BYTE_TIMEOUT", "500ms"),
        ("UPSTREAM__CONNECT_TIMEOUT", "500ms"),
    ])
    .await;
    let directory = world.trail_directory();
    let elsewhere = directory.with_file_name("elsewhere");
    std::fs::rename(&directory, &elsewhere).expect("a directory to move");
    world.until_readyz(503).await;
    let mut answered = 0;
    let turned_away = loop {
        let answer = ask(&world).await;
        if answer.status == 503 {
            break answer;
        }
        assert_eq!(answer.problem(), "token_missing");
        answered += 1;
        assert!(answered < 500, "the trail has no bound");
    };
    assert_eq!(turned_away.problem(), Code::AuditUnavailable.as_str());
    assert!(turned_away.header("retry-after").is_some());
    let counted = r#"confgate_requests_total{action="none",code="audit_unavailable"} 1"#;
    assert!(world.metrics().await.contains(counted), "{}", world.metrics().await);

    std::fs::rename(&elsewhere, &directory).expect("a directory to move");
    world.until_ready().await;
    let after = ask(&world).await;
    world.trail.outcome_of(after.header("x-request-id").expect("an id")).await;
    let missing = |record: &&serde_json::Value| record["reason"] == "token_missing";
    let on_record = world.trail.records().iter().filter(missing).count();
    assert_eq!(on_record, answered + 1, "whoever had another answer is on record");
    assert_eq!(world.vendor.calls().len(), 0);
}
