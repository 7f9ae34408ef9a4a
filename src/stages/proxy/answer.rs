//! Turns the vendor's answer into the caller's: status, body and media type as they came, whatever they mean.

use bytes::{Bytes, BytesMut};
use http::response::Parts;
use http::{HeaderValue, Response, StatusCode};
use http_body_util::BodyExt;
use tokio::time::{Instant, sleep_until, timeout_at};

use super::told::Told;
use crate::domain::{Action, Code, ConferenceId, Refusal};
use crate::limits::InFlightGuard;
use crate::stages::audit::Entry;
use crate::stages::reply::{GateBody, PROXY_STATUS, Reply, Streaming, guard_headers};
use crate::upstream::{PooledBody, WireFault};

enum Held {
    Whole(Bytes),
    /// More than is held.
    Part(Bytes),
}

/// Reads the answer as far as it is held, notes what it says, and hands it on.
pub(super) async fn reply(
    response: Response<PooledBody>,
    entry: &Entry,
    action: Action,
    in_flight: InFlightGuard,
    limit: usize,
    due: Instant,
) -> Result<Reply, Refusal> {
    let (head, mut rest) = response.into_parts();
    let broken = |code| broken(code, entry, action);
    let held = match rest.take_whole(limit) {
        Some(whole) => Held::Whole(whole),
        None => Box::pin(timeout_at(due, hold(&mut rest, limit)))
            .await
            .map_err(|_| broken(Code::VendorTimeout))?
            .map_err(|_| broken(Code::VendorBadAnswer))?,
    };
    let body = match held {
        Held::Whole(bytes) => {
            note(entry, action, head.status, &bytes);
            GateBody::full(bytes)
        }
        Held::Part(first) => GateBody::Streaming(Box::new(Streaming {
            first: Some(first),
            rest,
            due: Box::pin(sleep_until(due)),
            _in_flight: in_flight,
            place: None,
        })),
    };
    Ok(passed_on(head, body))
}

async fn hold(body: &mut PooledBody, limit: usize) -> Result<Held, WireFault> {
    let mut first: Option<Bytes> = None;
    let mut all = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame?.into_data() else { continue };
        // Nearly every answer is one frame, and stays the bytes that were read.
        match first.take() {
            None if all.is_empty() => first = Some(data),
            None => all.extend_from_slice(&data),
            Some(bytes) => {
                all.extend_from_slice(&bytes);
                all.extend_from_slice(&data);
            }
        }
        if first.as_ref().map_or(all.len(), Bytes::len) > limit {
            return Ok(Held::Part(first.unwrap_or_else(|| all.freeze())));
        }
    }
    Ok(Held::Whole(first.unwrap_or_else(|| all.freeze())))
}

/// The trail keeps the vendor's verdict and the new conference's id, and nothing else of the body: it holds the
/// password.
fn note(entry: &Entry, action: Action, status: StatusCode, body: &[u8]) {
    let Some(told) = Told::read(body) else { return };
    if let Some(error) = told.error {
        entry.vendor_error(error);
    }
    if action == Action::Create
        && status.is_success()
        && let Some(Ok(id)) = told.id.as_deref().map(ConferenceId::parse)
    {
        entry.created(id);
    }
}

/// The answer began and did not end: what it was about has most likely happened, if it was to change anything.
fn broken(code: Code, entry: &Entry, action: Action) -> Refusal {
    if !action.is_mutation() {
        return Refusal::new(
            code,
            "the conference service's answer broke off; nothing was changed, try again",
        );
    }
    entry.outcome_unknown();
    Refusal::new(
        code,
        "the conference service's answer broke off: the outcome is unknown; look before you try again",
    )
}

/// Of the vendor's fields those that mean something to the caller ([`KEPT`](crate::upstream::KEPT)) are there already.
fn passed_on(head: Parts, body: GateBody) -> Reply {
    let status = head.status;
    let mut response = Response::from_parts(head, body);
    guard_headers(&mut response);
    response.headers_mut().insert(PROXY_STATUS, received_status(status));
    response
}

/// RFC 9209, section 2.1.4: an answer that the next hop gave.
fn received_status(status: StatusCode) -> HeaderValue {
    if status == StatusCode::OK {
        return HeaderValue::from_static("confgate; received-status=200");
    }
    HeaderValue::try_from(format!("confgate; received-status={}", status.as_u16()))
        .unwrap_or_else(|_| HeaderValue::from_static("confgate"))
}
