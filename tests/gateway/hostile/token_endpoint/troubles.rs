//! An endpoint in trouble is left alone: asked once by everybody together, and then ever more seldom.

use std::time::Duration;

use futures_util::future::join_all;

use super::answers::{Trouble, troubles};
use super::{PATH, has_token, no_token, until_keys};
use crate::support::CREATE;
use crate::support::cases::{Cases, case};
use crate::support::issuer::Issuer;
use crate::support::server::{Gate, Reply};
use crate::support::vendor::Vendor;

const CAMPAIGN: &str = "the token endpoint";

/// Around a vendor each of whose apps has a trouble of its own.
async fn troubled(troubles: &[Trouble], changes: &[(&str, &str)]) -> Cases {
    let (vendor, issuer) = (Vendor::start().await, Issuer::start().await);
    for (number, trouble) in troubles.iter().enumerate() {
        vendor.answer_tokens_for(&case(number), Some(trouble.reply.clone()));
    }
    let changes = [changes, &[("VENDOR__FETCH_TIMEOUT", "500ms")]].concat();
    let cases = Cases::around(CAMPAIGN, troubles.len(), vendor, issuer, &changes).await;
    until_keys(&cases).await;
    cases
}

#[tokio::test]
async fn trouble_is_asked_about_once_however_many_call() {
    const CALLERS: usize = 16;
    let troubles = troubles();
    let hour = [("VENDOR__MIN_INTERVAL", "1h"), ("VENDOR__MAX_BACKOFF", "1h")];
    let cases = troubled(&troubles, &hour).await;
    join_all(troubles.iter().enumerate().map(async |(number, trouble)| {
        cases.tally.fault();
        let callers = (0..CALLERS).map(|caller| match caller % 2 {
            0 => cases.call(number, "GET", PATH, ""),
            _ => cases.call(number, "POST", "/conferences", CREATE),
        });
        // All at once, while it is asked; and once more, when all is known.
        for answer in join_all(callers).await {
            no_token(&cases, &answer, trouble.name);
        }
        no_token(&cases, &cases.call(number, "DELETE", PATH, "").await, trouble.name);
        let asked = cases.world.vendor.fetches_for(&case(number));
        cases.tally.expect(asked == 1, || format!("{}: asked {asked} times", trouble.name));
    }))
    .await;
    let vendor = &cases.world.vendor;
    cases.tally.expect(vendor.calls().is_empty(), || "a call without a token was made".to_owned());
    let flooded = vendor.server().flooded();
    cases.tally.expect(flooded < 16 << 20, || format!("{flooded} bytes of an answer were taken"));
    cases.finish().await;
}

const MIN: Duration = Duration::from_millis(50);
const MAX: Duration = Duration::from_millis(400);

#[tokio::test]
async fn trouble_is_asked_about_ever_more_seldom_until_it_is_over() {
    let troubles = troubles();
    let changes = [("VENDOR__MIN_INTERVAL", "50ms"), ("VENDOR__MAX_BACKOFF", "400ms")];
    let cases = troubled(&troubles, &changes).await;
    join_all(troubles.iter().enumerate().map(|(number, trouble)| go_through(&cases, number, trouble))).await;
    cases.finish().await;
}

async fn go_through(cases: &Cases, number: usize, trouble: &Trouble) {
    const ATTEMPTS: usize = 5;
    let (app, vendor) = (case(number), &cases.world.vendor);
    cases.tally.fault();
    // Whoever calls in between does not hasten it.
    let calling = async {
        loop {
            no_token(cases, &cases.call(number, "GET", PATH, "").await, trouble.name);
            tokio::time::sleep(MIN).await;
        }
    };
    tokio::select! {
        () = vendor.wait_for_fetches(&app, ATTEMPTS) => {}
        () = calling => {}
    }
    let fetches = vendor.token_calls();
    let times: Vec<_> = fetches
        .iter()
        .filter(|fetch| fetch.path.contains(&format!("/{app}/")))
        .map(|fetch| fetch.at)
        .collect();
    for (failures, pair) in times.windows(2).enumerate() {
        let steps = if trouble.permanent { 10 } else { u32::try_from(failures).unwrap() + 1 };
        // By chance between half of it and all of it.
        let backed_off = (MIN * 2_u32.pow(steps)).min(MAX) / 2;
        let least = backed_off.max(trouble.asked.min(MAX)).max(MIN);
        let gap = pair[1] - pair[0];
        cases
            .tally
            .expect(gap >= least, || format!("{}: {gap:?} after {failures}, not {least:?}", trouble.name));
    }
    vendor.answer_tokens_for(&app, None);
    cases.until_app(number, "a token", has_token).await;
    let asked = vendor.fetches_for(&app);
    for answer in join_all((0..8).map(|_| cases.call(number, "GET", PATH, ""))).await {
        cases.tally.expect(answer.status == 200, || format!("{}: {}", trouble.name, answer.text()));
    }
    cases.tally.expect(vendor.fetches_for(&app) == asked, || format!("{}: asked again", trouble.name));
}

