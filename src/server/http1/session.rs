use std::cell::RefCell;
use std::convert::Infallible;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::FutureExt;
use http::Method;
use http_body::Body;
use tokio::io::AsyncWrite;
use tokio::task::coop::{consume_budget, unconstrained};
use tokio::time::{Instant, Sleep, sleep_until};

use super::answer::{Asked, Head, Sent};
use super::body::RequestBody;
use super::head::RequestHead;
use super::line::{Line, NoHead};
use super::{Http1, READ};
use crate::domain::Code;
use crate::server::body::CallerBody;
use crate::server::connection::Stack;
use crate::server::current::Current;
use crate::server::phase::{Phase, PhaseView};
use crate::server::transport::{Patience, Transport};
use crate::stages::identify::Accepted;
use crate::stages::reply::{GateBody, Reply};

/// How a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// Nobody is there any more, or somebody who does not read.
    Lost,
    /// All is said.
    Done,
    /// With an answer to what is no request.
    Refused(Code),
    /// The gateway is about to end, and nothing is going on.
    Closing,
}

/// One connection, from its first request to its end.
pub(super) struct Session<'a> {
    http1: &'a Http1,
    line: Rc<RefCell<Line>>,
    peer: SocketAddr,
    patience: Patience,
    /// When the last answer began to be written, or the connection began: from then on the caller has time for the next
    /// head. Looked up once for all that an answer needs it for.
    since: Instant,
}

impl<'a> Session<'a> {
    pub(super) fn new(http1: &'a Http1, transport: Transport, peer: SocketAddr) -> Self {
        let line = Line::new(transport, Rc::clone(&http1.reading));
        let patience = Patience::new(http1.answer_timeout);
        Self { http1, line: Rc::new(RefCell::new(line)), peer, patience, since: Instant::now() }
    }

    /// Serves until either side ends it. Gives the connection, unless it is lost.
    pub(super) async fn run<S: Stack>(
        mut self,
        stack: Current<S>,
        phase: PhaseView,
    ) -> (End, Option<Transport>) {
        let end = self.requests(&stack, phase).await;
        let transport = Rc::into_inner(self.line).map(|line| line.into_inner().transport);
        (end, transport)
    }

    async fn requests<S: Stack>(&mut self, stack: &Current<S>, phase: PhaseView) -> End {
        let mut waits = phase.clone();
        let mut closing = pin!(waits.reached(Phase::Closing).fuse());
        // Polled once: from then on it wakes this task when the phase changes, and the phase itself says to which.
        let _ = unconstrained(poll_fn(|cx| Poll::Ready(closing.as_mut().poll(cx)))).await;
        let mut idle = pin!(sleep_until(self.since + self.http1.idle_timeout));
        loop {
            let head = match self.head(idle.as_mut(), &phase, closing.as_mut()).await {
                Ok(head) => head,
                Err(end) => return end,
            };
            if let Err(end) = self.answer(head, stack, &phase).await {
                return end;
            }
            // A caller that sends one request after the other must not keep all others waiting.
            consume_budget().await;
        }
    }

    /// The next request.
    async fn head(
        &mut self,
        mut idle: Pin<&mut Sleep>,
        phase: &PhaseView,
        mut closing: Pin<&mut impl Future<Output = ()>>,
    ) -> Result<RequestHead, End> {
        let due = self.since + self.http1.idle_timeout;
        poll_fn(|cx| {
            if let Poll::Ready(head) = self.poll_head(cx) {
                return Poll::Ready(head);
            }
            if phase.has_reached(Phase::Closing) {
                return Poll::Ready(Err(self.unless_begun(End::Closing, Code::ShuttingDown)));
            }
            if phase.has_reached(Phase::Draining) {
                // That has woken this task, and the next change is to do so again.
                let _ = closing.as_mut().poll(cx);
            }
            // It is set for a later time only when it runs out, which spares a timer for each request.
            while idle.as_mut().poll(cx).is_ready() {
                if Instant::now() >= due {
                    return Poll::Ready(Err(self.unless_begun(End::Done, Code::RequestTimeout)));
                }
                idle.as_mut().reset(due);
            }
            Poll::Pending
        })
        .await
    }

    fn poll_head(&self, cx: &mut Context<'_>) -> Poll<Result<RequestHead, End>> {
        let polled = self.line.borrow_mut().poll_head(cx, self.http1.head);
        polled.map_err(|fault| match fault {
            NoHead::Refused(code) => End::Refused(code),
            NoHead::Closed => self.unless_begun(End::Done, Code::RequestMalformed),
            NoHead::Lost => End::Lost,
        })
    }

    /// How it ends: whoever has begun a head is told why nobody reads on.
    fn unless_begun(&self, end: End, code: Code) -> End {
        // Empty lines may stand before a head, and are none of it (RFC 9112, section 2.2).
        let is_blank = self.line.borrow().inbox.iter().all(|byte| b"\r\n".contains(byte));
        if is_blank { end } else { End::Refused(code) }
    }

