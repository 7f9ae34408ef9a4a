use std::sync::Arc;

use futures_util::FutureExt as _;
use futures_util::future::join_all;

use super::failure::{config, message};
use crate::trail::tests::*;
use crate::trail::writing::inbox::{Inbox, Shared};
use crate::trail::writing::lane::Message;
use crate::trail::writing::start;
use crate::trail::*;

#[tokio::test]
async fn many_waiters_share_one_sync() {
    let directory = tempfile::tempdir().unwrap();
    let (trail, thread) = open_with(directory.path(), 256);
    let mut slots = Vec::new();
    for _ in 0..200 {
        slots.push(trail.reserve().await);
    }
    let before = trail.status().syncs;
    let sequences =
        join_all(slots.into_iter().map(|slot| slot.announce(&intent(), Durability::Sync).unwrap())).await;
    let sequences: Vec<u64> = sequences.into_iter().map(Result::unwrap).collect();
    assert_eq!(sequences, (3..203).collect::<Vec<_>>());
    let syncs = trail.status().syncs - before;
    assert!((1..100).contains(&syncs), "{syncs} syncs for 200 records");
    thread.close().unwrap();
}

/// A queued record with as much detail as this.
fn queued(detail: usize) -> Message<Vec<u8>> {
    let (mut message, _) = message(Durability::Queue);
    let Record::Outcome(outcome) = outcome() else { unreachable!() };
    let record = Record::Outcome(Outcome { detail: Some("x".repeat(detail).into()), ..outcome });
    message.payload = record.payload().unwrap();
    message
}

#[tokio::test]
async fn what_nobody_waits_for_is_on_disk_within_a_tick() {
    let directory = tempfile::tempdir().unwrap();
    let (mut writer, observer) = start::open(&config(directory.path())).unwrap();
    let before = observer.status();
    for _ in 0..10 {
        let (written, answer) = message(Durability::Write);
        writer.write([queued(1), written].into_iter());
        answer.await.unwrap().unwrap();
    }
    let after = observer.status();
    assert_eq!((after.syncs, after.synced_sequence), (before.syncs, before.synced_sequence));
    assert_eq!((after.records, after.last_sequence, after.queued), (22, 22, 0));
    assert_eq!(after.bytes, text(&segments(directory.path())[0]).len() as u64);
    writer.tick();
    assert_eq!((observer.status().syncs, observer.status().synced_sequence), (before.syncs + 1, 22));
    writer.tick();
    assert_eq!(observer.status().syncs, before.syncs + 1, "there was nothing to sync");
    writer.finish().unwrap();
    assert!(!observer.is_writable());
}

#[tokio::test]
async fn what_a_power_cut_may_take_is_bounded() {
    let directory = tempfile::tempdir().unwrap();
    let (mut writer, observer) = start::open(&config(directory.path())).unwrap();
    let before = observer.status().syncs;
    writer.write(std::iter::repeat_with(|| queued(1 << 18)).take(3));
    assert_eq!(observer.status().syncs, before);
    writer.write([queued(1 << 18)].into_iter());
    assert_eq!(observer.status().syncs, before + 1);
    writer.finish().unwrap();
    verify(directory.path()).unwrap();
}

#[tokio::test]
async fn the_status_shows_the_last_line() {
    let directory = tempfile::tempdir().unwrap();
    let (trail, thread) = open(directory.path());
    trail.reserve().await.record(&outcome(), Durability::Write).unwrap().await.unwrap();
    let status = trail.status();
    let last = lines(directory.path()).pop().unwrap();
    assert_eq!(status.last_hash.to_string(), sha256sum(last.as_bytes()));
    assert!(status.writable && trail.is_writable() && status.last_error.is_none());
    let json = serde_json::to_value(&status).unwrap();
    assert_eq!(json["last_hash"], status.last_hash.to_string());
    thread.close().unwrap();
}

#[tokio::test]
async fn a_full_queue_makes_the_next_wait_for_room() {
    let directory = tempfile::tempdir().unwrap();
    let (trail, thread) = open_with(directory.path(), 2);
    let (first, second) = (trail.reserve().await, trail.reserve().await);
    let mut third = Box::pin(trail.reserve());
    assert!(third.as_mut().now_or_never().is_none());
    assert_eq!(trail.status().queued, 2);
    first.record(&outcome(), Durability::Queue);
    third.await.record(&outcome(), Durability::Queue);
    drop(second);
    thread.close().unwrap();
    assert_eq!(kinds(directory.path()), ["start", "outcome", "outcome", "stop"]);
}

/// Each of the requests that fill the queue announces something before it ends.
#[tokio::test]
async fn outcomes_that_are_still_to_come_leave_room_for_intents() {
    let directory = tempfile::tempdir().unwrap();
    let (trail, thread) = open_with(directory.path(), 2);
    let slots = [trail.reserve().await, trail.reserve().await];
    assert!(trail.reserve().now_or_never().is_none());
    for slot in slots {
        trail.reserve_intent().announce(&intent(), Durability::Sync).unwrap().await.unwrap();
        slot.record(&outcome(), Durability::Queue);
    }
    thread.close().unwrap();
    assert_eq!(kinds(directory.path())[1..], ["intent", "outcome", "intent", "outcome", "stop"]);
}

