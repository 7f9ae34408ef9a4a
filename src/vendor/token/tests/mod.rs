//! The actor against a scripted source under a paused clock: what is promised about time, to the second.

mod changes;

use std::collections::VecDeque;
use std::sync::Mutex;

use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{advance, sleep, sleep_until};

use super::source::{Failure, Grant, Source};
use super::*;
use crate::upstream::scripted::{Server, on_a_worker};
use crate::upstream::{Connector, tls_config};

const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);

/// Each fetch takes 100 ms, is noted, and brings the next outcome; the last one again and again.
#[derive(Clone, Default)]
struct Scripted {
    outcomes: Arc<Mutex<VecDeque<Outcome>>>,
    begun: Arc<Mutex<Vec<Instant>>>,
}

#[derive(Clone)]
enum Outcome {
    Lives(Duration),
    Answers(u16),
    Throttles(Duration),
    Panics,
}

impl Scripted {
    fn new(outcomes: impl IntoIterator<Item = Outcome>) -> Self {
        Self { outcomes: Arc::new(Mutex::new(outcomes.into_iter().collect())), begun: Arc::default() }
    }

    fn fetches(&self) -> usize {
        self.begun.lock().unwrap().len()
    }

    /// The waits between the end of a fetch and the start of the next.
    fn gaps(&self) -> Vec<Duration> {
        let begun = self.begun.lock().unwrap();
        begun.windows(2).map(|pair| pair[1] - (pair[0] + FETCH)).collect()
    }
}

const FETCH: Duration = Duration::from_millis(100);

impl Source for Scripted {
    async fn fetch(&self) -> Result<Grant, Failure> {
        self.begun.lock().unwrap().push(Instant::now());
        sleep(FETCH).await;
        let outcome = {
            let mut outcomes = self.outcomes.lock().unwrap();
            if outcomes.len() > 1 { outcomes.pop_front() } else { outcomes.front().cloned() }
        };
        match outcome.unwrap() {
            Outcome::Lives(life) => {
                let token = format!("Bearer {}", self.fetches());
                Ok(Grant { authorization: HeaderValue::try_from(token).unwrap(), life })
            }
            Outcome::Answers(status) => Err(TokenFault::Refused { status, error: None }.into()),
            Outcome::Panics => panic!("on purpose, to see what becomes of the next fetch"),
            Outcome::Throttles(wait) => Err(Failure {
                fault: TokenFault::Refused { status: 429, error: None },
                retry_after: Some(wait),
            }),
        }
    }

    /// The credentials are new wherever they are another client's.
    fn adopt(&mut self, terms: TokenTerms) -> bool {
        terms.credentials.client_id != "the first"
    }
}

