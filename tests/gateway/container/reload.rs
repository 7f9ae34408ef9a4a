//! Secrets and configuration as Kubernetes changes them, under a container that goes on.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::watch;

use super::place::{CONFIG, Place, SECRET};
use super::{ENDPOINT, SIDECAR};
use crate::support::client::Connection;
use crate::support::server::Call;
use crate::support::{admin, within};

fn sent(calls: &[Call], secret: &str) -> bool {
    calls.iter().any(|call| String::from_utf8_lossy(&call.body).contains(secret))
}

#[tokio::test]
#[ignore = "needs the image, which .ci/deploy image builds"]
async fn a_secret_that_is_swapped_is_used_and_fails_no_request() {
    let mut place = Place::new(ENDPOINT).await;
    let container = place.start().await;
    let serving = container.serving().await;
    serving.until_readyz(200).await;
    let (address, bearer) = (serving.address, place.issuer.token().bearer());
    let (over, answers) = (Arc::new(AtomicBool::new(false)), watch::Sender::new(0_usize));
    let (goes_on, count) = (Arc::clone(&over), answers.clone());
    let traffic = tokio::spawn(async move {
        let mut connection = Connection::open(address).await;
        while !goes_on.load(Ordering::Relaxed) {
            let answer = connection.send("GET", "/conferences/IM3", &[("Authorization", &bearer)], "").await;
            assert_eq!(answer.status, 200, "{}", answer.text());
            count.send_modify(|answers| *answers += 1);
        }
    });
    let some_more = async || {
        let enough = *answers.borrow() + 50;
        let mut answers = answers.subscribe();
        let answered = within("more answers", answers.wait_for(|answers| *answers >= enough)).await;
        drop(answered.expect("somebody who counts"));
    };
    some_more().await;
    let calls = place.vendor.server().calls();
    assert!(sent(&calls, &place.secrets.text(SECRET)) && !sent(&calls, "canary-second"));
    place.secrets.set(SECRET, "canary-second");
    place.vendor.server().wait_for("a token by the new secret", |calls| sent(calls, "canary-second")).await;
    let fetches = place.vendor.token_calls().len();
    assert_eq!(fetches, 2, "one at the start, and one for the new secret");
    some_more().await;
    over.store(true, Ordering::Relaxed);
    within("the end of the traffic", traffic).await.expect("no failed request");
    let lines = container.lines().join("\n");
    assert!(!lines.contains("canary"), "a secret in the log");
}

#[tokio::test]
#[ignore = "needs the image, which .ci/deploy image builds"]
async fn a_wrong_config_map_changes_nothing_until_it_is_mended() {
    let mut place = Place::new(SIDECAR).await;
    let container = place.start().await;
    let serving = container.serving().await;
    serving.until_readyz(200).await;
    let good = place.config.text(CONFIG);
    place.edit("[tenants.crm]", "[tenants.crm]\nmax_in_fligth = 3");
    let line = container.says(&["tenants.crm.max_in_fligth", "did you mean max_in_flight"]).await;
    assert!(line.starts_with('{'), "{line}");
    let bearer = place.issuer.token().bearer();
    assert_eq!(serving.call(&bearer, "GET", "/conferences/IM3", "").await.status, 200);
    admin::until_metric(serving.admin, "confgate_config_current", |current| current < 0.5).await;
    place.config.set(CONFIG, &good.replace("[tenants.crm]", "[tenants.crm]\nmax_in_flight = 3"));
    admin::until_metric(serving.admin, "confgate_config_current", |current| current > 0.5).await;
    serving.until_readyz(200).await;
}
