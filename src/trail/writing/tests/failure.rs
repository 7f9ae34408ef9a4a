use std::fs::File;
use std::path::Path;

use futures_util::FutureExt as _;
use jiff::Timestamp;
use tokio::sync::oneshot;

use crate::trail::segment::SegmentFile;
use crate::trail::tests::*;
use crate::trail::writing::lane::Message;
use crate::trail::writing::segment::{Room, Segment};
use crate::trail::writing::start;
use crate::trail::writing::status::Observer;
use crate::trail::writing::writer::Writer;
use crate::trail::*;

type Answer = oneshot::Receiver<Result<u64, TrailUnavailable>>;

pub(super) fn message(durability: Durability) -> (Message<Vec<u8>>, Answer) {
    let (sender, receiver) = oneshot::channel();
    let message = Message {
        payload: outcome().payload().unwrap(),
        durability,
        announces: durability == Durability::Sync,
        change: Change::None,
        reply: Some(sender),
    };
    (message, receiver)
}

#[tokio::test]
async fn a_new_directory_takes_over_from_a_lost_one() {
    let parent = tempfile::tempdir().unwrap();
    let directory = parent.path().join("audit");
    let (trail, thread) = open(&directory);
    trail.reserve().await.announce(&intent(), Durability::Sync).unwrap().await.unwrap();
    std::fs::remove_dir_all(&directory).unwrap();
    until(&trail, |status| !status.writable).await;
    assert!(!trail.is_writable());
    assert!(trail.status().last_error.is_some());
    trail.reserve().await.record(&outcome(), Durability::Queue);
    assert_eq!(
        trail.reserve().await.record(&outcome(), Durability::Write).unwrap().await,
        Err(TrailUnavailable)
    );
    assert_eq!(
        trail.reserve().await.announce(&intent(), Durability::Sync).unwrap().await,
        Err(TrailUnavailable)
    );

    std::fs::create_dir(&directory).unwrap();
    until(&trail, |status| status.writable).await;
    assert_eq!(trail.reserve().await.announce(&intent(), Durability::Sync).unwrap().await, Ok(8));
    thread.close().unwrap();
    // The intent that came while nothing worked was turned away; what had happened was kept.
    assert_eq!(kinds(&directory), ["outcome", "outcome", "recovered", "intent", "stop"]);
    let recovered = &values(&directory)[2];
    assert_eq!(recovered["after"], "fault");
    assert!(recovered["fault"].as_str().unwrap().contains("no longer in its directory"), "{recovered}");
    // What was lost with the directory is missed; what is left is whole.
    assert!(verify(&directory).unwrap_err().to_string().contains("lines missing"));
    assert_eq!(verify_part(&directory).unwrap().first_sequence, Some(4));
}

#[tokio::test]
async fn a_deleted_segment_takes_no_intent() {
    let directory = tempfile::tempdir().unwrap();
    let (mut writer, observer) = start::open(&config(directory.path())).unwrap();
    std::fs::remove_file(&segments(directory.path())[0]).unwrap();
    let (synced, answer) = message(Durability::Sync);
    writer.write([synced].into_iter());
    assert_eq!(answer.await.unwrap(), Err(TrailUnavailable));
    assert!(!observer.is_writable());
    let error = observer.status.borrow().last_error.clone().unwrap();
    assert!(error.message.contains("no longer in its directory"), "{}", error.message);
}

#[tokio::test]
async fn a_lost_directory_is_noticed_without_a_record() {
    let parent = tempfile::tempdir().unwrap();
    let directory = parent.path().join("audit");
    let (trail, thread) = open(&directory);
    std::fs::rename(&directory, parent.path().join("elsewhere")).unwrap();
    until(&trail, |status| !status.writable).await;
    std::fs::rename(parent.path().join("elsewhere"), &directory).unwrap();
    until(&trail, |status| status.writable).await;
    trail.reserve().await.record(&outcome(), Durability::Write).unwrap().await.unwrap();
    thread.close().unwrap();
    assert_eq!(segments(&directory).len(), 2);
    assert_eq!(kinds(&directory), ["start", "recovered", "outcome", "stop"]);
    verify(&directory).unwrap();
}

