//! A stage that panics, wherever it stands: one request fails, and nothing else.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use confgate::assembly::stack;
use confgate::domain::Refusal;
use confgate::server::CallerBody;
use confgate::stages::catch_panic;
use confgate::stages::identify::Accepted;
use confgate::stages::intent::Recorded;
use confgate::stages::reply::{GateBody, Reply};
use confgate::telemetry::{Place, watch_panics};
use futures_util::future::join_all;
use http::StatusCode;
use serde_json::json;
use tower::{Service, ServiceBuilder, service_fn};

use crate::support::client::Answer;
use crate::support::tally::Tally;
use crate::support::worker::Worker;

/// What every failure of this kind looks like.
fn is_failure(answer: &Answer) -> bool {
    answer.status == 500
        && answer.problem() == "internal"
        && answer.header("access-control-allow-origin") == Some("*")
        && answer.header("x-request-id").is_some()
}

/// The last stage panics while it is called, or while it is waited for; any other request is answered.
async fn last(recorded: Recorded) -> Result<Reply, Refusal> {
    drop(recorded);
    tokio::task::yield_now().await;
    panic!("on purpose, while it is waited for")
}

#[tokio::test]
async fn a_stage_that_panics_fails_its_own_request_alone() {
    let tally = Tally::of("panics and file descriptors");
    watch_panics();
    let broken = Worker::start(|parts, desk| stack(parts, desk, service_fn(last))).await;
    let bearer = broken.issuer.token().bearer();
    let headers = [("Authorization", bearer.as_str()), ("Origin", "https://app.corp.example")];
    broken.answers("GET", "/conferences/IM3", &headers).await;
    let before = Place::Worker.panics();
    let caller = async || {
        let mut kept = broken.connection().await;
        for (method, path, body) in [
            ("GET", "/conferences/IM3", ""),
            ("POST", "/conferences", "{}"),
            ("DELETE", "/conferences/IM3", ""),
            ("DELETE", "/conferences/IM3/yangss", ""),
        ] {
            tally.fault();
            tally.requests(2);
            let mut headers = headers.to_vec();
            headers.push(("Content-Type", "application/json"));
            let answer = kept.send(method, path, &headers, body).await;
            tally.expect(is_failure(&answer), || format!("{method} {path}: {}", answer.text()));
            let outcome = broken.trail.outcome_of(answer.request_id()).await;
            let told = [&outcome["reason"], &outcome["status"], &outcome["tenant"]];
            tally.expect(told == [&json!("internal"), &json!(500), &json!("crm")], || outcome.to_string());
            tally.expect(outcome["intent"].is_null() == (method == "GET"), || outcome.to_string());
            let well = kept.send("GET", "/openapi.json", &[], "").await;
            tally.expect(well.status == 200, || "the connection is of no more use".to_owned());
        }
    };
    join_all((0..10).map(|_| caller())).await;
    tally.expect(Place::Worker.panics() >= before + 40, || "panics are counted".to_owned());
    tally.expect(broken.vendor.calls().is_empty(), || "the vendor was asked".to_owned());
    tally.finish();
}

#[tokio::test]
async fn a_stage_before_the_trail_does_too() {
    let tally = Tally::of("panics and file descriptors");
    watch_panics();
    let broken = Worker::start(|_, desk| {
        let stage = |accepted: Accepted<CallerBody>| {
            let path = accepted.head.path().to_owned();
            assert!(path != "/call", "on purpose, while it is called");
            async move {
                tokio::task::yield_now().await;
                assert!(path != "/wait", "on purpose, while it is waited for");
                Ok(Reply::new(StatusCode::OK, GateBody::Held("well".into())))
            }
        };
        ServiceBuilder::new().layer(catch_panic::layer(desk)).service(service_fn(stage))
    })
    .await;
    let before = Place::Worker.panics();
    let mut kept = broken.connection().await;
    for path in ["/call", "/wait", "/well", "/call", "/well", "/wait", "/wait", "/well"] {
        tally.requests(1);
        let answer = kept.send("GET", path, &[("Origin", "https://app.corp.example")], "").await;
        if path == "/well" {
            tally.expect((answer.status, answer.text().as_str()) == (200, "well"), || answer.text());
            continue;
        }
        tally.fault();
        tally.expect(is_failure(&answer), || format!("{path}: {}", answer.text()));
        let outcome = broken.trail.outcome_of(answer.request_id()).await;
        let told = [&outcome["decision"], &outcome["reason"], &outcome["status"]];
        tally.expect(told == [&json!("refused"), &json!("internal"), &json!(500)], || outcome.to_string());
    }
    tally.expect(Place::Worker.panics() >= before + 5, || "panics are counted".to_owned());
    tally.expect(broken.vendor.calls().is_empty(), || "the vendor was asked".to_owned());
    tally.finish();
}

/// A service that panics when a connection takes it, which no stage can catch.
#[derive(Clone)]
struct Uncallable(Arc<AtomicBool>);

impl Service<Accepted<CallerBody>> for Uncallable {
    type Response = Reply;
    type Error = Infallible;
    type Future = std::future::Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Accepted<CallerBody>) -> Self::Future {
        assert!(!self.0.swap(false, Ordering::SeqCst), "on purpose, in the connection's task");
        std::future::ready(Ok(Reply::new(StatusCode::OK, GateBody::Held("well".into()))))
    }
}

#[tokio::test]
async fn a_connection_that_panics_takes_no_other_with_it() {
    let tally = Tally::of("panics and file descriptors");
    let armed = Arc::new(AtomicBool::new(false));
    let taken = Arc::clone(&armed);
    watch_panics();
    let broken = Worker::start(move |_, _| Uncallable(Arc::clone(&taken))).await;
    let before = Place::Worker.panics();
    let mut others = Vec::new();
    for _ in 0..10 {
        let mut kept = broken.connection().await;
        tally.requests(3);
        tally.expect(kept.send("GET", "/", &[], "").await.status == 200, || "before".to_owned());
        others.push(kept);
        tally.fault();
        armed.store(true, Ordering::SeqCst);
        let mut unlucky = broken.connection().await;
        unlucky.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
        tally.expect(unlucky.rest().await.is_empty(), || "an answer after all".to_owned());
        for kept in &mut others {
            tally.expect(kept.send("GET", "/", &[], "").await.status == 200, || "after".to_owned());
        }
    }
    tally.expect(Place::Worker.panics() >= before + 10, || "panics are counted".to_owned());
    let records = broken.trail.records();
    tally.expect(records.iter().all(|record| record["kind"] != "outcome"), || format!("{records:?}"));
    tally.finish();
}
