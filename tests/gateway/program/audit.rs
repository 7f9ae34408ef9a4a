//! `confgate audit`: whether a trail is whole, and what it says.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::support::client;
use crate::support::program::{Ended, Program, Served, confgate, run};

async fn verify(directory: &Path) -> Ended {
    run(&mut confgate(["audit".as_ref(), "verify".as_ref(), directory.as_os_str()])).await
}

/// A served gateway with a few records in its trail.
async fn with_records() -> Served {
    let served = Served::with(&[]).await;
    let bearer = served.issuer.token().bearer();
    for path in ["/conferences/IM1", "/nothing", "/conferences/IM2"] {
        let answer = client::send(served.address, "GET", path, &[("Authorization", &bearer)], "").await;
        served.trail.outcome_of(answer.header("x-request-id").expect("an id")).await;
    }
    served
}

fn only_segment(directory: &Path) -> PathBuf {
    let entries = fs::read_dir(directory).expect("a directory").map(|entry| entry.expect("an entry").path());
    let mut segments = entries.filter(|path| path.extension().is_some_and(|extension| extension == "jsonl"));
    let segment = segments.next().expect("a segment");
    assert_eq!(segments.next(), None);
    segment
}

#[tokio::test]
async fn a_trail_that_nobody_touched_is_whole() {
    let mut served = with_records().await;
    let directory = served.trail_directory();
    let live = verify(&directory).await;
    assert_eq!(live.code, Some(0), "while it is written: {live:?}");
    served.program.signal("TERM").await;
    assert_eq!(served.program.ended().await.code, Some(0));
    let ended = verify(&directory).await;
    assert_eq!((ended.code, ended.error.as_str()), (Some(0), ""), "{ended:?}");
    assert!(ended.output.contains('7'), "start, three outcomes, stop, two checkpoints: {ended:?}");
}

#[tokio::test]
async fn a_trail_that_somebody_touched_is_told_by_the_line() {
    let mut served = with_records().await;
    served.program.signal("TERM").await;
    assert_eq!(served.program.ended().await.code, Some(0));
    let segment = only_segment(&served.trail_directory());
    let good = fs::read_to_string(&segment).expect("a segment");
    let lines: Vec<&str> = good.split_inclusive('\n').collect();
    let changed = good.replacen("route_unknown", "token_missing", 1);
    let dropped = [&lines[..2], &lines[3..]].concat().concat();
    let swapped = [lines[0], lines[2], lines[1], lines[3], lines[4]].concat();
    let inserted = [&lines[..2], &lines[1..]].concat().concat();
    for (what, text) in
        [("changed", changed), ("dropped", dropped), ("swapped", swapped), ("inserted", inserted)]
    {
        assert_ne!(text, good);
        fs::write(&segment, &text).expect("a segment");
        let ended = verify(&served.trail_directory()).await;
        assert_eq!((ended.code, ended.output.as_str()), (Some(1), ""), "{what}: {ended:?}");
        assert!(ended.error.starts_with("confgate: ") && ended.error.contains("line "), "{what}: {ended:?}");
    }
    fs::write(&segment, &good).expect("a segment");
    assert_eq!(verify(&served.trail_directory()).await.code, Some(0));
}

#[tokio::test]
async fn a_trail_that_is_not_there_is_no_good_one() {
    let missing = Path::new("/nonexistent/audit");
    let ended = verify(missing).await;
    assert_eq!((ended.code, ended.output.as_str()), (Some(1), ""), "{ended:?}");
    assert!(ended.error.contains("/nonexistent/audit"), "{ended:?}");
    let tail = run(&mut confgate(["audit".as_ref(), "tail".as_ref(), missing.as_os_str()])).await;
    assert_eq!((tail.code, tail.output.as_str()), (Some(1), ""), "{tail:?}");
    assert!(tail.error.contains("/nonexistent/audit"), "{tail:?}");
}

#[tokio::test]
async fn tail_prints_the_last_lines_and_follows() {
    let served = with_records().await;
    let directory = served.trail_directory();
    let tail = |options: &[&str]| {
        let mut command = confgate(["audit", "tail"]);
        command.args(options).arg(&directory);
        command
    };
    let last_two = run(&mut tail(&["-n", "2"])).await;
    let lines = served.trail.lines();
    assert_eq!((last_two.code, last_two.output), (Some(0), lines[lines.len() - 2..].join("\n")));
    assert_eq!(run(&mut tail(&[])).await.output, lines.join("\n"));

    let follower = Program::start(&mut tail(&["-f", "-n", "1"]));
    let is_record = |line: &str| serde_json::from_str::<Value>(line).ok();
    let first = follower.printed("the last record", is_record).await;
    assert_eq!(first["seq"], 5);
    let answer = client::send(served.address, "GET", "/nothing/more", &[], "").await;
    let id = answer.header("x-request-id").expect("an id");
    let next = follower
        .printed("the next record", |line| is_record(line).filter(|record| record["request_id"] == id))
        .await;
    assert_eq!(next["seq"], 6);
}
