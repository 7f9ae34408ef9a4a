//! Turns the vendor's answer into the caller's: status, body and media type as they came, whatever they mean.

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use http_body_util::BodyExt;
use serde::Deserialize;
use serde_json::Value;
use tokio::time::{Instant, sleep_until, timeout_at};

use crate::domain::{Action, Code, ConferenceId, Refusal};
use crate::limits::InFlightGuard;
use crate::stages::audit::Entry;
use crate::stages::reply::{GateBody, PROXY_STATUS, Reply, Streaming, guard_headers};
use crate::trail::VendorError;
use crate::upstream::PooledBody;

/// The vendor's headers that mean something to the caller. All others are between the vendor and the gateway.
const PASSED_ON: [HeaderName; 3] = [header::CONTENT_TYPE, header::CONTENT_ENCODING, header::RETRY_AFTER];

/// What a conference's answer says about itself, where it is one.
#[derive(Default, Deserialize)]
struct Told {
    error: Option<Value>,
    id: Option<String>,
}

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
    let held = timeout_at(due, hold(&mut rest, limit)).await.map_err(|_| broken(Code::VendorTimeout))?;
    let body = match held.map_err(|_| broken(Code::VendorBadAnswer))? {
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
    Ok(passed_on(head.status, &head.headers, body))
}

async fn hold(body: &mut PooledBody, limit: usize) -> Result<Held, hyper::Error> {
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
    let Ok(told) = serde_json::from_slice::<Told>(body) else { return };
    let error = match told.error {
        Some(Value::Number(number)) => number.as_i64().map(VendorError::Number),
        Some(Value::String(name)) if is_word(&name) => Some(VendorError::Name(name.into())),
        _ => None,
    };
    if let Some(error) = error {
        entry.vendor_error(error);
    }
    if action == Action::Create
        && status.is_success()
        && let Some(Ok(id)) = told.id.as_deref().map(ConferenceId::parse)
    {
        entry.created(id);
    }
}

/// Such as `unauthorized`: longer or stranger texts could hold anything, and the trail keeps no secret.
fn is_word(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')
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

fn passed_on(status: StatusCode, from: &HeaderMap, body: GateBody) -> Reply {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    guard_headers(&mut response);
    let headers = response.headers_mut();
    for name in PASSED_ON {
        if let Some(value) = from.get(&name) {
            headers.insert(name, value.clone());
        }
    }
    headers.insert(PROXY_STATUS, received_status(status));
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