#[tokio::test]
async fn sixty_four_callers_wait_for_one_fetch() {
    let (vendor, issuer) = (Vendor::start().await, Issuer::start().await);
    let gate = Gate::closed();
    vendor.hold_tokens(&gate);
    let cases = Cases::around(CAMPAIGN, 1, vendor, issuer, &[]).await;
    until_keys(&cases).await;
    cases.tally.fault();
    let callers = join_all((0..64).map(|_| cases.call(0, "POST", "/conferences", CREATE)));
    let opening = async {
        cases.world.until_connections(64).await;
        gate.open();
    };
    let (answers, ()) = tokio::join!(callers, opening);
    cases.tally.expect(answers.iter().all(|answer| answer.status == 200), || format!("{answers:?}"));
    let (asked, made) = (cases.world.vendor.fetches_for(&case(0)), cases.world.vendor.calls().len());
    cases.tally.expect((asked, made) == (1, 64), || format!("{asked} fetches, {made} calls"));
    cases.finish().await;
}

#[tokio::test]
async fn an_endpoint_where_nobody_listens_is_not_hammered() {
    let (vendor, issuer) = (Vendor::start().await, Issuer::start().await);
    vendor.server().refuse_connections().await;
    let hour = [("VENDOR__MIN_INTERVAL", "1h"), ("VENDOR__MAX_BACKOFF", "1h")];
    let patient = Cases::around(CAMPAIGN, 1, vendor, issuer, &hour).await;
    until_keys(&patient).await;
    patient.tally.fault();
    for answer in join_all((0..64).map(|_| patient.call(0, "GET", PATH, ""))).await {
        no_token(&patient, &answer, "refused");
    }
    let once =
        |app: &serde_json::Value| app["token"]["fetches"] == 1 && app["token"]["failures_in_a_row"] == 1;
    patient.until_app(0, "one attempt", once).await;
    patient.finish().await;

    let (vendor, issuer) = (Vendor::start().await, Issuer::start().await);
    vendor.server().refuse_connections().await;
    let soon = [("VENDOR__MIN_INTERVAL", "20ms"), ("VENDOR__MAX_BACKOFF", "100ms")];
    let cases = Cases::around(CAMPAIGN, 1, vendor, issuer, &soon).await;
    until_keys(&cases).await;
    cases.tally.fault();
    cases.until_app(0, "attempts", |app| app["token"]["failures_in_a_row"].as_u64() >= Some(5)).await;
    cases.world.vendor.server().accept_connections().await;
    cases.until_app(0, "a token", has_token).await;
    cases.tally.expect(cases.call(0, "GET", PATH, "").await.status == 200, || "it does not heal".to_owned());
    let asked = cases.world.vendor.fetches_for(&case(0));
    cases.tally.expect(asked == 1, || format!("asked {asked} times once it was there"));
    cases.finish().await;
}

#[tokio::test]
async fn trouble_of_one_app_is_no_other_apps() {
    let (vendor, issuer) = (Vendor::start().await, Issuer::start().await);
    vendor.answer_tokens_for(&case(0), Some(Reply::hang()));
    vendor
        .answer_tokens_for(&case(1), Some(Reply::json(400, &serde_json::json!({"error": "invalid_grant"}))));
    let cases = Cases::around(CAMPAIGN, 3, vendor, issuer, &[("VENDOR__FETCH_TIMEOUT", "500ms")]).await;
    until_keys(&cases).await;
    cases.until_app(2, "a token", has_token).await;
    (0..2).for_each(|_| cases.tally.fault());
    let troubled = join_all((0..40).map(|number| cases.call(number % 2, "GET", PATH, "")));
    let healthy = join_all((0..40).map(|_| cases.call(2, "POST", "/conferences", CREATE)));
    let (troubled, healthy) = tokio::join!(troubled, healthy);
    for answer in &troubled {
        no_token(&cases, answer, "an app in trouble");
    }
    cases.tally.expect(healthy.iter().all(|answer| answer.status == 200), || format!("{healthy:?}"));
    let asked = cases.world.vendor.fetches_for(&case(2));
    cases.tally.expect(asked == 1, || format!("asked {asked} times"));
    cases.finish().await;
}