    /// Has the stack answer, and writes what it says.
    async fn answer<S: Stack>(
        &mut self,
        head: RequestHead,
        stack: &Current<S>,
        phase: &PhaseView,
    ) -> Result<(), End> {
        let RequestHead { head, framing, is_invited, keeps } = head;
        let asked = Asked { version: head.version, only_head: head.method == Method::HEAD };
        self.line.borrow_mut().begin(framing, is_invited);
        let body = CallerBody::Http1(RequestBody::new(&self.line));
        // The stack is always ready: what it must wait for, it waits for inside of its future.
        let reply = {
            let reply = stack.call(Accepted { peer: self.peer, head, body });
            self.unless_left(pin!(reply)).await?
        };
        let Ok::<_, Infallible>(reply) = reply;
        if self.line.borrow().has_begun_to_invite() {
            return Err(End::Lost);
        }
        let goes_on = keeps && !phase.has_reached(Phase::Draining) && !reply.is_last();
        let closes = !goes_on || !poll_fn(|cx| Poll::Ready(self.line.borrow_mut().skip(cx))).await;
        self.send(reply, asked, closes).await?;
        if closes { Err(End::Done) } else { Ok(()) }
    }

    /// Waits for `future`, unless the caller leaves meanwhile.
    async fn unless_left<F: Future>(&self, mut future: Pin<&mut F>) -> Result<F::Output, End> {
        poll_fn(|cx| match future.as_mut().poll(cx) {
            Poll::Ready(output) => Poll::Ready(Ok(output)),
            Poll::Pending => self.line.borrow_mut().poll_left(cx).map(|()| Err(End::Done)),
        })
        .await
    }

    async fn send(&mut self, reply: Reply, asked: Asked, closes: bool) -> Result<(), End> {
        self.since = Instant::now();
        let Reply { status, fields, mut body, .. } = reply;
        let hint = body.size_hint();
        let mut sent = Sent::of(asked, status, &hint);
        let closes = closes || sent == Sent::UntilClosed;
        let mut out = self.http1.take_buffer();
        let head = Head { asked, status, fields: &fields, sent, length: hint.exact(), closes };
        head.write(&self.http1.date.at(self.since), &mut out);
        let body_is_held = matches!(body, GateBody::Held(_));
        match &mut body {
            // A caller who is slow to read it keeps the copy alone.
            GateBody::Held(bytes) => _ = sent.write(&std::mem::take(bytes), &mut out),
            streaming @ GateBody::Streaming(_) => self.pass_on(streaming, &mut sent, &mut out).await?,
        }
        let is_whole = sent.end(&mut out);
        self.write(&out).await?;
        self.http1.give_back(out);
        if !body_is_held {
            self.since = Instant::now();
        }
        if is_whole && sent != Sent::UntilClosed { Ok(()) } else { Err(End::Done) }
    }

    /// Writes a body as it comes. Its last piece may be left in `out`.
    async fn pass_on(&mut self, body: &mut GateBody, sent: &mut Sent, out: &mut Vec<u8>) -> Result<(), End> {
        while *sent != Sent::None && !body.is_end_stream() {
            let data = match self.data(body).await {
                Ok(Some(data)) => data,
                Ok(None) => break,
                Err(end) => return Err(self.broken_off(end, *sent)),
            };
            if !sent.write(&data, out) {
                return Err(End::Done);
            }
            drop(data);
            if out.len() > READ || !body.is_end_stream() {
                self.write(out).await?;
                out.clear();
            }
        }
        Ok(())
    }

    /// How a connection ends whose answer breaks off. A caller that takes its end for the answer's is to see a reset.
    fn broken_off(&self, end: End, sent: Sent) -> End {
        if sent != Sent::UntilClosed {
            return end;
        }
        self.line.borrow().transport.forget_the_rest();
        End::Lost
    }

    /// The next piece of an answer's body. One that breaks off ends the connection: that is how its reader sees it.
    async fn data(&self, body: &mut GateBody) -> Result<Option<Bytes>, End> {
        loop {
            let frame = poll_fn(|cx| Pin::new(&mut *body).poll_frame(cx));
            match self.unless_left(pin!(frame)).await? {
                None => return Ok(None),
                Some(Err(_)) => return Err(End::Done),
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        return Ok(Some(data));
                    }
                }
            }
        }
    }

    async fn write(&mut self, mut bytes: &[u8]) -> Result<(), End> {
        poll_fn(|cx| {
            let transport = &mut self.line.borrow_mut().transport;
            let written = loop {
                if bytes.is_empty() {
                    break Pin::new(&mut *transport).poll_flush(cx);
                }
                match Pin::new(&mut *transport).poll_write(cx, bytes) {
                    Poll::Ready(Ok(count)) if count > 0 => bytes = bytes.get(count..).unwrap_or_default(),
                    Poll::Ready(Ok(_)) => break Poll::Ready(Err(std::io::ErrorKind::WriteZero.into())),
                    Poll::Ready(Err(error)) => break Poll::Ready(Err(error)),
                    Poll::Pending => break Poll::Pending,
                }
            };
            self.patience.unless_stalled(transport, cx, written)
        })
        .await
        .map_err(|_| End::Lost)?;
        if self.patience.is_tried() {
            self.since = Instant::now();
        }
        self.patience.flushed();
        Ok(())
    }
}
