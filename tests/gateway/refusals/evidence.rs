//! What a refusal leaves behind: the answer, the trail, the metrics, and what the vendor saw.

use std::net::SocketAddr;

use confgate::domain::Code;
use serde_json::Value;

use super::{causes, panics};
use crate::support::api::Api;
use crate::support::client::{Answer, Connection};
use crate::support::server::Call;
use crate::support::trail::Trail;

/// Of one refused request.
pub(super) struct Evidence {
    pub(super) code: Code,
    pub(super) method: &'static str,
    pub(super) path: &'static str,
    pub(super) answer: Answer,
    pub(super) outcome: Value,
    /// Outcomes in the trail with this reason, of whatever request.
    pub(super) recorded: usize,
    /// `/metrics`, read after the outcome was written.
    pub(super) metrics: String,
    /// What the vendor saw of the request.
    pub(super) calls: Vec<Call>,
    pub(super) api: Api,
    /// Where the problem's `type` leads.
    pub(super) page: Answer,
}

/// Has a request refused with `code`.
pub(super) async fn gathered(code: Code) -> Evidence {
    if code == Code::Internal {
        return panics::gathered().await;
    }
    let mut world = causes::world(code).await;
    let (api, page) = documents(world.address, code).await;
    let refused = causes::provoke(code, &mut world).await;
    let (outcome, recorded) = on_record(&world.trail, code, &refused.answer).await;
    let metrics = world.metrics().await;
    let calls = of_trace(world.vendor.calls(), &outcome);
    if let Some(held) = refused.held {
        held.finish().await;
    }
    let causes::Refused { method, path, answer, .. } = refused;
    Evidence { code, method, path, answer, outcome, recorded, metrics, calls, api, page }
}

/// The API's description, and the page about `code`: before anything is wrong.
pub(super) async fn documents(gateway: SocketAddr, code: Code) -> (Api, Answer) {
    let mut connection = Connection::open(gateway).await;
    let api = Api::on(&mut connection).await;
    let page = format!("/problems/{}", code.as_str());
    (api, connection.send("GET", &page, &[], "").await)
}

/// The request's outcome, and how many outcomes have the same reason.
pub(super) async fn on_record(trail: &Trail, code: Code, answer: &Answer) -> (Value, usize) {
    let id = answer.header("x-request-id").expect("every answer has an id");
    let outcome = trail.outcome_of(id).await;
    let same = |record: &&Value| record["kind"] == "outcome" && record["reason"] == code.as_str();
    (outcome, trail.records().iter().filter(same).count())
}

/// The calls that belong to the outcome's trace.
pub(super) fn of_trace(calls: Vec<Call>, outcome: &Value) -> Vec<Call> {
    let trace = outcome["trace_id"].as_str().expect("every outcome has a trace").to_owned();
    let belongs = |call: &Call| call.headers.get("traceparent").is_some_and(|parent| parent.contains(&trace));
    calls.into_iter().filter(belongs).collect()
}
