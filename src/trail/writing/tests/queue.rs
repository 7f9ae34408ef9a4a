use futures_util::FutureExt as _;
use futures_util::future::join_all;

use super::failure::{config, message};
use crate::trail::tests::*;
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
    assert_eq!(sequences, (2..202).collect::<Vec<_>>());
    let syncs = trail.status().syncs - before;
    assert!((1..100).contains(&syncs), "{syncs} syncs for 200 records");
    thread.close().unwrap();
}

#[tokio::test]
async fn nobody_asks_nothing_is_synced_until_the_end() {
    let directory = tempfile::tempdir().unwrap();
    let (trail, thread) = open(directory.path());
    let before = trail.status();
    for _ in 0..10 {
        trail.reserve().await.record(&outcome(), Durability::Queue);
        trail.reserve().await.record(&outcome(), Durability::Write).unwrap().await.unwrap();
    }
    let after = trail.status();
    assert_eq!(after.syncs, before.syncs);
    assert_eq!((after.records, after.last_sequence, after.queued), (21, 21, 0));
    assert_eq!(after.bytes, segments(directory.path())[0].metadata().unwrap().len());
    let mut observer = trail.observer.status.clone();
    thread.close().unwrap();
    assert_eq!(observer.borrow_and_update().syncs, before.syncs + 1);
    assert!(!trail.is_writable());
}

#[tokio::test]
async fn what_a_power_cut_may_take_is_bounded() {
    let directory = tempfile::tempdir().unwrap();
    let (trail, thread) = open(directory.path());
    let before = trail.status().syncs;
    let Record::Outcome(outcome) = outcome() else { unreachable!() };
    let large = Record::Outcome(Outcome { detail: Some("x".repeat(1 << 20).into()), ..outcome });
    for _ in 0..3 {
        trail.reserve().await.record(&large, Durability::Write).unwrap().await.unwrap();
    }
    assert_eq!(trail.status().syncs, before);
    trail.reserve().await.record(&large, Durability::Queue);
    until(&trail, |status| status.syncs == before + 1).await;
    thread.close().unwrap();
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
        trail
            .reserve_intent()
            .now_or_never()
            .unwrap()
            .announce(&intent(), Durability::Sync)
            .unwrap()
            .await
            .unwrap();
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
    assert_eq!(receipt.await.unwrap(), Ok(2));
    writer.finish().unwrap();
    assert_eq!(kinds(directory.path()), ["start", "outcome", "stop"]);
}
