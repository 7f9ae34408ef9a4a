//! Answers to what never became a request: a head that cannot be read, one that does not end, a connection too many.
//! They are put together by hand, as there is no request that a layer could have seen, and are readable for browsers
//! all the same.

use std::fmt::Write as _;
use std::net::IpAddr;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use http::header;
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimePrinter;
use tokio::net::TcpStream;
use uuid::ContextV7;

use super::wire::close;
use crate::domain::{Code, Refusal, RequestId};
use crate::stages::audit::Desk;
use crate::stages::identify::X_REQUEST_ID;
use crate::stages::problem;

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
    pub(super) async fn refuse(&self, stream: TcpStream, client: IpAddr, code: Code) {
        let (id, answer) = self.answer(code);
        let answer = match self.desk.unread(id, client, &refusal(code)).await {
            Ok(()) => answer,
            Err(instead) => encode(&instead, id),
        };
        close(stream, &answer).await;
    }

    /// Puts an answer on record that hyper has had out already.
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
        _ => "the request is not HTTP/1.1 as RFC 9112 has it",
    };
    let refusal = Refusal::new(code, detail);
    match code {
        Code::Overloaded | Code::ShuttingDown => refusal.retry_after(Duration::from_secs(1)),
        _ => refusal,
    }
}

/// The whole answer, after which the connection is closed. Any origin may read it: it says nothing about anybody.
fn encode(refusal: &Refusal, id: RequestId) -> Bytes {
    let (head, body) = problem::response(refusal, id).into_parts();
    let body = body.into_held();
    let mut text = format!("HTTP/1.1 {}\r\n", head.status);
    for (name, value) in &head.headers {
        let _ = write!(text, "{name}: {}\r\n", value.to_str().unwrap_or_default());
    }
    let _ = write!(
        text,
        "{X_REQUEST_ID}: {id}\r\n{}: *\r\n{}: {X_REQUEST_ID}, retry-after, proxy-status\r\n{}: {}\r\n{}: {}\r\n{}: close\r\n\r\n",
        header::ACCESS_CONTROL_ALLOW_ORIGIN,
        header::ACCESS_CONTROL_EXPOSE_HEADERS,
        header::DATE,
        date(Timestamp::now()),
        header::CONTENT_LENGTH,
        body.len(),
        header::CONNECTION,
    );
    let mut bytes = text.into_bytes();
    bytes.extend_from_slice(&body);
    bytes.into()
}

/// The time as HTTP writes it (RFC 9110, section 5.6.7).
fn date(now: Timestamp) -> String {
    // Fails for years before 0 and after 9999 alone.
    DateTimePrinter::new().timestamp_to_rfc9110_string(&now).unwrap_or_default()
}
