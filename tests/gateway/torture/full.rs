//! A disk that is full, or takes no writes for another reason, and then does again.

use std::collections::HashMap;
use std::path::Path;

use confgate::trail::verify;
use serde_json::Value;

use crate::support::CREATE;
use crate::support::books::Books;
use crate::support::disk::{Mounted, make_ext4};
use crate::support::site::{Running, Site};
use crate::support::tools::{needs_root_and, tool};

/// A gateway whose trail lies on a disk of its own.
async fn on_a_disk(mount: impl FnOnce(&Path) -> Mounted) -> (Mounted, Site, Running) {
    on_a_disk_with(&[("AUDIT__SEGMENTS__PREALLOCATE", "16KiB")], mount).await
}

/// The same, with these keys of the configuration changed.
async fn on_a_disk_with(
    changes: &[(&str, &str)],
    mount: impl FnOnce(&Path) -> Mounted,
) -> (Mounted, Site, Running) {
    let mut site = Site::new(changes).await;
    let mounted = mount(&site.directory().join("disk"));
    site.keep_trail_in(&mounted.path().join("audit"));
    let running = site.start().await;
    (mounted, site, running)
}

/// Creates until one is refused, as the disk takes no more. Gives the ids of those that were made, and of the other,
/// with the statuses that the trail has to have for them.
async fn create_until_refused(running: &Running) -> (Vec<(String, u16)>, (String, u16)) {
    let mut made = Vec::new();
    loop {
        let answer = running.call("POST", "/conferences", CREATE).await;
        let id = answer.request_id().to_owned();
        if answer.status == 503 {
            assert_eq!(answer.problem(), "audit_unavailable", "{}", answer.text());
            // Where it was the outcome that found no room, the vendor's answer is what had happened by then.
            let was_made = answer.text().contains("the call was made");
            return (made, (id, if was_made { 200 } else { 503 }));
        }
        assert_eq!(answer.status, 200, "{}", answer.text());
        made.push((id, 200));
        assert!(made.len() < 10_000, "the disk has no end");
    }
}

/// While nothing can be written: changes are refused and the vendor is spared, reads go on, and everyone is told. Gives
/// the ids and statuses of what was asked.
async fn spares_the_vendor_and_says_so(site: &Site, running: &Running, fault: &str) -> Vec<(String, u16)> {
    let changes = |site: &Site| site.vendor.calls().iter().filter(|call| call.method != "GET").count();
    let before = changes(site);
    let mut asked = Vec::new();
    for round in 0..10 {
        let requests = [("POST", "/conferences", CREATE), ("DELETE", "/conferences/IM3", "")];
        for (method, path, body) in requests.into_iter().chain([("GET", "/conferences/IM3", "")]) {
            let answer = running.call(method, path, body).await;
            let expected = if method == "GET" { 200 } else { 503 };
            assert_eq!(answer.status, expected, "{round}: {method}: {}", answer.text());
            asked.push((answer.request_id().to_owned(), answer.status));
        }
    }
    assert_eq!(changes(site), before, "the vendor saw what is on no record");
    let readiness = running.until_readyz(503).await.json();
    assert!(readiness["trail"].as_str().unwrap().contains("not writable"), "{readiness}");
    assert!(running.metric("confgate_audit_writable").await.abs() < 0.5);
    assert!(running.metric("confgate_audit_faults_total").await > 0.5);
    let logged = |line: &str| {
        let told = line.contains("the audit trail cannot be written; mutations are refused until it can");
        (told && line.contains(fault)).then_some(())
    };
    running.program.logged("the fault in the log", logged).await;
    asked
}

/// Once it can be written again: everything that happened is there, once, with what was wrong.
async fn heals(site: &Site, running: Running, asked: &[(String, u16)], fault: &str) {
    running.until_readyz(200).await;
    assert!(running.metric("confgate_audit_writable").await > 0.5);
    let answer = running.call("POST", "/conferences", CREATE).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let recovered = site
        .trail
        .wait_until("what was wrong", |records| {
            let told = |record: &&Value| record["kind"] == "recovered" && record["after"] == "fault";
            records.iter().find(told).cloned()
        })
        .await;
    assert!(
        recovered["fault"].as_str().unwrap().contains(fault) && recovered["since"].is_string(),
        "{recovered}"
    );
    running.stopped().await;
    let mut books = Books::default();
    books.read(&site.trail);
    books.have_one_end_for_each_intent();
    let records = site.trail.records();
    let outcomes: HashMap<_, _> = records
        .iter()
        .filter(|record| record["kind"] == "outcome")
        .map(|outcome| (outcome["request_id"].as_str().unwrap(), &outcome["status"]))
        .collect();
    for (id, status) in asked {
        assert_eq!(outcomes.get(&**id), Some(&&Value::from(*status)), "{id}");
    }
    let summary = verify(site.audit()).unwrap();
    assert_eq!((summary.first_sequence, summary.records), (Some(1), records.len() as u64), "{summary}");
}

const NO_SPACE: &str = "No space left on device";

