use serde_json::Value;

use super::with_records;
use crate::support::client;
use crate::support::program::{Program, confgate, run};

#[tokio::test]
async fn tail_prints_the_last_lines_and_follows() {
    let served = with_records(&[]).await;
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
