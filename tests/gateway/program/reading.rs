//! `confgate audit query`, `show`, `stats`, `schema` and `tail`, over a trail that a served gateway has written.

use std::path::Path;

use serde_json::Value;

use crate::support::program::{Ended, Program, Served, confgate, run};
use crate::support::{admin, client};

/// The conference that these requests are about.
const CONFERENCE: &str = "IM3SKW51SKH4TB80LV45000C7";

/// A served gateway that has been called four times, and the ids of these requests: a get, a create, a dissolve without
/// the scope for it, something that is not there. The trail begins with a start and a checkpoint.
async fn called() -> (Served, [String; 4]) {
    let served = Served::with(&[]).await;
    let good = served.issuer.token().bearer();
    let evil = served.issuer.token().claim("sub", "黄\u{202e}eve").claim("scope", "").bearer();
    let body = r#"{"confrType":10,"confrDelayMillis":600000,"password":"canary"}"#;
    let calls = [
        ("GET", format!("/conferences/{CONFERENCE}"), &good, ""),
        ("POST", "/conferences".to_owned(), &good, body),
        ("DELETE", format!("/conferences/{CONFERENCE}"), &evil, ""),
        ("GET", "/nothing".to_owned(), &good, ""),
    ];
    let mut ids = Vec::new();
    for (method, path, bearer, body) in calls {
        let headers = [("Authorization", bearer.as_str()), ("Content-Type", "application/json")];
        let headers = if body.is_empty() { &headers[..1] } else { &headers };
        let answer = client::send(served.address, method, &path, headers, body).await;
        let id = answer.header("x-request-id").expect("an id").to_owned();
        served.trail.outcome_of(&id).await;
        ids.push(id);
    }
    (served, ids.try_into().expect("four"))
}

async fn audit(command: &str, directory: &Path, arguments: &[&str]) -> Ended {
    run(confgate(["audit", command]).arg(directory).args(arguments)).await
}

/// What a query finds, as it stands in the trail.
async fn sequences(served: &Served, arguments: &[&str]) -> Vec<u64> {
    let found = audit("query", &served.trail_directory(), &[arguments, &["--json"]].concat()).await;
    assert_eq!((found.code, found.error.as_str()), (Some(0), ""), "{arguments:?}");
    let lines = served.trail.lines();
    let of_line = |line: &str| {
        assert!(lines.iter().any(|there| there == line), "not in the trail: {line}");
        serde_json::from_str::<Value>(line).expect("JSON")["seq"].as_u64().expect("a sequence")
    };
    found.output.lines().map(of_line).collect()
}

#[tokio::test]
async fn a_query_finds_lines_by_what_they_say() {
    let (served, [get, create, _, _]) = called().await;
    for (arguments, expected) in [
        (vec![], vec![1, 2, 3, 4, 5, 6, 7]),
        (vec!["--tenant", "crm", "--action", "create"], vec![4, 5]),
        (vec!["--action", "get,create", "--decision", "allowed"], vec![3, 5]),
        (vec!["--action", "get", "--action", "dissolve"], vec![3, 6]),
        (vec!["--subject", "黄\u{202e}eve"], vec![6]),
        (vec!["--conference", CONFERENCE, "--decision", "refused"], vec![6]),
        (vec!["--reason", "scope_missing", "--reason", "route_unknown"], vec![6, 7]),
        (vec!["--status", "4xx"], vec![6, 7]),
        (vec!["--status", "404,200"], vec![3, 5, 7]),
        (vec!["--kind", "start,intent"], vec![1, 4]),
        (vec!["--request-id", &get, "--request-id", &create], vec![3, 4, 5]),
        (vec!["--unknown"], vec![]),
        (vec!["--since", "5m"], vec![1, 2, 3, 4, 5, 6, 7]),
        (vec!["--until", "5m"], vec![]),
        (vec!["--since", "2026-01-01T00:00:00+01:00", "--tenant", "acme"], vec![]),
        (vec!["--limit", "2"], vec![1, 2]),
        (vec!["--last", "2"], vec![6, 7]),
        (vec!["--last", "1", "--decision", "allowed"], vec![5]),
    ] {
        assert_eq!(sequences(&served, &arguments).await, expected, "{arguments:?}");
    }
}

