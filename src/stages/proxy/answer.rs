//! Turns the vendor's answer into the caller's: status, body and media type as they came, whatever they mean.

use bytes::{Bytes, BytesMut};
use http::StatusCode;
use http_body_util::BodyExt;
use tokio::time::{Instant, sleep_until, timeout_at};

use super::told::Told;
use crate::domain::{Action, Code, ConferenceId, Refusal};
use crate::http1::{Fields, Lines, Value, ValueWriter};
use crate::limits::InFlightGuard;
use crate::stages::audit::Entry;
use crate::stages::reply::{GUARDS, GateBody, PROXY_STATUS, Reply, Streaming};
use crate::upstream::{PooledAnswer, PooledBody, WireFault};

enum Held {
    Whole(Bytes),
    /// More than is held.
    Part(Bytes),
}

/// Reads the answer as far as it is held, notes what it says, and hands it on.
pub(super) async fn reply(
    answer: PooledAnswer,
    entry: &Entry,
    action: Action,
    in_flight: InFlightGuard,
    limit: usize,
    due: Instant,
) -> Result<Reply, Refusal> {
    let PooledAnswer { status, fields, body: mut rest } = answer;
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
            note(entry, action, status, &bytes);
            GateBody::Held(bytes)
        }
        Held::Part(first) => GateBody::Streaming(Box::new(Streaming {
            first: Some(first),
            rest,
            due: Box::pin(sleep_until(due)),
            _in_flight: in_flight,
            place: None,
        })),
    };
    Ok(passed_on(status, fields, body))
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
fn passed_on(status: StatusCode, mut fields: Fields, body: GateBody) -> Reply {
    fields.put_lines(GUARDS);
    match status {
        StatusCode::OK => fields.put_lines(RECEIVED_OK),
        status => fields.put(PROXY_STATUS, Received(status)),
    }
    Reply { status, fields, body, ends_connection: false }
}

/// An answer that the next hop gave (RFC 9209, section 2.1.4).
struct Received(StatusCode);

const RECEIVED_OK: Lines = Lines::new("proxy-status: confgate; received-status=200\r\n");

impl Value for Received {
    fn write(&self, line: &mut ValueWriter<'_>) {
        line.text("confgate; received-status=");
        line.number(self.0.as_u16().into());
    }
}
