use std::os::unix::fs::PermissionsExt as _;

use super::*;

#[tokio::test]
async fn each_line_holds_the_number_and_the_hash_that_anybody_can_check() {
    let directory = tempfile::tempdir().unwrap();
    written_trail(directory.path(), 3).await;
    let mut prev = "0".repeat(64);
    for (line, seq) in lines(directory.path()).iter().zip(1..) {
        let value: Value = serde_json::from_str(line).unwrap();
        assert_eq!((&value["v"], &value["seq"]), (&1.into(), &seq.into()));
        assert_eq!(value["prev"], prev);
        prev = sha256sum(line.as_bytes());
    }
    assert_eq!(kinds(directory.path()), ["start", "outcome", "outcome", "outcome", "stop"]);
    let summary = verify(directory.path()).unwrap();
    assert_eq!((summary.records, summary.first_sequence, summary.last_sequence), (7, Some(1), Some(7)));
    assert_eq!(summary.last_hash.to_string(), prev);
}

#[tokio::test]
async fn a_restart_goes_on_with_the_chain_in_the_same_segment() {
    let directory = tempfile::tempdir().unwrap();
    written_trail(directory.path(), 1).await;
    written_trail(directory.path(), 1).await;
    assert_eq!(segments(directory.path()).len(), 1);
    assert_eq!(kinds(directory.path()), ["start", "outcome", "stop", "start", "outcome", "stop"]);
    assert_eq!(verify(directory.path()).unwrap().last_sequence, Some(10));
}

#[tokio::test]
async fn the_last_line_is_found_however_long_it_is() {
    let directory = tempfile::tempdir().unwrap();
    let (trail, thread) = open(directory.path());
    let body = serde_json::json!({ "x": "x".repeat(300_000) }).to_string();
    let long = Record::Intent(Intent {
        time: Timestamp::now(),
        call: call(),
        body: Some(serde_json::value::RawValue::from_string(body).unwrap()),
    });
    trail.reserve().await.announce(&long, Durability::Sync).unwrap().await.unwrap();
    thread.close().unwrap();
    cut_last_lines(directory.path(), 2);
    written_trail(directory.path(), 0).await;
    assert_eq!(kinds(directory.path()), ["start", "intent", "start", "recovered", "stop"]);
    verify(directory.path()).unwrap();
}

fn cut_last_lines(directory: &Path, count: usize) {
    let all = lines(directory);
    std::fs::write(&segments(directory)[0], all[..all.len() - count].concat()).unwrap();
}

#[tokio::test]
async fn a_torn_line_is_set_aside_and_told() {
    let directory = tempfile::tempdir().unwrap();
    written_trail(directory.path(), 1).await;
    let segment = &segments(directory.path())[0];
    let whole = std::fs::read_to_string(segment).unwrap();
    std::fs::write(segment, format!("{whole}{{\"v\":1,\"se")).unwrap();
    assert_eq!(verify(directory.path()).unwrap().torn_bytes, 10);

    written_trail(directory.path(), 0).await;
    let start = &values(directory.path())[5];
    assert_eq!((&start["kind"], &start["torn"]["bytes"]), (&"start".into(), &10.into()));
    let aside = directory.path().join(start["torn"]["file"].as_str().unwrap());
    assert_eq!(std::fs::read_to_string(aside).unwrap(), "{\"v\":1,\"se");
    assert_eq!(verify(directory.path()).unwrap().torn_bytes, 0);
}

#[tokio::test]
async fn a_segment_of_nothing_but_a_torn_line_makes_way() {
    let directory = tempfile::tempdir().unwrap();
    written_trail(directory.path(), 0).await;
    for rest in ["", "{\"v\""] {
        let last = SegmentFile::new(directory.path(), 100).path;
        std::fs::write(&last, rest).unwrap();
        written_trail(directory.path(), 0).await;
        assert!(!last.exists());
        verify(directory.path()).unwrap();
    }
    assert_eq!(lines(directory.path()).len(), 12);
}

#[tokio::test]
async fn a_trail_that_ends_in_something_else_is_not_gone_on_with() {
    for last in ["no json\n", "{\"v\":1}\n"] {
        let directory = tempfile::tempdir().unwrap();
        written_trail(directory.path(), 0).await;
        let segment = &segments(directory.path())[0];
        let damaged = std::fs::read_to_string(segment).unwrap() + last;
        std::fs::write(segment, &damaged).unwrap();
        let error = refusal(directory.path());
        assert!(error.contains("confgate audit verify"), "{error}");
        assert_eq!(std::fs::read_to_string(segment).unwrap(), damaged);
    }
}

/// Why the trail does not open.
fn refusal(directory: &Path) -> String {
    let config = TrailConfig { queue: 1, ..TrailConfig::new(directory.to_owned()) };
    Trail::open(&config).map(|_| ()).unwrap_err().to_string()
}

#[tokio::test]
async fn one_process_has_the_directory() {
    let directory = tempfile::tempdir().unwrap();
    let (_trail, thread) = open(directory.path());
    let error = refusal(directory.path());
    assert!(error.contains("in use by another process"), "{error}");
    thread.close().unwrap();
    written_trail(directory.path(), 0).await;
}

#[tokio::test]
async fn only_the_gateways_own_user_may_read() {
    let parent = tempfile::tempdir().unwrap();
    let directory = parent.path().join("a/b");
    written_trail(&directory, 0).await;
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&directory), 0o700);
    assert_eq!(mode(&segments(&directory)[0]), 0o600);
}

#[test]
fn a_directory_that_cannot_be_is_refused_by_name() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let error = refusal(&file.path().join("audit"));
    assert!(error.contains("cannot create the audit directory"), "{error}");
    assert!(error.contains(file.path().to_str().unwrap()), "{error}");
}

#[test]
fn a_segment_that_is_no_file_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink("/dev/full", SegmentFile::new(directory.path(), 1).path).unwrap();
    let error = refusal(directory.path());
    assert!(error.contains("something that is no file"), "{error}");
}
