//! Answers to what never became a request: a head that cannot be read, one that does not end, a connection too many.
//! They are put together by hand, as there is no request that a layer could have seen, and are readable for browsers
//! all the same.

use std::net::IpAddr;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimePrinter;
use uuid::ContextV7;

use super::transport::{Transport, close};
use crate::domain::{Code, Refusal, RequestId};
use crate::stages::audit::Desk;
use crate::stages::problem;
use crate::stages::reply::Reply;

/// Makes such answers, and puts them on record.
#[derive(Debug)]
pub(super) struct Unread {
    desk: Rc<Desk>,
    ids: ContextV7,
}

impl Unread {
    /// Records go to `desk`.
    pub(super) fn new(desk: Rc<Desk>) -> Self {
        Self { desk, ids: ContextV7::new() }
    }

    /// The bytes of an answer with `code`, and the id that it names.
    pub(super) fn answer(&self, code: Code) -> (RequestId, Bytes) {
        let id = RequestId::generate(&self.ids);
        (id, encode(&refusal(code), id))
    }

    /// Puts on record that there is an answer with `code`, gives it, and closes the connection.
    pub(super) async fn refuse(&self, transport: Transport, client: IpAddr, code: Code) {
        let (id, answer) = self.answer(code);
        let answer = match self.desk.unread(id, client, &refusal(code)).await {
            Ok(()) => answer,
            Err(instead) => encode(&instead, id),
        };
        close(transport, &answer).await;
    }

    /// Puts on record that a request is answered with `code`, and gives the answer.
    pub(super) async fn refusal(&self, client: IpAddr, code: Code) -> Reply {
        let id = RequestId::generate(&self.ids);
        let refusal = refusal(code);
        match self.desk.unread(id, client, &refusal).await {
            Ok(()) => problem::reply_to_anybody(&refusal, id),
            Err(instead) => problem::reply_to_anybody(&instead, id),
        }
    }

    /// Puts on record what was no request, and has been refused with what stands for `code` where it came in.
    pub(super) async fn note(&self, client: IpAddr, code: Code) {
        self.record(RequestId::generate(&self.ids), client, code).await;
    }

    /// Puts an answer on record that is out already.
    pub(super) async fn record(&self, id: RequestId, client: IpAddr, code: Code) {
        let _ = self.desk.unread(id, client, &refusal(code)).await;
    }
}

fn refusal(code: Code) -> Refusal {
    let detail = match code {
        Code::HeadersTooLarge => "send fewer or shorter headers, or a shorter path",
        Code::RequestTimeout => "the head of the request did not arrive in time; send it again",
        Code::Overloaded => "too many connections are open; wait, then try again",
        Code::ShuttingDown => "this gateway is about to stop; try again, another one will answer",
        _ => "the request is not HTTP/1.1 as RFC 9112 has it, or HTTP/2 as RFC 9113 has it",
    };
    let refusal = Refusal::new(code, detail);
    match code {
        Code::Overloaded | Code::ShuttingDown => refusal.retry_after(Duration::from_secs(1)),
        _ => refusal,
    }
}

/// The answer as HTTP/1.1 has it whole, after which the connection is closed.
fn encode(refusal: &Refusal, id: RequestId) -> Bytes {
    let Reply { status, fields, body, .. } = problem::reply_to_anybody(refusal, id);
    let body = body.into_held();
    let (now, length) = (date(Timestamp::now()), body.len());
    let ending = format!("date: {now}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n");
    let status = format!("HTTP/1.1 {status}\r\n");
    [status.as_bytes(), fields.as_bytes(), ending.as_bytes(), &body].concat().into()
}

/// The time as HTTP writes it (RFC 9110, section 5.6.7).
pub(super) fn date(now: Timestamp) -> String {
    // Fails for years before 0 and after 9999 alone.
    DateTimePrinter::new().timestamp_to_rfc9110_string(&now).unwrap_or_default()
}