#[tokio::test]
async fn a_table_is_aligned_and_harmless() {
    let (served, ids) = called().await;
    let directory = served.trail_directory();
    let table = audit("query", &directory, &[]).await;
    assert_eq!((table.code, table.error.as_str()), (Some(0), ""));
    let rows: Vec<&str> = table.output.lines().collect();
    assert_eq!(rows.len(), 8, "{}", table.output);
    let place = rows[0].find("REQUEST").expect("a column");
    for (row, id) in rows[3..].iter().zip([&ids[0], &ids[1], &ids[1], &ids[2], &ids[3]]) {
        // A Chinese character is two columns wide.
        let columns: Vec<char> = row.replace('黄', "xx").chars().collect();
        assert_eq!(columns[place..].iter().collect::<String>(), *id, "{}", table.output);
    }
    assert!(rows[4].contains("create") && rows[4].contains("announced"), "{}", table.output);
    assert!(rows[6].contains("403") && rows[6].contains("scope_missing"), "{}", table.output);
    let steering = |text: &str| text.chars().any(|c| (c.is_control() && c != '\n') || c == '\u{202e}');
    assert!(rows[6].contains(r"黄\u{202e}e…"), "{}", table.output);
    assert!(!steering(&table.output));
    let shown = audit("show", &directory, &[&ids[2]]).await;
    assert!(shown.output.contains(r"黄\u{202e}eve of tenant crm"), "{shown:?}");
    assert!(!steering(&shown.output));
}

#[tokio::test]
async fn what_cannot_be_asked_for_is_answered_with_what_can() {
    let directory = tempfile::tempdir().expect("a directory");
    for (arguments, hint) in [
        (vec!["--action", "delete"], "possible values: create, get, dissolve, kick"),
        (vec!["--decision", "no"], "possible values: allowed, refused"),
        (vec!["--kind", "restart"], "possible values: start, stop, intent"),
        (vec!["--reason", "scope_mising"], "scope_missing"),
        (vec!["--tenant", "a b"], "1 to 64 characters of A-Z a-z 0-9 _ . -"),
        (vec!["--conference", "a/b"], "1 to 64 characters"),
        (vec!["--status", "ok"], "a number such as 429, or a class such as 5xx"),
        (
            vec!["--since", "yesterday"],
            "2026-11-23T02:47:04Z, a day in UTC such as 2026-11-23, or how long ago",
        ),
        (vec!["--request-id", "1"], "X-Request-Id"),
        (vec!["--last", "0"], "1..=100000"),
    ] {
        let ended = audit("query", directory.path(), &arguments).await;
        assert_eq!((ended.code, ended.output.as_str()), (Some(2), ""), "{arguments:?}");
        assert!(ended.error.contains(hint), "{arguments:?}: {}", ended.error);
    }
    let backwards = audit("query", directory.path(), &["--since", "1h", "--until", "2h"]).await;
    assert_eq!(backwards.code, Some(1));
    assert!(backwards.error.contains("is not before"), "{backwards:?}");
    for command in ["query", "stats"] {
        let missing = audit(command, Path::new("/nonexistent/audit"), &[]).await;
        assert_eq!(missing.code, Some(1));
        assert!(missing.error.contains("the trail in /nonexistent/audit cannot be read"), "{missing:?}");
    }
}

