//! What an endpoint may say about how long a token lives: what makes no sense does not keep a good token away, and
//! does not have it asked for again and again.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;

use super::{PATH, has_token, until_keys};
use crate::support::cases::{Cases, case};
use crate::support::issuer::Issuer;
use crate::support::server::Reply;
use crate::support::vendor::Vendor;

const HOUR: f64 = 3600.0;
const LONGEST: f64 = 60.0 * 24.0 * HOUR;

/// What is said, and for how many seconds it is believed.
const LIVES: [(&str, f64); 20] = [
    ("", HOUR),
    (r#","expires_in":null"#, HOUR),
    (r#","expires_in":"""#, HOUR),
    (r#","expires_in":"never""#, HOUR),
    (r#","expires_in":"NaN""#, HOUR),
    (r#","expires_in":"inf""#, HOUR),
    (r#","expires_in":[60]"#, HOUR),
    (r#","expires_in":{"s":60}"#, HOUR),
    (r#","expires_in":true"#, HOUR),
    (r#","expires_in":7200"#, 2.0 * HOUR),
    (r#","expires_in":7200.75"#, 2.0 * HOUR),
    (r#","expires_in":"7200""#, 2.0 * HOUR),
    (r#","expires_in":" 7200 ""#, 2.0 * HOUR),
    (r#","expires_in":5184000"#, LONGEST),
    (r#","expires_in":5184000000"#, LONGEST),
    (r#","expires_in":9223372036854775807"#, LONGEST),
    (r#","expires_in":9223372036854775808"#, LONGEST),
    (r#","expires_in":99999999999999999999999999"#, LONGEST),
    (r#","expires_in":1e300"#, LONGEST),
    (r#","expires_in":"99999999999999999999999999""#, LONGEST),
];

#[tokio::test]
async fn any_life_that_is_not_over_is_believed_within_reason_and_asked_for_once() {
    let (vendor, issuer) = (Vendor::start().await, Issuer::start().await);
    for (number, (life, _)) in LIVES.into_iter().enumerate() {
        let token = format!(r#"{{"access_token":"YWMt-{number}"{life}}}"#);
        vendor.answer_tokens_for(&case(number), Some(Reply::body(200, "application/json", token)));
        vendor.answer_for(&case(number), Some(Reply::json(200, &json!({"error": 0}))));
    }
    let cases = Cases::around("the token endpoint", LIVES.len(), vendor, issuer, &[]).await;
    until_keys(&cases).await;
    join_all(LIVES.into_iter().enumerate().map(async |(number, (life, believed))| {
        cases.tally.input();
        cases.until_app(number, "a token", has_token).await;
        for answer in join_all((0..16).map(|_| cases.call(number, "GET", PATH, ""))).await {
            cases.tally.expect(answer.status == 200, || format!("{life}: {}", answer.text()));
        }
        let lives = |app: &serde_json::Value| {
            let left = app["token"]["expires_in_seconds"].as_f64().unwrap();
            // Less half a minute's margin, and the time that has passed.
            (believed - 90.0..=believed).contains(&left)
        };
        cases.until_app(number, life, lives).await;
        let asked = cases.world.vendor.fetches_for(&case(number));
        cases.tally.expect(asked == 1, || format!("{life}: asked {asked} times"));
        let calls = cases.world.vendor.calls_of(&case(number));
        let bearer = format!("Bearer YWMt-{number}");
        let sent = calls.iter().all(|call| call.headers.get("authorization") == Some(&*bearer));
        cases.tally.expect(sent, || format!("{life}: another token was sent"));
    }))
    .await;
    cases.finish().await;
}

/// Over before it can be used, again and again: the interval is kept all the same.
#[tokio::test]
async fn lives_that_are_over_at_once_are_no_reason_to_hurry() {
    const INTERVAL: Duration = Duration::from_millis(100);
    let lives = [json!(1e-9), json!(0.001), json!("0.01"), json!(0.02)];
    let (vendor, issuer) = (Vendor::start().await, Issuer::start().await);
    for (number, life) in lives.iter().enumerate() {
        let token = json!({"access_token": "YWMt-x", "expires_in": life});
        vendor.answer_tokens_for(&case(number), Some(Reply::json(200, &token)));
        vendor.answer_for(&case(number), Some(Reply::json(200, &json!({"error": 0}))));
    }
    let changes = [("VENDOR__MIN_INTERVAL", "100ms")];
    let cases = Cases::around("the token endpoint", lives.len(), vendor, issuer, &changes).await;
    until_keys(&cases).await;
    join_all(lives.iter().enumerate().map(async |(number, life)| {
        cases.tally.fault();
        let calling = async {
            loop {
                let answer = cases.call(number, "GET", PATH, "").await;
                let known = answer.status == 200 || answer.problem() == "vendor_token_unavailable";
                cases.tally.expect(known, || format!("{life}: {}", answer.text()));
            }
        };
        let app = case(number);
        tokio::select! {
            () = cases.world.vendor.wait_for_fetches(&app, 6) => {}
            () = calling => {}
        }
        let fetches = cases.world.vendor.token_calls();
        let of_app: Vec<_> =
            fetches.iter().filter(|fetch| fetch.path.contains(&format!("/{app}/"))).collect();
        for pair in of_app.windows(2) {
            let gap = pair[1].at - pair[0].at;
            cases.tally.expect(gap >= INTERVAL, || format!("{life}: asked again after {gap:?}"));
        }
    }))
    .await;
    cases.finish().await;
}
