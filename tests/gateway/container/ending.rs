//! How a pod ends: in good order, and by a kill.

use tokio::sync::watch;

use super::place::Place;
use super::{ENDPOINT, SIDECAR};
use crate::support::books::Books;
use crate::support::dice::Dice;
use crate::support::load::{Load, call_until_moved_on};
use crate::support::within;

/// How many callers there are at once.
const CALLERS: usize = 8;

#[tokio::test]
#[ignore = "needs the image, which .ci/deploy image builds"]
async fn sigterm_fails_no_request_of_the_endpoint() {
    ends_without_a_failed_request(&Place::new(ENDPOINT).await, None).await;
}

#[tokio::test]
#[ignore = "needs the image, which .ci/deploy image builds"]
async fn pre_stop_and_sigterm_fail_no_request_of_an_app() {
    let place = Place::new(SIDECAR).await;
    let pre_stop = place.manifest.pre_stop().expect("a preStop");
    ends_without_a_failed_request(&place, Some(&pre_stop)).await;
}

/// Callers go on until some of their connections were closed in good order. Whatever is no 200 fails the test.
async fn ends_without_a_failed_request(place: &Place, pre_stop: Option<&[String]>) {
    let container = place.start().await;
    let serving = container.serving().await;
    serving.until_readyz(200).await;
    let bearer = place.issuer.token().bearer();
    let progress = watch::Sender::new(0);
    let call = || tokio::spawn(call_until_moved_on(serving.address, bearer.clone(), progress.clone()));
    let callers: Vec<_> = (0..CALLERS).map(|_| call()).collect();
    let some = progress.subscribe().wait_for(|answers| *answers >= 200).await.map(|_| ());
    within("some answers", async { some }).await.expect("callers");
    let stopping = serving.stop(pre_stop);
    let leaving = async {
        for caller in callers {
            within("a caller to be moved on", caller).await.expect("no failed request");
        }
    };
    let all = async { tokio::join!(stopping, leaving, container.ended_within(place.manifest.grace())) };
    let ((), (), code) = all.await;
    assert_eq!(code, 0);

    let (records, total) = (place.trail().records(), *progress.borrow());
    let answered = records.iter().filter(|record| record["kind"] == "outcome" && record["status"] == 200);
    assert_eq!(answered.count(), total);
    assert_eq!(place.vendor.calls().len(), total);
    let verified = place.verified().await;
    assert!(verified.starts_with("whole") && verified.contains("0 crashes"), "{verified}");
}

/// As the kernel does when memory is short, or a node goes down: the volume has what happened.
#[tokio::test]
#[ignore = "needs the image, which .ci/deploy image builds"]
async fn killed_under_load_the_volume_has_what_happened() {
    let (dice, place) = (Dice::new(), Place::new(ENDPOINT).await);
    let (mut books, trail) = (Books::default(), place.trail());
    let bearer = place.issuer.token().bearer();
    for _ in 0..2 {
        let container = place.start().await;
        let serving = container.serving().await;
        serving.until_readyz(200).await;
        let before = place.vendor.calls().len();
        let load = Load::start(serving.address, CALLERS, &bearer, &dice);
        place.vendor.wait_for(before + 300).await;
        container.signal("KILL").await;
        assert_eq!(container.ended().await, 128 + 9);
        let told = load.ended().await;
        // As it was left.
        let verified = place.verified().await;
        assert!(verified.starts_with("whole"), "{verified}");
        drop(container);

        // Another container of the same pod, which says what became of what the first had begun.
        let container = place.start().await;
        let serving = container.serving().await;
        serving.until_readyz(200).await;
        container.signal("KILL").await;
        container.ended().await;
        books.read(&trail);
        books.have_one_end_for_each_intent();
        books.know_the_answers(told.iter().filter(|told| told.is_mutation()));
        books.know_what_the_vendor_saw(&place.vendor.calls());
        let verified = place.verified().await;
        assert!(verified.starts_with("whole") && verified.contains("crash after sequence"), "{verified}");
    }
    let (intents, lost) = books.intents();
    println!("{intents} intents, {lost} of them lost to two kills");
}