#[tokio::test]
async fn one_request_is_told_from_intent_to_outcome() {
    let (served, [_, create, refused, _]) = called().await;
    let directory = served.trail_directory();
    let told = audit("show", &directory, &[&create]).await;
    assert_eq!((told.code, told.error.as_str()), (Some(0), ""));
    let outcome = served.trail.outcome_of(&create).await;
    for part in [
        &create,
        "huangcl of tenant crm, says http",
        "create, creator huangcl, conference ",
        "body      {",
        "decision  allowed",
        "answer    200",
        "vendor    200, error 0, asked once",
        &format!("intent    {}", served.trail.intent_of(&create).await["time"].as_str().expect("a time")),
        "seq 4  audit-00000000000000000001.jsonl:4",
        &format!("outcome   {}", outcome["time"].as_str().expect("a time")),
        "seq 5  audit-00000000000000000001.jsonl:5  +",
    ] {
        assert!(told.output.contains(part), "{part} is missing:\n{}", told.output);
    }
    assert!(!told.output.contains("canary"), "{}", told.output);
    assert!(told.output.lines().count() < 20, "{}", told.output);

    let told = audit("show", &directory, &[&refused]).await;
    assert!(told.output.contains("decision  refused: scope_missing"), "{}", told.output);
    assert!(told.output.contains("vendor    was not asked"), "{}", told.output);

    let lines = audit("show", &directory, &["--json", &create]).await;
    assert_eq!(lines.output, served.trail.lines()[3..5].join("\n"));

    let nothing = audit("show", &directory, &["01a20790-eff1-7021-9fd9-46230553fe34"]).await;
    assert_eq!((nothing.code, nothing.output.as_str()), (Some(1), ""));
    assert!(nothing.error.contains("only the first and the last id are kept"), "{nothing:?}");
    let malformed = audit("show", &directory, &["no-id"]).await;
    assert_eq!(malformed.code, Some(2));
    assert!(malformed.error.contains("a UUID of version 7"), "{malformed:?}");
}

#[tokio::test]
async fn sums_are_told_by_tenant_and_action() {
    let (served, _) = called().await;
    let directory = served.trail_directory();
    let table = audit("stats", &directory, &[]).await;
    assert_eq!((table.code, table.error.as_str()), (Some(0), ""));
    let rows: Vec<Vec<&str>> = table.output.lines().map(|row| row.split_whitespace().collect()).collect();
    assert_eq!(rows[0][..6], ["TENANT", "ACTION", "REQUESTS", "ALLOWED", "REFUSED", "UNKNOWN"]);
    let counted: Vec<&[&str]> = rows[1..].iter().map(|row| &row[..7]).collect();
    assert_eq!(
        counted,
        [
            ["-", "-", "1", "0", "1", "0", "0"],
            ["crm", "create", "1", "1", "0", "0", "0"],
            ["crm", "dissolve", "1", "0", "1", "0", "0"],
            ["crm", "get", "1", "1", "0", "0", "0"],
            ["all", "-", "4", "2", "2", "0", "0"],
        ]
    );
    let json = audit("stats", &directory, &["--json", "--action", "create"]).await;
    let sums: Value = serde_json::from_str(&json.output).expect("one object");
    assert_eq!(
        (&sums["tenant"], &sums["action"], &sums["allowed"]),
        (&"crm".into(), &"create".into(), &1.into())
    );
    assert!(sums["p50_us"].as_u64() > Some(0), "{sums}");
}

#[tokio::test]
async fn the_schema_is_the_one_that_every_test_holds_its_trail_against() {
    let schema = run(&mut confgate(["audit", "schema"])).await;
    assert_eq!((schema.code, schema.error.as_str()), (Some(0), ""));
    assert_eq!(schema.output, confgate::trail::SCHEMA.trim_end());
    let schema: Value = serde_json::from_str(&schema.output).expect("JSON");
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
}

