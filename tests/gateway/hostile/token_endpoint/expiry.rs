//! Tokens that expire in the middle of a load.

use std::time::{Duration, Instant};

use futures_util::future::join_all;

use super::{PATH, has_token, no_token, until_keys};
use crate::support::cases::{Cases, case};
use crate::support::issuer::Issuer;
use crate::support::server::{Call, Reply};
use crate::support::vendor::Vendor;
use crate::support::within;

const LIFE: Duration = Duration::from_secs(5);
/// The part of it after which the next one is fetched, a tenth less at the earliest.
const REFRESHED: Duration = Duration::from_millis(900);
const CALLERS: usize = 8;

/// When the token that this call carries was given out. The vendor numbers them.
fn given_out(call: &Call, fetches: &[Call]) -> Instant {
    let number =
        call.headers.get("authorization").and_then(|bearer| bearer.strip_prefix("Bearer YWMt-test-"));
    let number: usize = number.expect("a token of the vendor's").parse().expect("a number");
    fetches[number - 1].at
}

#[tokio::test]
async fn a_load_does_not_notice_that_tokens_expire() {
    let (vendor, issuer) = (Vendor::start().await, Issuer::start().await);
    // The apps of the others ask for nothing, so that the numbers of the tokens are those of the fetches.
    for other in ["voicechatroom", "other"] {
        vendor.answer_tokens_for(other, Some(Reply::hang()));
    }
    vendor.set_expires_in(LIFE.as_secs());
    let changes =
        [("VENDOR__REFRESH_AT", "0.2"), ("VENDOR__MAX_BACKOFF", "200ms"), ("VENDOR__FETCH_TIMEOUT", "1m")];
    let begun = Instant::now();
    let cases = Cases::around("the token endpoint", 1, vendor, issuer, &changes).await;
    until_keys(&cases).await;
    cases.until_app(0, "a token", has_token).await;
    let (app, vendor) = (case(0), &cases.world.vendor);

    // While tokens come, nobody is turned away.
    cases.tally.fault();
    let load = join_all((0..CALLERS).map(|_| async {
        loop {
            let answer = cases.call(0, "GET", PATH, "").await;
            cases.tally.expect(answer.status == 200, || format!("in the load: {}", answer.text()));
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }));
    tokio::select! {
        () = vendor.wait_for_fetches(&app, 4) => {}
        _ = load => {}
    }
    let asked = vendor.fetches_for(&app);
    let most = begun.elapsed().as_millis() / REFRESHED.as_millis() + 2;
    cases.tally.expect(asked as u128 <= most, || format!("asked {asked} times"));

    // When none comes any more, the last one serves until it expires, and no longer.
    cases.tally.fault();
    vendor.answer_tokens_for(&app, Some(Reply::status(503)));
    let last = vendor.token_calls().iter().rfind(|fetch| fetch.path.contains(&app)).unwrap().at;
    let refused = async {
        loop {
            let answer = cases.call(0, "GET", PATH, "").await;
            if answer.status != 200 {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let refusal = within("the last token to expire", refused).await;
    no_token(&cases, &refusal, "after the last token");
    let served = last.elapsed();
    cases.tally.expect(served > LIFE / 2, || format!("the last token served for {served:?}"));
    vendor.answer_tokens_for(&app, None);
    cases.until_app(0, "a token", has_token).await;
    cases.tally.expect(cases.call(0, "GET", PATH, "").await.status == 200, || "it does not heal".to_owned());

    let fetches: Vec<Call> =
        vendor.token_calls().into_iter().filter(|fetch| fetch.path.contains(&app)).collect();
    // Those that were answered 503 have no number.
    let granted: Vec<Call> = [&fetches[..asked], &fetches[fetches.len() - 1..]].concat();
    for call in vendor.calls() {
        let age = call.at - given_out(&call, &granted);
        cases.tally.expect(age < LIFE, || format!("a token was sent {age:?} after it was given out"));
    }
    cases.finish().await;
}
