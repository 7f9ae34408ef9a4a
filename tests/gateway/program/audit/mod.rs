//! `confgate audit`: whether a trail is whole, and what it says.

mod tail;
mod verify;

use std::path::Path;

use crate::support::client;
use crate::support::program::{Served, confgate, run};

/// A served gateway with a few records in its trail, and these keys of the configuration changed.
async fn with_records(changes: &[(&str, &str)]) -> Served {
    let served = Served::with(changes).await;
    call_some(&served).await;
    served
}

/// Leaves three records in the trail.
async fn call_some(served: &Served) {
    let bearer = served.issuer.token().bearer();
    for path in ["/conferences/IM1", "/nothing", "/conferences/IM2"] {
        let answer = client::send(served.address, "GET", path, &[("Authorization", &bearer)], "").await;
        served.trail.outcome_of(answer.header("x-request-id").expect("an id")).await;
    }
}

#[tokio::test]
async fn a_trail_that_is_not_there_is_no_good_one() {
    let missing = Path::new("/nonexistent/audit");
    for command in ["verify", "tail"] {
        let ended = run(&mut confgate(["audit".as_ref(), command.as_ref(), missing.as_os_str()])).await;
        assert_eq!((ended.code, ended.output.as_str()), (Some(1), ""), "{ended:?}");
        assert!(ended.error.contains("/nonexistent/audit"), "{ended:?}");
    }
}
