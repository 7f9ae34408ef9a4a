//! One stream: a request, and the answer that goes back on it.

use std::future::poll_fn;
use std::time::Duration;

use bytes::Bytes;
use h2::server::SendResponse;
use h2::{Reason, SendStream};
use http::{HeaderValue, Response, header};
use http_body::Body;
use http_body_util::BodyExt;
use jiff::Timestamp;
use tokio::time::timeout;

use crate::server::unread::date;
use crate::stages::reply::{GateBody, Reply};

/// The caller has reset the stream, or is gone.
#[derive(Debug)]
struct Gone;

impl From<h2::Error> for Gone {
    fn from(_: h2::Error) -> Self {
        Self
    }
}

/// Sends what `reply` resolves to, unless the caller takes its request back before. The caller has `patience` to take
/// the whole answer: windows that it does not open end the stream. `only_head` is for a request with HEAD.
pub(super) async fn answer(
    reply: impl Future<Output = Reply>,
    mut respond: SendResponse<Bytes>,
    only_head: bool,
    patience: Duration,
) {
    let reply = tokio::select! {
        biased;
        reply = reply => reply,
        _ = poll_fn(|cx| respond.poll_reset(cx)) => return,
    };
    let sent = timeout(patience, send(reply, &mut respond, only_head)).await;
    if sent.is_err() {
        respond.send_reset(Reason::CANCEL);
    }
}

async fn send(reply: Reply, respond: &mut SendResponse<Bytes>, only_head: bool) -> Result<(), Gone> {
    let (mut head, body) = reply.into_http().into_parts();
    if let Ok(now) = HeaderValue::from_str(&date(Timestamp::now())) {
        head.headers.insert(header::DATE, now);
    }
    if let Some(length) = body.size_hint().exact() {
        head.headers.insert(header::CONTENT_LENGTH, length.into());
    }
    let is_whole = only_head || body.is_end_stream();
    let stream = respond.send_response(Response::from_parts(head, ()), is_whole)?;
    if is_whole { Ok(()) } else { send_body(body, stream).await }
}

/// A body that breaks off ends in a reset: the caller must not take it for whole.
async fn send_body(mut body: GateBody, mut stream: SendStream<Bytes>) -> Result<(), Gone> {
    loop {
        let frame = tokio::select! {
            biased;
            frame = body.frame() => frame,
            _ = poll_fn(|cx| stream.poll_reset(cx)) => return Err(Gone),
        };
        match frame.map(|frame| frame.map(http_body::Frame::into_data)) {
            Some(Ok(Ok(data))) => {
                let is_last = body.is_end_stream();
                send_data(data, is_last, &mut stream).await?;
                if is_last {
                    return Ok(());
                }
            }
            // Trailers, of which the gateway has none.
            Some(Ok(Err(_))) => {}
            Some(Err(_)) => {
                stream.send_reset(Reason::INTERNAL_ERROR);
                return Err(Gone);
            }
            None => return Ok(stream.send_data(Bytes::new(), true)?),
        }
    }
}

/// Hands over no more than the caller has opened its windows for, so that nothing waits but here.
async fn send_data(mut data: Bytes, is_last: bool, stream: &mut SendStream<Bytes>) -> Result<(), Gone> {
    if data.is_empty() && is_last {
        stream.send_data(data, true)?;
        return Ok(());
    }
    while !data.is_empty() {
        stream.reserve_capacity(data.len());
        let room = match stream.capacity() {
            0 => poll_fn(|cx| stream.poll_capacity(cx)).await.ok_or(Gone)??,
            room => room,
        };
        let part = data.split_to(room.min(data.len()));
        stream.send_data(part, is_last && data.is_empty())?;
    }
    Ok(())
}
