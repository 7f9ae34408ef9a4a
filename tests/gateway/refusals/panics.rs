//! `internal` is a fault of the gateway's own, which no caller can provoke: here the last stage has one.

use confgate::assembly::stack;
use confgate::domain::{Code, Refusal};
use confgate::stages::intent::Recorded;
use confgate::stages::reply::Reply;

use super::causes::ORIGIN;
use super::evidence::{self, Evidence};
use crate::support::worker::Worker;

/// Stands where the vendor's call would be made.
async fn broken(_: Recorded) -> Result<Reply, Refusal> {
    panic!("on purpose, to see what becomes of the request")
}

pub(super) async fn gathered() -> Evidence {
    let worker = Worker::start(|parts, desk| stack(parts, desk, tower::service_fn(broken))).await;
    let (api, page) = evidence::documents(worker.address, Code::Internal).await;
    let bearer = worker.issuer.token().bearer();
    let headers = [("Origin", ORIGIN), ("Authorization", bearer.as_str())];
    let answer = worker.answers("POST", "/conferences", &headers).await;
    let (outcome, recorded) = evidence::on_record(&worker.trail, Code::Internal, &answer).await;
    assert_eq!(outcome["intent"], worker.trail.intent_of(answer.request_id()).await["seq"]);
    Evidence {
        code: Code::Internal,
        method: "POST",
        path: "/conferences",
        calls: evidence::of_trace(worker.vendor.calls(), &outcome),
        metrics: worker.metrics.render(),
        answer,
        outcome,
        recorded,
        api,
        page,
    }
}