#[tokio::test]
#[ignore = "needs root, to mount a small tmpfs; .ci/run runs it"]
async fn a_full_disk_is_told_and_heals_when_there_is_room() {
    needs_root_and(&["mount", "umount"]);
    let (disk, site, running) = on_a_disk(|path| Mounted::tmpfs(path, 4 << 20)).await;
    assert_eq!(running.call("POST", "/conferences", CREATE).await.status, 200);
    let filler = disk.fill();
    assert_eq!(disk.available(), 0);
    let (made, refused) = create_until_refused(&running).await;
    let mut asked = spares_the_vendor_and_says_so(&site, &running, NO_SPACE).await;
    asked.extend(made.into_iter().chain([refused]));
    std::fs::remove_file(filler).unwrap();
    heals(&site, running, &asked, NO_SPACE).await;
}

#[tokio::test]
#[ignore = "needs root, to mount a small tmpfs; .ci/run runs it"]
async fn a_disk_that_the_trail_itself_fills_is_told_and_heals_when_it_is_made_larger() {
    needs_root_and(&["mount", "umount"]);
    let (disk, site, running) = on_a_disk(|path| Mounted::tmpfs(path, 256 << 10)).await;
    let (made, refused) = create_until_refused(&running).await;
    assert!(made.len() > 50, "{}", made.len());
    let mut asked = spares_the_vendor_and_says_so(&site, &running, NO_SPACE).await;
    asked.extend(made.into_iter().chain([refused]));
    tool("mount", &["-o", "remount,size=4M", disk.path().to_str().unwrap()]);
    heals(&site, running, &asked, NO_SPACE).await;
}

/// A file system cannot be remounted read-only while the gateway has a file open for writing; what is immutable takes
/// no write either, not even to a file that is open.
#[tokio::test]
#[ignore = "needs root, mkfs.ext4, loop mounts and chattr; .ci/run runs it"]
async fn a_directory_that_takes_no_writes_is_told_and_heals_when_it_does() {
    needs_root_and(&["mkfs.ext4", "mount", "umount", "chattr"]);
    let image = tempfile::tempdir().unwrap();
    let image = image.path().join("image");
    make_ext4(&image, 16 << 20);
    let (_disk, site, running) = on_a_disk(|path| Mounted::image(path, &image)).await;
    assert_eq!(running.call("POST", "/conferences", CREATE).await.status, 200);
    let audit = site.audit().to_str().unwrap();
    tool("chattr", &["-R", "+i", audit]);
    let (made, refused) = create_until_refused(&running).await;
    assert!(made.is_empty());
    let mut asked = spares_the_vendor_and_says_so(&site, &running, "Operation not permitted").await;
    asked.push(refused);
    tool("chattr", &["-R", "-i", audit]);
    heals(&site, running, &asked, "Operation not permitted").await;
}

/// Intents that fail together are refused alike. They may be in the trail all the same, and each has an end of its own
/// there, however many refusals of the kind there are.
#[tokio::test]
#[ignore = "needs root, to mount a small tmpfs; .ci/run runs it"]
async fn intents_that_fail_together_are_not_counted_as_a_flood() {
    needs_root_and(&["mount", "umount"]);
    let few = [("AUDIT__FLOODS__INDIVIDUALLY", "1"), ("AUDIT__SEGMENTS__PREALLOCATE", "0B")];
    let (disk, site, running) = on_a_disk_with(&few, |path| Mounted::tmpfs(path, 4 << 20)).await;
    let filler = disk.fill();
    // What fits into the last page fits in; of what does not, as many as can fail in one batch.
    let mut refused = 0;
    while refused == 0 {
        let creates = (0..40).map(|_| running.call("POST", "/conferences", CREATE));
        let answers = futures_util::future::join_all(creates).await;
        refused = answers.iter().filter(|answer| answer.status == 503).count();
    }
    std::fs::remove_file(filler).unwrap();
    running.until_readyz(200).await;
    running.stopped().await;
    let mut books = Books::default();
    books.read(&site.trail);
    books.have_one_end_for_each_intent();
    verify(site.audit()).unwrap();
}

/// Asked for more than there is, ext4 gives all that there is before it says no.
#[tokio::test]
#[ignore = "needs root, mkfs.ext4 and loop mounts; .ci/run runs it"]
async fn a_disk_with_less_room_than_is_taken_ahead_is_used_to_its_end() {
    needs_root_and(&["mkfs.ext4", "mount", "umount"]);
    let image = tempfile::tempdir().unwrap();
    let image = image.path().join("image");
    make_ext4(&image, 8 << 20);
    let ahead = [("AUDIT__SEGMENTS__PREALLOCATE", "8MiB")];
    let (disk, site, running) = on_a_disk_with(&ahead, |path| Mounted::image(path, &image)).await;
    assert!(disk.available() < 8 << 20);
    for _ in 0..50 {
        assert_eq!(running.call("POST", "/conferences", CREATE).await.status, 200);
    }
    running.until_readyz(200).await;
    assert!(running.metric("confgate_audit_faults_total").await < 0.5);
    let filler = disk.fill();
    let (made, refused) = create_until_refused(&running).await;
    let mut asked = spares_the_vendor_and_says_so(&site, &running, NO_SPACE).await;
    asked.extend(made.into_iter().chain([refused]));
    std::fs::remove_file(filler).unwrap();
    heals(&site, running, &asked, NO_SPACE).await;
}
