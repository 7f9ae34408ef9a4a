use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{call_some, with_records};
use crate::support::admin;
use crate::support::program::{Ended, Served, confgate, run};

async fn verify(directory: &Path, options: &[&str]) -> Ended {
    let mut command = confgate(["audit", "verify"]);
    run(command.args(options).arg(directory)).await
}

async fn ended_well(served: &mut Served) {
    served.program.signal("TERM").await;
    assert_eq!(served.program.ended().await.code, Some(0));
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
    let mut served = with_records(&[]).await;
    let directory = served.trail_directory();
    let live = verify(&directory, &[]).await;
    assert_eq!(live.code, Some(0), "while it is written: {live:?}");
    served.program.signal("TERM").await;
    assert_eq!(served.program.ended().await.code, Some(0));
    let ended = verify(&directory, &[]).await;
    assert_eq!((ended.code, ended.error.as_str()), (Some(0), ""), "{ended:?}");
    // A start and a stop, each with a checkpoint after it, and three outcomes.
    assert!(ended.output.starts_with("whole: 7 records in 1 segment, sequence 1 to 7, "), "{ended:?}");
    assert!(ended.output.contains("1 start, 0 crashes"), "{ended:?}");
}

#[tokio::test]
async fn a_trail_that_somebody_touched_is_told_by_the_line() {
    let mut served = with_records(&[]).await;
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
        let ended = verify(&served.trail_directory(), &[]).await;
        assert_eq!((ended.code, ended.output.as_str()), (Some(1), ""), "{what}: {ended:?}");
        assert!(ended.error.starts_with("confgate: ") && ended.error.contains("line "), "{what}: {ended:?}");
    }
    fs::write(&segment, &good).expect("a segment");
    assert_eq!(verify(&served.trail_directory(), &[]).await.code, Some(0));
}

/// Writes a new key and its public half to the directory, and returns their paths.
fn key_pair(directory: &Path, name: &str) -> (String, String) {
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).expect("a key");
    let path = |suffix: &str| directory.join(format!("{name}.{suffix}")).to_str().expect("a path").to_owned();
    fs::write(path("key"), key.serialize_pem()).expect("a file");
    fs::write(path("pub"), key.public_key_pem()).expect("a file");
    (path("key"), path("pub"))
}

#[tokio::test]
async fn the_public_key_alone_proves_whose_trail_it_is() {
    let keys = tempfile::tempdir().expect("a temporary directory");
    let (key, public) = key_pair(keys.path(), "own");
    let (_, other) = key_pair(keys.path(), "other");
    let mut served = with_records(&[("AUDIT__CHECKPOINTS__KEY_FILE", &key)]).await;
    ended_well(&mut served).await;
    let directory = served.trail_directory();
    let good = verify(&directory, &["--public-key", &public]).await;
    assert_eq!((good.code, good.error.as_str()), (Some(0), ""), "{good:?}");
    assert!(good.output.contains("signed: up to sequence 6, "), "{good:?}");

    let foreign = verify(&directory, &["--public-key", &other]).await;
    assert_eq!(foreign.code, Some(1), "{foreign:?}");
    assert!(foreign.error.contains("line 2: forged checkpoint"), "{foreign:?}");
    // As a ConfigMap has them after the key was replaced: one file with both.
    let both = keys.path().join("both");
    let pems = [&other, &public].map(|path| fs::read_to_string(path).expect("a key"));
    fs::write(&both, pems.concat()).expect("a file");
    let either = verify(&directory, &["--public-key", &both.to_string_lossy()]).await;
    assert_eq!(either.code, Some(0), "{either:?}");
    let private = verify(&directory, &["--public-key", &key]).await;
    assert_eq!(private.code, Some(1), "{private:?}");
    assert!(private.error.contains(&key) && private.error.contains("-pubout"), "{private:?}");
}

#[tokio::test]
async fn no_signature_proves_nothing_to_a_public_key() {
    let keys = tempfile::tempdir().expect("a temporary directory");
    let (_, public) = key_pair(keys.path(), "own");
    let mut served = with_records(&[]).await;
    ended_well(&mut served).await;
    let ended = verify(&served.trail_directory(), &["--public-key", &public]).await;
    assert_eq!((ended.code, ended.output.as_str()), (Some(1), ""), "{ended:?}");
    assert!(ended.error.contains("forged checkpoint: it is not signed"), "{ended:?}");
    let before_the_key = ["--public-key", public.as_str(), "--signed-from", "1000"];
    let ended = verify(&served.trail_directory(), &before_the_key).await;
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.error.contains("no checkpoint is signed"), "{ended:?}");
}