#[tokio::test]
async fn another_process_in_the_new_directory_is_respected() {
    let parent = tempfile::tempdir().unwrap();
    let directory = parent.path().join("audit");
    let (trail, thread) = open(&directory);
    std::fs::remove_dir_all(&directory).unwrap();
    let (_other, other_thread) = open(&directory);
    until(&trail, |status| {
        let error = status.last_error.as_ref();
        error.is_some_and(|error| error.message.contains("in use by another process"))
    })
    .await;
    other_thread.close().unwrap();
    until(&trail, |status| status.writable).await;
    thread.close().unwrap();
}

#[tokio::test]
async fn what_is_kept_is_bounded_and_in_order() {
    let parent = tempfile::tempdir().unwrap();
    let directory = parent.path().join("audit");
    let (trail, thread) = open_with(&directory, 4);
    std::fs::remove_dir_all(&directory).unwrap();
    until(&trail, |status| !status.writable).await;
    for _ in 0..8 {
        trail.reserve().await.record(&outcome(), Durability::Queue);
    }
    until(&trail, |status| status.queued == 4).await;
    assert_eq!(trail.status().queued, 8, "four are kept, four wait");
    assert!(trail.reserve().now_or_never().is_none());
    std::fs::create_dir(&directory).unwrap();
    trail.reserve().await.record(&outcome(), Durability::Queue);
    thread.close().unwrap();
    let told = kinds(&directory);
    assert_eq!(told.iter().filter(|kind| *kind == "outcome").count(), 9);
    verify_part(&directory).unwrap();
}

#[tokio::test]
async fn closing_in_vain_tells_what_is_lost() {
    let parent = tempfile::tempdir().unwrap();
    let directory = parent.path().join("audit");
    let (trail, thread) = open(&directory);
    std::fs::remove_dir_all(&directory).unwrap();
    until(&trail, |status| !status.writable).await;
    trail.reserve().await.record(&outcome(), Durability::Queue);
    drop(trail);
    let lost = thread.close().unwrap_err();
    assert_eq!(lost.records, 3, "the outcome, the stop and its checkpoint");
    assert!(lost.to_string().contains("No such file"), "{lost}");
}

pub(super) fn config(directory: &Path) -> TrailConfig {
    TrailConfig { queue: 8, ..TrailConfig::new(directory.to_owned()) }
}

#[tokio::test]
async fn closing_tries_a_new_segment_too() {
    let directory = tempfile::tempdir().unwrap();
    let (mut writer, _observer) = start::open(&config(directory.path())).unwrap();
    let (written, answer) = message(Durability::Write);
    writer.write([written].into_iter());
    assert_eq!(answer.await.unwrap(), Ok(3));
    std::fs::remove_file(&segments(directory.path())[0]).unwrap();
    writer.finish().unwrap();
    assert_eq!(kinds(directory.path()), ["outcome", "stop", "recovered"]);
}

/// A writer whose segment is `device`, with a start record in a healthy segment before.
fn on_device(directory: &Path, device: &str) -> (Writer, Observer) {
    let (mut writer, observer) = start::open(&config(directory)).unwrap();
    let file = File::options().append(true).open(device).unwrap();
    let segment = SegmentFile { path: device.into(), ..SegmentFile::new(directory, 99) };
    let room = Room { step: 0 };
    writer.store.replace_segment(Segment::resume(segment, file, 0, Timestamp::now(), room).unwrap());
    (writer, observer)
}

#[tokio::test]
async fn a_full_disk_loses_nothing_but_time() {
    let directory = tempfile::tempdir().unwrap();
    let (mut writer, observer) = on_device(directory.path(), "/dev/full");
    let (queued, _) = message(Durability::Queue);
    let (written, written_answer) = message(Durability::Write);
    let (synced, synced_answer) = message(Durability::Sync);
    writer.write([queued, written, synced].into_iter());
    assert_eq!(written_answer.await.unwrap(), Err(TrailUnavailable));
    assert_eq!(synced_answer.await.unwrap(), Err(TrailUnavailable));
    assert!(!observer.is_writable());
    let error = observer.status.borrow().last_error.clone().unwrap();
    assert!(error.message.contains("No space left"), "{}", error.message);
    assert_eq!(writer.room(), 5);

    writer.tick();
    assert!(observer.is_writable());
    assert_eq!(writer.room(), 8);
    writer.finish().unwrap();
    let expected = ["start", "outcome", "outcome", "outcome", "recovered", "stop"];
    assert_eq!(kinds(directory.path()), expected);
    verify(directory.path()).unwrap();
    assert_eq!(segments(directory.path()).len(), 2);
}

