//! The vendor bans accounts that ask for tokens too often: whatever its endpoint says or does not say, and whoever
//! calls meanwhile, it is asked once at a time, at least `vendor.min_interval` apart, and ever more seldom while it
//! fails. Every test here counts the calls that it saw. What a 401 of the vendor's does to a token is in
//! `trouble::replay`.

mod answers;
mod clock;
mod expiry;
mod lives;
mod troubles;

use serde_json::Value;

use crate::support::cases::Cases;
use crate::support::client::Answer;

const PATH: &str = "/conferences/IM3";

/// Waits until callers are known; there may be no token for the vendor.
async fn until_keys(cases: &Cases) {
    cases.world.until_status("keys", |status| status["issuers"][0]["usable"] == true).await;
}

/// The caller is told that there is no token, and when to come again.
fn no_token(cases: &Cases, answer: &Answer, what: &str) {
    let refused = answer.status == 503
        && answer.problem() == "vendor_token_unavailable"
        && answer.header("retry-after").is_some_and(|wait| wait.parse::<u64>().is_ok_and(|wait| wait > 0));
    cases.tally.expect(refused, || format!("{what}: {} {}", answer.status, answer.text()));
}

fn has_token(app: &Value) -> bool {
    app["token"]["present"] == true && app["token"]["last_error"].is_null()
}
