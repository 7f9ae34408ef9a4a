use tokio::time::advance;

use super::*;

const CONFIG: BreakerConfig =
    BreakerConfig { failures: 3, pause: Duration::from_secs(1), longest: Duration::from_secs(3) };

fn breaker() -> Arc<Breaker> {
    Arc::new(Breaker::new(AppKey::parse("meet").unwrap(), CONFIG))
}

fn fail(breaker: &Arc<Breaker>) {
    breaker.failed(breaker.enter().unwrap());
}

fn open(breaker: &Arc<Breaker>) -> Duration {
    (0..CONFIG.failures).for_each(|_| fail(breaker));
    breaker.enter().unwrap_err()
}

#[tokio::test(start_paused = true)]
async fn failures_in_a_row_open_it_and_a_success_between_them_does_not() {
    let breaker = breaker();
    for _ in 0..10 {
        fail(&breaker);
        fail(&breaker);
        breaker.succeeded(breaker.enter().unwrap());
    }
    assert_eq!((breaker.status().state, breaker.status().openings), (BreakerState::Closed, 0));
    let wait = open(&breaker);
    assert!((500..=1000).contains(&wait.as_millis()), "{wait:?}");
    assert_eq!((breaker.status().state, breaker.status().openings), (BreakerState::Open, 1));
    assert_eq!(breaker.status().probe_in, Some(wait));
}

#[tokio::test(start_paused = true)]
async fn one_probe_at_a_time_decides() {
    let breaker = breaker();
    advance(open(&breaker)).await;
    let probe = breaker.enter().unwrap();
    assert_eq!(breaker.enter().unwrap_err(), WHILE_PROBED);
    assert_eq!(breaker.status().state, BreakerState::HalfOpen);
    breaker.failed(probe);
    assert_eq!((breaker.status().state, breaker.status().openings), (BreakerState::Open, 2));
    advance(breaker.enter().unwrap_err()).await;
    breaker.succeeded(breaker.enter().unwrap());
    assert_eq!(
        breaker.status(),
        BreakerStatus { state: BreakerState::Closed, failures: 0, openings: 2, probe_in: None }
    );
}

#[tokio::test(start_paused = true)]
async fn each_failed_probe_doubles_the_wait_up_to_a_bound() {
    let breaker = breaker();
    let mut wait = open(&breaker);
    for longest in [2000, 3000, 3000, 3000] {
        advance(wait).await;
        fail(&breaker);
        wait = breaker.enter().unwrap_err();
        assert!((longest / 2..=longest).contains(&wait.as_millis()), "{wait:?} of {longest}");
    }
    advance(wait).await;
    breaker.succeeded(breaker.enter().unwrap());
    assert!(open(&breaker) <= CONFIG.pause, "it begins anew");
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_comes_to_no_end_makes_room_for_another() {
    let breaker = breaker();
    advance(open(&breaker)).await;
    for _ in 0..3 {
        drop(breaker.enter().unwrap());
        assert_eq!(breaker.status().openings, 1);
    }
    breaker.succeeded(breaker.enter().unwrap());
    assert_eq!(breaker.status().state, BreakerState::Closed);
}

#[tokio::test(start_paused = true)]
async fn what_began_before_a_change_says_nothing_after_it() {
    let breaker = breaker();
    let [good, bad, late] = [(); 3].map(|()| breaker.enter().unwrap());
    advance(open(&breaker)).await;
    breaker.succeeded(good);
    breaker.failed(bad);
    assert_eq!((breaker.status().state, breaker.status().openings), (BreakerState::Open, 1));
    let probe = breaker.enter().unwrap();
    breaker.succeeded(late);
    assert_eq!(breaker.status().state, BreakerState::HalfOpen);
    breaker.succeeded(probe);
    assert_eq!(breaker.status().state, BreakerState::Closed);
}

#[tokio::test(start_paused = true)]
async fn none_opens_one_that_is_off() {
    let off = BreakerConfig { failures: 0, ..CONFIG };
    let breaker = Arc::new(Breaker::new(AppKey::parse("meet").unwrap(), off));
    (0..100).for_each(|_| fail(&breaker));
    assert_eq!(breaker.status().state, BreakerState::Closed);
}

#[tokio::test(start_paused = true)]
async fn a_reload_leaves_it_as_it_is() {
    let breaker = breaker();
    let wait = open(&breaker);
    let key = AppKey::parse("meet").unwrap();
    assert!(Arc::ptr_eq(&breaker, &breaker.with(&key, CONFIG)));
    let patient = BreakerConfig { failures: 10, ..CONFIG };
    let changed = breaker.with(&key, patient);
    assert_eq!((changed.enter().unwrap_err(), changed.status().openings), (wait, 1));
    advance(wait).await;
    let probe = changed.enter().unwrap();
    let changed = changed.with(&key, CONFIG);
    drop(probe);
    changed.succeeded(changed.enter().unwrap());
    assert_eq!(changed.status().state, BreakerState::Closed);
}

#[test]
fn threads_let_one_probe_through() {
    let config = BreakerConfig { pause: Duration::ZERO, ..CONFIG };
    let breaker = Arc::new(Breaker::new(AppKey::parse("meet").unwrap(), config));
    (0..CONFIG.failures).for_each(|_| fail(&breaker));
    let inside = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for turn in 0..10_000 {
                    let Ok(probe) = breaker.enter() else { continue };
                    assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0, "a second probe");
                    inside.fetch_sub(1, Ordering::SeqCst);
                    if turn % 2 == 0 { breaker.failed(probe) } else { drop(probe) }
                }
            });
        }
    });
    assert_eq!(breaker.status().state, BreakerState::Open);
}