/// A guard's `Drop` sends last of all, when nobody else gets room any more.
#[tokio::test]
async fn reserved_room_is_good_to_the_end() {
    let directory = tempfile::tempdir().unwrap();
    let (trail, thread) = open_with(directory.path(), 2);
    let slot = trail.reserve().await;
    for _ in 0..20 {
        trail.reserve().await.record(&outcome(), Durability::Queue);
    }
    let closing = tokio::task::spawn_blocking(|| thread.close());
    // Closed to newcomers: their slots go nowhere, and say so.
    while !trail
        .reserve()
        .map(|slot| slot.record(&outcome(), Durability::Write).unwrap())
        .await
        .map(|seq| seq.is_err())
        .await
    {}
    slot.record(&intent(), Durability::Queue);
    closing.await.unwrap().unwrap();
    let kinds = kinds(directory.path());
    assert_eq!(kinds[kinds.len() - 2..], ["intent", "stop"]);
    verify(directory.path()).unwrap();
}

#[tokio::test]
async fn the_last_handle_to_go_flushes() {
    let directory = tempfile::tempdir().unwrap();
    let (trail, thread) = open(directory.path());
    let mut status = trail.observer.status.clone();
    drop(thread);
    trail.reserve().await.record(&outcome(), Durability::Write).unwrap().await.unwrap();
    let slot = trail.reserve().await;
    drop(trail);
    slot.record(&outcome(), Durability::Queue);
    status.wait_for(|status| !status.writable).await.unwrap();
    assert_eq!(kinds(directory.path()), ["start", "outcome", "outcome", "stop"]);
}

#[tokio::test]
async fn an_intent_that_nobody_waits_for_is_withdrawn() {
    let directory = tempfile::tempdir().unwrap();
    let (mut writer, _observer) = start::open(&config(directory.path())).unwrap();
    let (gone, _) = message(Durability::Sync);
    let (kept, receipt) = message(Durability::Sync);
    writer.write([gone, kept].into_iter());
    assert_eq!(receipt.await.unwrap(), Ok(3));
    writer.finish().unwrap();
    assert_eq!(kinds(directory.path()), ["start", "outcome", "stop"]);
}

#[tokio::test]
async fn a_slot_in_a_side_room_takes_nothing_of_the_queue_until_it_is_used() {
    let directory = tempfile::tempdir().unwrap();
    let (trail, thread) = open_with(directory.path(), 1);
    let side_room = SideRoom::new(1);
    let kept = side_room.keep(trail.reserve().await).unwrap();
    let second = trail.try_reserve().expect("the queue has its room back");
    assert!(trail.try_reserve().is_none(), "and no more than that");
    let second = side_room.keep(second).expect_err("the side room is full");
    let written = second.record(&outcome(), Durability::Write).unwrap();
    kept.record(&outcome(), Durability::Write).unwrap().await.unwrap();
    written.await.unwrap();
    side_room.keep(trail.reserve().await).expect("there is room again");
    assert_eq!(verify_records(trail, thread, directory.path()), 2);
}

/// Closes the trail, and counts its outcomes.
fn verify_records(trail: Trail, thread: TrailThread, directory: &std::path::Path) -> usize {
    drop(trail);
    thread.close().unwrap();
    verify(directory).unwrap();
    text(&segments(directory)[0]).lines().filter(|line| line.contains("\"outcome\"")).count()
}

/// An outcome that says its place among those of its sender.
fn numbered(sender: u16, number: u32) -> Record {
    let Record::Outcome(outcome) = outcome() else { unreachable!() };
    Record::Outcome(Outcome { status: Some(200 + sender), attempts: number, ..outcome })
}

#[test]
fn each_lane_keeps_its_order_and_loses_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let (trail, thread) = open_with(directory.path(), 16);
    let senders: Vec<_> = (0..4)
        .map(|sender| {
            let trail = trail.clone().with_own_lane();
            std::thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
                runtime.block_on(async {
                    for number in 0..500 {
                        let durability = if number % 50 == 0 { Durability::Write } else { Durability::Queue };
                        let receipt = trail.reserve().await.record(&numbered(sender, number), durability);
                        if let Some(receipt) = receipt {
                            receipt.await.unwrap();
                        }
                    }
                });
            })
        })
        .collect();
    for sender in senders {
        sender.join().unwrap();
    }
    thread.close().unwrap();
    let values = values(directory.path());
    for sender in 0..4 {
        let numbers: Vec<_> = values.iter().filter(|value| value["status"] == 200 + sender).collect();
        assert!(numbers.iter().map(|value| value["attempts"].as_u64().unwrap()).eq(0..500), "{sender}");
    }
}

#[tokio::test]
async fn a_record_that_nobody_waits_for_is_written_soon() {
    let directory = tempfile::tempdir().unwrap();
    let (trail, thread) = open(directory.path());
    let mut status = trail.observer.status.clone();
    for sent in 1..=3 {
        trail.reserve().await.record(&outcome(), Durability::Queue);
        status.wait_for(|status| status.last_sequence >= sent + 2).await.unwrap();
    }
    thread.close().unwrap();
}

/// A thread that ended badly must leave nobody waiting.
#[tokio::test]
async fn whoever_waits_when_the_thread_is_gone_is_told() {
    let shared = Shared::new(1);
    let (retire, retired) = tokio::sync::mpsc::channel(1);
    let inbox = Inbox::new(Arc::clone(&shared), retired);
    let directory = tempfile::tempdir().unwrap();
    let (_writer, observer) = start::open(&config(directory.path())).unwrap();
    let trail = Trail::new(shared, observer, retire);
    let slot = trail.reserve().await;
    let waiting = tokio::spawn({
        let trail = trail.clone();
        async move { trail.reserve().await.record(&outcome(), Durability::Write).unwrap().await }
    });
    let sent = slot.announce(&intent(), Durability::Sync).unwrap();
    let late = trail.reserve_intent();
    drop(inbox);
    assert_eq!(sent.await, Err(TrailUnavailable));
    assert_eq!(late.announce(&intent(), Durability::Sync).unwrap().await, Err(TrailUnavailable));
    assert_eq!(waiting.await.unwrap(), Err(TrailUnavailable));
}