/// `/dev/null` takes every write, and has no disk to sync to.
#[tokio::test]
async fn a_failed_sync_is_not_believed_later() {
    let directory = tempfile::tempdir().unwrap();
    let (mut writer, observer) = on_device(directory.path(), "/dev/null");
    let (earlier, earlier_answer) = message(Durability::Write);
    writer.write([earlier].into_iter());
    assert_eq!(earlier_answer.await.unwrap(), Ok(3));
    let (written, written_answer) = message(Durability::Write);
    let (synced, synced_answer) = message(Durability::Sync);
    writer.write([written, synced].into_iter());
    assert_eq!(written_answer.await.unwrap(), Ok(4));
    assert_eq!(synced_answer.await.unwrap(), Err(TrailUnavailable));
    assert!(!observer.is_writable());

    writer.tick();
    let (late, late_answer) = message(Durability::Sync);
    writer.write([late].into_iter());
    // Whoever was told a number finds the record under it, though the file that had it is not trusted.
    assert_eq!(late_answer.await.unwrap(), Ok(8));
    writer.finish().unwrap();
    let summary = verify(directory.path()).unwrap();
    assert_eq!((summary.last_sequence, summary.superseded), (Some(10), 0));
}

/// Lines that a failed segment could not be rid of are again in the next; a power cut may leave them or not.
#[tokio::test]
async fn what_a_failed_segment_leaves_over_does_not_break_the_chain() {
    let directory = tempfile::tempdir().unwrap();
    bare_trail(directory.path(), 1);
    let all = lines(directory.path());
    let (old, new) = (&segments(directory.path())[0], SegmentFile::new(directory.path(), 2).path);
    std::fs::write(new, all[1..].concat()).unwrap();
    for left_over in [all[..1].concat(), all[..2].concat(), all.concat(), all.concat() + "{\"v\":1,\"se"] {
        std::fs::write(old, left_over).unwrap();
        let summary = verify(directory.path()).unwrap();
        assert_eq!((summary.records, summary.last_sequence), (3, Some(3)));
    }
    assert_eq!(verify(directory.path()).unwrap().superseded, 3);
    written_trail(directory.path(), 0).await;
    assert_eq!(verify(directory.path()).unwrap().last_sequence, Some(7));
}

/// The name of the next test, as the test harness knows it.
const LIMITED: &str = "trail::writing::tests::failure::a_write_that_breaks_off_is_cut_back";

/// Under a limit on the size of files, the system itself breaks a write off in the middle. The limit is the
/// process's, so that the test runs itself again under one.
#[tokio::test]
async fn a_write_that_breaks_off_is_cut_back() {
    if std::env::var_os("CONFGATE_TEST_LIMITED").is_none() {
        let this = std::env::current_exe().unwrap();
        let script = format!("trap '' XFSZ; ulimit -f 16; exec '{}' --exact {LIMITED}", this.display());
        let output = std::process::Command::new("sh")
            .args(["-c", &script])
            .env("CONFGATE_TEST_LIMITED", "1")
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && text.contains("1 passed"), "{text}");
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let (trail, thread) = open(directory.path());
    let mut failures = 0;
    for _ in 0..30 {
        if trail.reserve().await.announce(&intent(), Durability::Sync).unwrap().await.is_err() {
            failures += 1;
            let text = text(segments(directory.path()).last().unwrap());
            assert!(text.ends_with('\n'), "half a line is left");
            until(&trail, |status| status.writable).await;
        }
    }
    thread.close().unwrap();
    assert!(failures > 0);
    let summary = verify(directory.path()).unwrap();
    assert_eq!(kinds(directory.path()).iter().filter(|kind| *kind == "intent").count(), 30);
    assert_eq!(summary.superseded, 0);
    assert!(summary.segments > 1);
}