#[tokio::test]
async fn a_follower_ends_when_it_is_asked_to_or_nobody_reads() {
    let (served, _) = called().await;
    let directory = served.trail_directory();
    for signal in ["INT", "TERM"] {
        let mut follower = Program::start(confgate(["audit", "tail", "-f"]).arg(&directory));
        follower.printed("the last line", |line| line.contains("route_unknown").then_some(())).await;
        follower.signal(signal).await;
        let ended = follower.ended().await;
        assert_eq!((ended.code, ended.error.as_str()), (Some(0), ""));
        assert_eq!(ended.output, served.trail.lines().join("\n"));
    }
    // `head` ends after one line, and no other is written: the follower has to notice by itself.
    let script =
        format!("{} audit tail -f {} | head -n 1", env!("CARGO_BIN_EXE_confgate"), directory.display());
    let piped = run(tokio::process::Command::new("sh").args(["-c", &script])).await;
    assert_eq!((piped.code, piped.error.as_str()), (Some(0), ""));
    assert_eq!(piped.output, served.trail.lines()[0]);
    let query = format!("{} audit query {} | head -n 1", env!("CARGO_BIN_EXE_confgate"), directory.display());
    let piped = run(tokio::process::Command::new("sh").args(["-c", &query])).await;
    assert_eq!((piped.error.as_str(), piped.output.lines().count()), ("", 1));
}

/// Segments are begun, compressed and removed by the gateway itself while it is followed; then the one that is written
/// to is taken away, and the trail heals.
#[tokio::test]
async fn a_follower_prints_each_line_once_whatever_happens_to_the_segments() {
    let served = Served::with(&[
        ("AUDIT__SEGMENTS__MAX_SIZE", "64KiB"),
        ("AUDIT__SEGMENTS__COMPRESSION", "zstd"),
        ("AUDIT__SEGMENTS__PREALLOCATE", "8KiB"),
        ("AUDIT__RETENTION__MAX_SIZE", "60KiB"),
    ])
    .await;
    let directory = served.trail_directory();
    let follower = Program::start(confgate(["audit", "tail", "-f", "-n", "1000"]).arg(&directory));
    let printed = |id: String| {
        let follower = &follower;
        async move {
            let is_it = |line: &str| (line.contains("\"outcome\"") && line.contains(&id)).then_some(());
            follower.printed("the outcome", is_it).await;
        }
    };
    let names = || {
        let entries =
            std::fs::read_dir(&directory).expect("a directory").map(|entry| entry.expect("an entry"));
        let mut names: Vec<String> =
            entries.map(|entry| entry.file_name().into_string().expect("text")).collect();
        names.retain(|name| name.starts_with("audit-"));
        names.sort();
        names
    };
    let is_busy = |names: &[String]| {
        let first_is_gone = !names[0].contains("-00000000000000000001.");
        first_is_gone && names.iter().any(|name| name.contains(".zst"))
    };
    let mut batches = 0;
    while batches < 5 || !is_busy(&names()) {
        assert!(batches < 40, "no segment was compressed, or none removed: {:?}", names());
        let mut id = String::new();
        for _ in 0..60 {
            id = get(&served).await;
        }
        printed(id).await;
        batches += 1;
    }
    let live = names().pop().expect("a segment");
    std::fs::rename(directory.join(&live), directory.join("away")).expect("a segment to be moved");
    admin::until_metric(served.admin, "confgate_audit_faults_total", |faults| faults > 0.5).await;
    served.until_readyz(200).await;
    printed(get(&served).await).await;

    let sequence =
        |line: &str| serde_json::from_str::<Value>(line).expect("JSON")["seq"].as_u64().expect("a number");
    let sequences: Vec<u64> = follower.output().lines().map(sequence).collect();
    assert!(sequences.len() > 60 * batches);
    assert_eq!(sequences, (1..=sequences.len() as u64).collect::<Vec<_>>());

    // Compressed and plain segments are one trail to whoever reads.
    let found =
        audit("query", &directory, &["--json", "--since", "10m", "--action", "get", "--last", "80"]).await;
    assert_eq!((found.code, found.error.as_str(), found.output.lines().count()), (Some(0), "", 80));
}

/// A get that is allowed, and its id.
async fn get(served: &Served) -> String {
    let bearer = served.issuer.token().bearer();
    let path = format!("/conferences/{CONFERENCE}");
    let answer = client::send(served.address, "GET", &path, &[("Authorization", &bearer)], "").await;
    assert_eq!(answer.status, 200);
    answer.header("x-request-id").expect("an id").to_owned()
}
