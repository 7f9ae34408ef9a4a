//! Many small files: begun, compressed and removed while requests come in.

use std::fs;
use std::path::Path;

use confgate::trail::verify;
use serde_json::Value;

use super::passed_on;
use crate::support::CREATE;
use crate::support::world::World;

/// Creates until `enough`, judging by `/status`.
async fn create_until(world: &World, enough: impl Fn(&Value) -> bool) {
    for _ in 0..100 {
        if enough(&world.status().await["trail_directory"]) {
            return;
        }
        for _ in 0..10 {
            assert_eq!(world.call("POST", "/conferences", CREATE).await.status, 200);
        }
    }
    panic!("never enough: {}", world.status().await["trail_directory"]);
}

fn named(directory: &Path, ending: &str) -> Vec<String> {
    let names = fs::read_dir(directory).unwrap();
    let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> =
        names.filter(|name| name.starts_with("audit-") && name.ends_with(ending)).collect();
    names.sort();
    names
}

#[tokio::test]
async fn old_files_are_compressed_and_removed_and_the_trail_stays_whole() {
    let world = World::with(&[
        ("AUDIT__SEGMENTS__MAX_SIZE", "64KiB"),
        ("AUDIT__SEGMENTS__PREALLOCATE", "16KiB"),
        ("AUDIT__SEGMENTS__COMPRESSION", "zstd"),
        ("AUDIT__RETENTION__MAX_SIZE", "120KiB"),
    ])
    .await;
    let directory = world.trail_directory();
    create_until(&world, |kept| kept["first_sequence"].as_u64() > Some(1)).await;
    let kept = &world.status().await["trail_directory"];
    assert!(kept["segments"].as_u64() > Some(1) && kept["last_error"].is_null(), "{kept}");
    assert!(!named(&directory, ".jsonl.zst").is_empty());

    let world = world.restarted().await;
    let answer = world.call("POST", "/conferences", CREATE).await;
    passed_on(&world, &answer, 200).await;
    let summary = verify(&directory).unwrap();
    assert!(summary.first_kept > 1 && summary.crashes.is_empty(), "{summary}");
    assert_eq!(summary.first_sequence, Some(summary.first_kept));

    // What is left is the end of the trail: taking one more away is no longer retention.
    let oldest = named(&directory, "").into_iter().next().unwrap();
    fs::remove_file(directory.join(oldest)).unwrap();
    verify(&directory).unwrap_err();
}

#[tokio::test]
async fn a_file_has_its_time_however_little_is_in_it() {
    let world = World::with(&[("AUDIT__SEGMENTS__MAX_AGE", "1s")]).await;
    let first = world.call("POST", "/conferences", CREATE).await;
    passed_on(&world, &first, 200).await;
    world.until_status("a second file", |status| status["trail_directory"]["segments"] == 2).await;
    let second = world.call("DELETE", "/conferences/IM3", "").await;
    let outcome = passed_on(&world, &second, 200).await;
    let directory = world.trail_directory();
    assert!(named(&directory, ".jsonl").len() >= 2);
    let summary = verify(&directory).unwrap();
    assert_eq!(summary.first_sequence, Some(1));
    assert!(summary.last_sequence >= outcome["seq"].as_u64());
    let rotated = world.trail.records().into_iter().filter(|record| record["open"].is_array()).count();
    assert!(rotated >= 2, "each file begins with what was open");
}

/// Silence is told from a gateway that is gone.
#[tokio::test]
async fn an_idle_gateway_says_that_it_lives() {
    let world = World::with(&[("AUDIT__HEARTBEAT", "1s"), ("AUDIT__CHECKPOINTS__EVERY", "1s")]).await;
    let vouched_for = |records: &[Value]| {
        let beat = records.iter().find(|record| record["kind"] == "heartbeat")?["seq"].as_u64()?;
        let after =
            |record: &&Value| record["kind"] == "checkpoint" && record["sequence"].as_u64() >= Some(beat);
        records.iter().find(after).map(drop)
    };
    world.trail.wait_until("a heartbeat that is vouched for", vouched_for).await;
    assert!(world.vendor.calls().is_empty());
    verify(&world.trail_directory()).unwrap();
}