fn start(source: &Scripted) -> (TokenHandle, JoinHandle<()>) {
    let (handle, actor) = actor_with(source.clone(), TokenConfig::default(), "org/app");
    (handle, tokio::spawn(actor.run()))
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[tokio::test(start_paused = true)]
async fn the_first_token_is_fetched_at_once_and_waited_for() {
    let source = Scripted::new([Outcome::Lives(DAY)]);
    let (handle, _actor) = start(&source);
    assert!(handle.current().is_none());
    let token = handle.obtain().await.unwrap();
    assert_eq!(token.generation(), 1);
    assert_eq!(handle.current().unwrap().generation(), 1);
    assert_eq!(source.fetches(), 1);
    let status = handle.status();
    assert!(status.has_token && status.last_error.is_none() && status.expires_in > Some(23 * HOUR));
}

#[tokio::test(start_paused = true)]
async fn it_is_renewed_around_half_of_its_life() {
    let source = Scripted::new([Outcome::Lives(DAY)]);
    let (handle, _actor) = start(&source);
    sleep(30 * DAY).await;
    assert!(handle.status().has_token);
    for gap in source.gaps() {
        assert!((DAY * 44 / 100..DAY * 56 / 100).contains(&gap), "{gap:?}");
    }
    assert!(source.fetches() >= 54);
}

#[tokio::test(start_paused = true)]
async fn two_hundred_refused_at_once_make_one_fetch() {
    let source = Scripted::new([Outcome::Lives(DAY)]);
    let (handle, _actor) = start(&source);
    handle.obtain().await.unwrap();
    sleep(HOUR).await;
    let mut callers = JoinSet::new();
    for delay in 0..200 {
        let handle = handle.clone();
        callers.spawn(async move {
            // Some come while the fetch runs, some after it: their 401 is late.
            sleep(Duration::from_millis(delay)).await;
            handle.replace(1).await.unwrap().generation()
        });
    }
    assert!(callers.join_all().await.iter().all(|generation| *generation == 2));
    assert_eq!(source.fetches(), 2);
}

#[tokio::test(start_paused = true)]
async fn the_old_token_serves_while_it_is_replaced_and_when_that_fails() {
    let source = Scripted::new([Outcome::Lives(DAY), Outcome::Answers(500)]);
    let (handle, _actor) = start(&source);
    handle.obtain().await.unwrap();
    sleep(HOUR).await;
    let replacing = tokio::spawn({
        let handle = handle.clone();
        async move { handle.replace(1).await }
    });
    sleep(FETCH / 2).await;
    assert_eq!(handle.obtain().await.unwrap().generation(), 1);
    let unavailable = replacing.await.unwrap().unwrap_err();
    assert_eq!(unavailable.fault, TokenFault::Refused { status: 500, error: None });
    assert_eq!(handle.current().unwrap().generation(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_fetch_goes_on_when_its_caller_has_gone() {
    let source = Scripted::new([Outcome::Lives(DAY)]);
    let (handle, _actor) = start(&source);
    handle.obtain().await.unwrap();
    sleep(HOUR).await;
    let impatient = tokio::time::timeout(FETCH / 2, handle.replace(1)).await;
    assert!(impatient.is_err());
    sleep(FETCH).await;
    assert_eq!(handle.current().unwrap().generation(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_token_refused_within_the_interval_is_not_replaced_yet() {
    let source = Scripted::new([Outcome::Lives(DAY)]);
    let (handle, _actor) = start(&source);
    handle.obtain().await.unwrap();
    advance(seconds(4)).await;
    let unavailable = handle.replace(1).await.unwrap_err();
    assert_eq!((unavailable.fault, unavailable.retry_after), (TokenFault::JustRenewed, seconds(6)));
    assert_eq!(source.fetches(), 1);
    advance(seconds(6)).await;
    assert_eq!(handle.replace(1).await.unwrap().generation(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_401_that_no_token_cures_is_asked_about_ever_more_seldom() {
    let source = Scripted::new([Outcome::Lives(30 * DAY)]);
    let (handle, _actor) = start(&source);
    let mut generation = handle.obtain().await.unwrap().generation();
    let end = Instant::now() + DAY;
    while Instant::now() < end {
        // A caller every second, refused each time.
        sleep(seconds(1)).await;
        if let Ok(token) = handle.replace(generation).await {
            generation = token.generation();
        }
    }
    let gaps = source.gaps();
    assert!(gaps.iter().all(|gap| *gap >= seconds(10)));
    assert!(gaps.iter().skip(6).all(|gap| *gap >= seconds(150)), "{gaps:?}");

    // Once a token has served for long, a 401 is taken at its word again.
    sleep(HOUR).await;
    assert!(handle.replace(generation).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn failures_back_off_and_callers_are_told_at_once() {
    let source = Scripted::new([Outcome::Answers(503)]);
    let (handle, _actor) = start(&source);
    let first = handle.obtain().await.unwrap_err();
    assert_eq!(first.fault, TokenFault::Refused { status: 503, error: None });
    assert!((seconds(10)..=seconds(20)).contains(&first.retry_after));

    let asked = Instant::now();
    let second = handle.obtain().await.unwrap_err();
    assert_eq!((second, asked.elapsed()), (first, Duration::ZERO));

    sleep(DAY).await;
    let gaps = source.gaps();
    for (step, gap) in gaps.iter().enumerate() {
        let bound = seconds(20 << step.min(4)).min(seconds(300));
        assert!((bound / 2..=bound + FETCH).contains(gap), "{step}: {gap:?}");
    }
    assert!(gaps.len() > 280);
}

#[tokio::test(start_paused = true)]
async fn waiting_as_told_works() {
    let source = Scripted::new([Outcome::Answers(503), Outcome::Lives(DAY)]);
    let (handle, _actor) = start(&source);
    let unavailable = handle.obtain().await.unwrap_err();
    sleep(unavailable.retry_after).await;
    assert!(handle.obtain().await.is_ok());
    assert_eq!(handle.status().failures, 0);
}

#[tokio::test(start_paused = true)]
async fn bad_credentials_rest_at_once_as_long_as_anything() {
    for status in [400, 401, 404] {
        let source = Scripted::new([Outcome::Answers(status)]);
        let (handle, _actor) = start(&source);
        let unavailable = handle.obtain().await.unwrap_err();
        assert!((seconds(150)..=seconds(300)).contains(&unavailable.retry_after), "{unavailable:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_vendors_own_wait_is_kept_within_bounds() {
    for (asked, least, most) in [(60, 60, 60), (1, 10, 20), (86400, 300, 300)] {
        let source = Scripted::new([Outcome::Throttles(seconds(asked))]);
        let (handle, _actor) = start(&source);
        let wait = handle.obtain().await.unwrap_err().retry_after;
        assert!((seconds(least)..=seconds(most)).contains(&wait), "{asked}: {wait:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_expired_token_is_never_handed_out() {
    let source = Scripted::new([Outcome::Lives(HOUR), Outcome::Answers(500)]);
    let (handle, _actor) = start(&source);
    let begun = Instant::now();
    handle.obtain().await.unwrap();
    // Counted from before the fetch, less the margin.
    sleep_until(begun + HOUR - seconds(31)).await;
    assert!(handle.current().is_some());
    sleep(seconds(1)).await;
    assert!(handle.current().is_none());
    assert!(handle.obtain().await.is_err() && handle.replace(1).await.is_err());
    let status = handle.status();
    assert!(!status.has_token && status.expires_in == Some(Duration::ZERO));
}

#[tokio::test(start_paused = true)]
async fn a_life_shorter_than_the_interval_leaves_a_gap_rather_than_ask_more_often() {
    let source = Scripted::new([Outcome::Lives(seconds(4))]);
    let (handle, _actor) = start(&source);
    handle.obtain().await.unwrap();
    sleep(seconds(5)).await;
    let unavailable = handle.obtain().await.unwrap_err();
    assert_eq!(unavailable.fault, TokenFault::Expired);
    sleep(HOUR).await;
    assert!(source.gaps().iter().all(|gap| *gap >= seconds(10)));
    assert!(source.fetches() > 300);
}

#[tokio::test(start_paused = true)]
async fn the_actor_ends_with_its_last_handle() {
    for outcome in [Outcome::Lives(DAY), Outcome::Answers(500)] {
        let (handle, actor) = start(&Scripted::new([outcome]));
        let another = handle.clone();
        let _ = handle.obtain().await;
        drop(handle);
        sleep(seconds(1)).await;
        assert!(!actor.is_finished());
        drop(another);
        actor.await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn without_its_actor_a_handle_fails_and_does_not_hang() {
    let source = Scripted::new([Outcome::Lives(HOUR)]);
    let (handle, actor) = start(&source);
    handle.obtain().await.unwrap();
    actor.abort();
    sleep(seconds(20)).await;
    assert_eq!(handle.replace(1).await.unwrap_err().fault, TokenFault::Stopped);
    assert!(handle.current().is_some());
}

#[test]
fn over_a_real_socket_two_hundred_refused_at_once_make_one_fetch() {
    on_a_worker(async {
        let server = Server::start(|number, mut wire| async move {
            wire.serve(&format!(r#"{{"access_token":"YWMt{number}","expires_in":5184000}}"#)).await;
        })
        .await;
        let (tls, _) = tls_config(None).unwrap();
        let fetcher = Fetcher::new(Connector::new(tls, HOUR), HOUR);
        let config = TokenConfig { min_interval: Duration::from_millis(5), ..TokenConfig::default() };
        let (handle, actor) =
            token_actor(TokenTerms { credentials: credentials(&server.url()), config, fetcher });
        tokio::spawn(actor);

        let first = handle.obtain().await.unwrap();
        assert_eq!(first.authorization(), "Bearer YWMt0");
        sleep(Duration::from_millis(10)).await;
        let callers: JoinSet<_> = (0..200)
            .map(|_| {
                let handle = handle.clone();
                async move { handle.replace(1).await.unwrap() }
            })
            .collect();
        for token in callers.join_all().await {
            assert_eq!(token.authorization(), "Bearer YWMt1");
        }
        assert_eq!(server.record.accepted.get(), 2);
        assert!(!format!("{:?} {:?}", handle.current(), handle.status()).contains("YWMt"));
    });
}

fn credentials(url: &str) -> Credentials {
    Credentials {
        endpoint: Endpoint::parse(url).unwrap(),
        org: OrgName::parse("org").unwrap(),
        app: AppName::parse("app").unwrap(),
        client_id: "id".into(),
        client_secret: "secret".into(),
    }
}

#[tokio::test(start_paused = true)]
async fn a_panic_is_one_failed_fetch() {
    let source = Scripted::new([Outcome::Lives(HOUR), Outcome::Panics, Outcome::Lives(DAY)]);
    let (handle, actor) = start(&source);
    let first = handle.obtain().await.unwrap();
    while source.fetches() < 3 {
        assert_eq!(handle.current().unwrap().generation(), first.generation(), "the good one serves on");
        sleep(seconds(1)).await;
    }
    assert!(source.gaps().iter().all(|gap| *gap >= TokenConfig::default().min_interval));
    sleep(seconds(1)).await;
    assert_ne!(handle.current().unwrap().generation(), first.generation());
    assert!(!actor.is_finished());
}