/// The log and the status page leave the host; whoever cuts the trail does not reach them there.
#[tokio::test]
async fn what_was_cut_off_is_missed_by_the_log_and_the_status_page() {
    let keys = tempfile::tempdir().expect("a temporary directory");
    let (key, public) = key_pair(keys.path(), "own");
    let changes = [("AUDIT__CHECKPOINTS__KEY_FILE", key.as_str()), ("AUDIT__CHECKPOINTS__EVERY", "1s")];
    let mut served = with_records(&changes).await;
    admin::until_status(served.admin, "a checkpoint after the calls", |status| {
        status["trail"]["checkpoint"]["sequence"].as_u64() >= Some(5)
    })
    .await;
    let page = keys.path().join("status.json");
    fs::write(&page, admin::get(served.admin, "/status").await.text()).expect("a file");
    ended_well(&mut served).await;
    let is_told = |line: &str| line.contains("audit checkpoint").then(|| line.to_owned());
    let logged = served.program.logged("a checkpoint in the log", is_told).await;

    let directory = served.trail_directory();
    let page = page.to_str().expect("a path");
    let kept = ["--checkpoint", page, "--checkpoint", &logged, "--public-key", &public];
    let good = verify(&directory, &kept).await;
    assert_eq!(good.code, Some(0), "{good:?}");
    assert!(good.output.contains("kept elsewhere: 2 checkpoints confirmed"), "{good:?}");

    let segment = only_segment(&directory);
    let whole = fs::read_to_string(&segment).expect("a segment");
    let cut: Vec<&str> = whole.split_inclusive('\n').take(3).collect();
    fs::write(&segment, cut.concat()).expect("a segment");
    assert_eq!(verify(&directory, &[]).await.code, Some(0), "the chain cannot tell");
    let missed = verify(&directory, &["--checkpoint", page]).await;
    assert_eq!((missed.code, missed.output.as_str()), (Some(1), ""), "{missed:?}");
    assert!(missed.error.contains("line 3: cut off"), "{missed:?}");
    let none = verify(&directory, &["--checkpoint", "{}"]).await;
    assert_eq!(none.code, Some(1), "{none:?}");
    assert!(none.error.contains("--checkpoint {}") && none.error.contains("/status"), "{none:?}");
}

#[tokio::test]
async fn a_crash_is_told_apart() {
    let mut served = with_records(&[]).await;
    served.program.signal("KILL").await;
    assert_eq!(served.program.ended().await.code, None);
    let directory = served.trail_directory();
    let killed = verify(&directory, &[]).await;
    assert_eq!((killed.code, killed.error.as_str()), (Some(0), ""), "{killed:?}");
    assert!(killed.output.contains("the last run has no stop"), "{killed:?}");

    served.start_again(&[]).await;
    call_some(&served).await;
    ended_well(&mut served).await;
    let again = verify(&directory, &[]).await;
    assert_eq!(again.code, Some(0), "{again:?}");
    assert!(again.output.contains("2 starts, 1 crash\n  crash after sequence 5, "), "{again:?}");
}

#[tokio::test]
async fn programs_get_one_object() {
    let mut served = with_records(&[]).await;
    ended_well(&mut served).await;
    let directory = served.trail_directory();
    let object = async |code| {
        let ended = verify(&directory, &["--json"]).await;
        assert_eq!((ended.code, ended.error.as_str()), (Some(code), ""), "{ended:?}");
        serde_json::from_str::<Value>(&ended.output).expect("one object")
    };
    let good = object(0).await;
    assert_eq!((&good["whole"], &good["records"]), (&true.into(), &7.into()), "{good}");
    assert_eq!((&good["signed"], &good["unfinished"]), (&Value::Null, &false.into()), "{good}");

    let segment = only_segment(&directory);
    let text = fs::read_to_string(&segment).expect("a segment");
    fs::write(&segment, text.replacen("route_unknown", "token_missing", 1)).expect("a segment");
    let bad = object(1).await;
    let fault = &bad["fault"];
    assert_eq!((&bad["whole"], &fault["kind"]), (&false.into(), &"changed".into()), "{bad}");
    assert_eq!((&fault["line"], &fault["found"]), (&4.into(), &4.into()), "{bad}");
    assert_eq!(fault["file"], segment.to_str().expect("a path"), "{bad}");
    fs::remove_file(&segment).expect("a segment");
    let none = object(1).await;
    assert_eq!((&none["whole"], &none["fault"]), (&false.into(), &Value::Null), "{none}");
    assert!(none["message"].as_str().expect("a text").contains("no trail here"), "{none}");
}
