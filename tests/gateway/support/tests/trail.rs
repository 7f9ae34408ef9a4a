use std::io::Write as _;

use crate::support::trail::Trail;

#[tokio::test]
async fn the_trail_is_read_across_files_and_without_a_torn_line() {
    let directory = tempfile::tempdir().unwrap();
    let trail = Trail::made_up(directory.path());
    assert!(trail.records().is_empty());
    let mut later = std::fs::File::create(directory.path().join("audit-10.jsonl")).unwrap();
    std::fs::write(directory.path().join("notes.txt"), "no trail").unwrap();
    let intent = "{\"seq\":9,\"kind\":\"intent\",\"request_id\":\"a\"}\n";
    std::fs::write(directory.path().join("audit-9.jsonl"), intent).unwrap();
    write!(later, "{{\"seq\":10,\"kind\":\"outcome\",\"request_id\":\"a\"}}\n{{\"seq\":11,").unwrap();

    assert_eq!(trail.intent_of("a").await["seq"], 9);
    assert_eq!(trail.outcome_of("a").await["seq"], 10);
    let waiting = trail
        .wait_until("the torn line", |records| records.iter().find(|record| record["seq"] == 11).cloned());
    let (torn, ()) = tokio::join!(waiting, async { writeln!(later, "\"kind\":\"stop\"}}").unwrap() });
    assert_eq!(torn["kind"], "stop");
    assert_eq!(trail.lines().len(), 3);
}
