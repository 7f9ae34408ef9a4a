//! A vendor that has had enough: that app pauses for as long as it is told to, within reason, and no other does.

use std::time::Duration;

use futures_util::future::join_all;
use jiff::fmt::rfc2822::DateTimePrinter;
use jiff::{SignedDuration, Timestamp};

use crate::support::CREATE;
use crate::support::cases::{Cases, case};
use crate::support::server::Reply;
use crate::support::within;

/// When the vendor does not say how long.
const DEFAULT: Duration = Duration::from_millis(300);
/// Whatever the vendor says.
const LONGEST: Duration = Duration::from_millis(900);

/// What the vendor says about how long, and how long the pause is at least; none where that is no time at all.
fn asked() -> Vec<(Vec<String>, Option<Duration>)> {
    let date = |seconds: i64| {
        let then = Timestamp::now() + SignedDuration::from_secs(seconds);
        DateTimePrinter::new().timestamp_to_rfc9110_string(&then).unwrap()
    };
    vec![
        (vec![], Some(DEFAULT)),
        (vec!["1".into()], Some(LONGEST)),
        (vec!["86400".into()], Some(LONGEST)),
        (vec!["9".repeat(40)], Some(LONGEST)),
        (vec![date(3600)], Some(LONGEST)),
        (vec!["0".into()], None),
        (vec![date(-3600)], None),
        (vec!["-1".into()], Some(DEFAULT)),
        (vec!["1.5".into()], Some(DEFAULT)),
        (vec!["soon".into()], Some(DEFAULT)),
        (vec!["\u{ff}".into()], Some(DEFAULT)),
        (vec![String::new()], Some(DEFAULT)),
        (vec!["1".into(), "0".into()], Some(LONGEST)),
    ]
}

#[tokio::test]
async fn an_app_pauses_for_as_long_as_it_is_told_within_reason() {
    let times: Vec<_> = [429, 503]
        .into_iter()
        .flat_map(|status| asked().into_iter().map(move |asked| (status, asked)))
        .collect();
    let cases = Cases::ready(
        "the vendor",
        times.len() + 1,
        &[("VENDOR__PAUSE", "300ms"), ("VENDOR__MAX_PAUSE", "900ms"), ("LISTEN__WORKERS", "1")],
    )
    .await;
    let throttled = join_all(times.iter().enumerate().map(|(number, (status, (asked, pause)))| {
        let reply =
            asked.iter().fold(Reply::status(*status), |reply, asked| reply.header("Retry-After", asked));
        throttle(&cases, number, *status, reply, *pause)
    }));
    // All the while, somebody else's app is called.
    let other = async {
        loop {
            let answer = cases.call(times.len(), "GET", "/conferences/IM3", "").await;
            cases.tally.expect(answer.status == 200, || format!("another app: {}", answer.text()));
        }
    };
    tokio::select! {
        _ = throttled => {}
        () = other => {}
    }
    cases.finish().await;
}

async fn throttle(cases: &Cases, number: usize, status: u16, reply: Reply, pause: Option<Duration>) {
    let (app, vendor) = (case(number), &cases.world.vendor);
    let said = format!("{reply:?}");
    cases.tally.fault();
    vendor.script_for(&app, reply);
    let answer = cases.call(number, "POST", "/conferences", CREATE).await;
    cases.tally.expect(answer.status == status && answer.header("proxy-status").is_some(), || answer.text());
    let seen = vendor.calls_of(&app).len();
    let mut refused = 0;
    let waiting = async {
        loop {
            let answer = cases.call(number, "POST", "/conferences", CREATE).await;
            if answer.status == 200 {
                return;
            }
            let paused = answer.problem() == "vendor_paused" && answer.header("retry-after") == Some("1");
            cases.tally.expect(paused, || format!("{said}: {}", answer.text()));
            cases.tally.expect(vendor.calls_of(&app).len() == seen, || format!("{said}: no pause"));
            refused += 1;
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    within("the end of a pause", waiting).await;
    cases.tally.expect(refused == 0 || pause.is_some(), || format!("{said}: refused {refused} times"));
    let [throttled, next] = &vendor.calls_of(&app)[seen - 1..] else { panic!("{said}: sent twice") };
    let paused = next.at - throttled.at;
    cases.tally.expect(paused >= pause.unwrap_or_default(), || format!("{said}: a pause of {paused:?}"));
}
