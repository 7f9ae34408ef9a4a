//! A configuration that changes while tokens are fetched.

use super::*;
use crate::upstream::Fetcher;

fn terms(client_id: &str) -> TokenTerms {
    let (tls, _) = tls_config(None).unwrap();
    TokenTerms {
        credentials: Credentials { client_id: client_id.into(), ..credentials("http://127.0.0.1:1") },
        config: TokenConfig::default(),
        fetcher: Fetcher::new(Connector::new(tls, FETCH), FETCH),
    }
}

#[tokio::test(start_paused = true)]
async fn new_credentials_are_tried_at_once_and_the_old_token_serves_meanwhile() {
    let source = Scripted::new([Outcome::Lives(DAY)]);
    let (handle, _actor) = start(&source);
    handle.obtain().await.unwrap();
    sleep(HOUR).await;
    handle.change(terms("another")).await;
    sleep(FETCH / 2).await;
    assert_eq!((source.fetches(), handle.current().unwrap().generation()), (2, 1));
    sleep(FETCH).await;
    assert_eq!(handle.current().unwrap().generation(), 2);
}

#[tokio::test(start_paused = true)]
async fn however_often_they_change_the_vendor_is_not_asked_more_often() {
    let source = Scripted::new([Outcome::Lives(DAY)]);
    let (handle, _actor) = start(&source);
    handle.obtain().await.unwrap();
    for _ in 0..50 {
        handle.change(terms("another")).await;
        sleep(Duration::from_secs(1)).await;
    }
    assert!(source.gaps().iter().all(|gap| *gap >= seconds(10)), "{:?}", source.gaps());
    assert!((5..=6).contains(&source.fetches()), "{}", source.fetches());
}

#[tokio::test(start_paused = true)]
async fn bad_credentials_that_are_mended_need_not_sit_out_their_back_off() {
    let source = Scripted::new([Outcome::Answers(400), Outcome::Lives(DAY)]);
    let (handle, _actor) = start(&source);
    sleep(seconds(60)).await;
    assert_eq!(source.fetches(), 1, "bad credentials rest for minutes");
    handle.change(terms("another")).await;
    sleep(2 * FETCH).await;
    assert!(handle.current().is_some());
    assert_eq!(source.fetches(), 2);
}

#[tokio::test(start_paused = true)]
async fn new_credentials_that_are_bad_leave_the_token_in_service() {
    let source = Scripted::new([Outcome::Lives(DAY), Outcome::Answers(400)]);
    let (handle, _actor) = start(&source);
    handle.obtain().await.unwrap();
    sleep(HOUR).await;
    handle.change(terms("another")).await;
    sleep(2 * FETCH).await;
    assert_eq!(handle.current().unwrap().generation(), 1);
    assert_eq!(handle.status().last_error, Some(TokenFault::Refused { status: 400, error: None }));
}

#[tokio::test(start_paused = true)]
async fn terms_with_the_same_credentials_cause_no_fetch() {
    let source = Scripted::new([Outcome::Lives(DAY)]);
    let (handle, _actor) = start(&source);
    handle.obtain().await.unwrap();
    sleep(HOUR).await;
    handle.change(terms("the first")).await;
    sleep(HOUR).await;
    assert_eq!(source.fetches(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_change_during_a_fetch_counts_after_it() {
    let source = Scripted::new([Outcome::Lives(DAY)]);
    let (handle, _actor) = start(&source);
    sleep(FETCH / 2).await;
    handle.change(terms("another")).await;
    sleep(FETCH).await;
    assert_eq!(source.fetches(), 1);
    sleep(seconds(10)).await;
    assert_eq!(source.fetches(), 2);
}
