use std::future::poll_fn;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use h2::server::{Connection, SendResponse};
use h2::{Reason, RecvStream};
use http::header::EXPECT;
use http::{HeaderValue, Method, Request, Response};
use tokio::time::{Instant, Sleep, sleep_until, timeout};

use super::body::{RequestBody, Rest};
use super::life::{OpenStream, OpenStreams, Pings, SkippedStream};
use super::meter::Meter;
use super::records::Records;
use super::wire::Wire;
use super::{Http2, head, stream};
use crate::domain::Code;
use crate::server::body::CallerBody;
use crate::server::connection::Stack;
use crate::server::counts::Flood;
use crate::server::current::Current;
use crate::server::expect::is_continue;
use crate::server::phase::{Phase, PhaseView};
use crate::server::unread::Unread;
use crate::stages::head::Head;
use crate::stages::identify::Accepted;

/// How long a caller who was asked to leave may take to say that it has heard, while nothing else is to be done.
const GOODBYE: Duration = Duration::from_millis(500);

/// One connection, from the handshake to its end.
pub(super) struct Session<'a> {
    http2: &'a Http2,
    connection: Connection<Wire, Bytes>,
    wire: Wire,
    peer: SocketAddr,
    unread: Rc<Unread>,
    records: &'a mut Records,
    streams: Rc<OpenStreams>,
    pings: Option<Pings>,
    /// Heads that have become requests, or were put on record as none.
    settled: u64,
    /// Since when the caller is asked to leave.
    leaving: Option<Instant>,
}

/// What happens on a connection.
enum Event {
    /// A request has come.
    Request(Box<(Request<RecvStream>, SendResponse<Bytes>)>),
    /// So many heads have come that h2 has refused by itself.
    Refused(u64),
    /// The caller sends too much of this.
    Flood(Flood),
    /// There is nothing more to come.
    End(Option<h2::Error>),
    /// The gateway is about to end.
    Leave,
    /// It is time to look at the clock.
    Tick,
}

impl<'a> Session<'a> {
    pub(super) fn new(
        http2: &'a Http2,
        mut connection: Connection<Wire, Bytes>,
        (wire, peer): (Wire, SocketAddr),
        unread: Rc<Unread>,
        records: &'a mut Records,
    ) -> Self {
        let kept_alive = http2.config.keep_alive_interval.zip(connection.ping_pong());
        let patience = http2.config.keep_alive_timeout;
        let pings = kept_alive.map(|(every, line)| Pings::new(line, every, patience));
        let streams = OpenStreams::new();
        Self { http2, connection, wire, peer, unread, records, streams, pings, settled: 0, leaving: None }
    }

    /// Serves until either side has ended it.
    pub(super) async fn run<S: Stack>(mut self, stack: Current<S>, mut phase: PhaseView) {
        // One that comes while the gateway is draining is served once, as by HTTP/1.
        let last = if phase.has_reached(Phase::Draining) { Phase::Closing } else { Phase::Draining };
        let mut clock = Box::pin(sleep_until(self.due()));
        loop {
            match self.next(last, &mut phase, clock.as_mut()).await {
                Event::Request(request) => {
                    self.accept(*request, &stack);
                    if self.leaving.is_none() && phase.has_reached(Phase::Draining) {
                        self.leave();
                    }
                }
                Event::Refused(count) => self.put_on_record(count),
                Event::Flood(kind) => {
                    self.http2.misbehaviour.note_flood(kind, self.client());
                    return self.break_off(Reason::ENHANCE_YOUR_CALM).await;
                }
                Event::End(error) => return self.note_end(error.as_ref()),
                Event::Leave => self.leave(),
                Event::Tick if !self.is_worth_keeping() => return self.break_off(Reason::NO_ERROR).await,
                Event::Tick => {}
            }
            clock.as_mut().reset(self.due());
        }
    }

    async fn next(&mut self, last: Phase, phase: &mut PhaseView, clock: Pin<&mut Sleep>) -> Event {
        tokio::select! {
            biased;
            () = phase.reached(last), if self.leaving.is_none() => Event::Leave,
            () = clock => Event::Tick,
            event = poll_fn(|cx| self.poll(cx)) => event,
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Event> {
        if let Some(pings) = &mut self.pings {
            pings.poll_pong(cx);
        }
        let _ = self.records.poll(cx);
        if self.records.are_too_many() {
            // They are what wakes this task once there is room.
            return Poll::Pending;
        }
        match self.connection.poll_accept(cx) {
            Poll::Ready(Some(Ok(request))) => Poll::Ready(Event::Request(Box::new(request))),
            Poll::Ready(Some(Err(error))) => Poll::Ready(Event::End(Some(error))),
            Poll::Ready(None) => Poll::Ready(Event::End(None)),
            Poll::Pending => match (self.wire.metered(Meter::flood), self.unsettled()) {
                (Some(kind), _) => Poll::Ready(Event::Flood(kind)),
                (None, 0) => Poll::Pending,
                (None, count) => Poll::Ready(Event::Refused(count)),
            },
        }
    }

    /// Heads that have come whole and will not become requests. Unknown while h2 waits to write, and so does not read.
    fn unsettled(&self) -> u64 {
        if self.wire.is_waiting() {
            return 0;
        }
        self.wire.metered(Meter::heads).saturating_sub(self.settled)
    }

    fn client(&self) -> IpAddr {
        self.peer.ip().to_canonical()
    }

    /// Has the stack answer a request, or refuses it.
    fn accept<S: Stack>(
        &mut self,
        (request, mut respond): (Request<RecvStream>, SendResponse<Bytes>),
        stack: &Current<S>,
    ) {
        self.settled += 1;
        let (mut head, body) = request.into_parts();
        let is_crowded = Rc::strong_count(&self.http2.streams) > self.http2.max_streams;
        let settled = head::settle(&mut head, self.http2.head);
        let settled = if is_crowded { Err(Code::Overloaded) } else { settled };
        let only_head = head.method == Method::HEAD;
        let open = (OpenStream::among(&self.streams), Rc::clone(&self.http2.streams));
        let (peer, patience) = (self.peer, self.http2.answer_timeout);
        let rest = Rest::default();
        let body = RequestBody::new(body, &head.headers, &rest);
        let place = self.place_to_skip();
        match settled {
            Ok(()) => {
                let expected = head.headers.get(EXPECT).map(HeaderValue::as_bytes);
                if is_continue(expected) && !body.is_end_stream() {
                    let _ = respond.send_informational(told_to_continue());
                }
                let head = Box::new(Head::from(head));
                let reply = stack.call(Accepted { peer, head, body: CallerBody::Http2(body) });
                let reply = async move {
                    match reply.await {
                        Ok(reply) => reply,
                        Err(never) => match never {},
                    }
                };
                tokio::task::spawn_local(async move {
                    stream::answer(reply, respond, only_head, patience).await;
                    // What is read over takes no request's place.
                    drop(open);
                    rest.skip(place).await;
                });
            }
            Err(code) => {
                let (unread, client) = (Rc::clone(&self.unread), self.client());
                tokio::task::spawn_local(async move {
                    stream::answer(unread.refusal(client, code), respond, only_head, patience).await;
                    drop((open, body));
                    // Where there is too much to do already, saying so is all that is done.
                    if code != Code::Overloaded {
                        rest.skip(place).await;
                    }
                });
            }
        }
    }

    /// Where a stream finds out whether its body may be read over.
    fn place_to_skip(&self) -> impl FnOnce() -> Option<SkippedStream> + use<> {
        let (streams, places) = (Rc::clone(&self.streams), Rc::clone(&self.http2.skipped));
        let most = self.http2.max_streams;
        move || SkippedStream::among(&streams, &places, most)
    }

    /// h2 has reset these streams: their heads were malformed, or there were more than are allowed at once.
    fn put_on_record(&mut self, count: u64) {
        self.settled += count;
        if self.leaving.is_some() {
            // Or they came after the last that is served, and are asked for elsewhere.
            return;
        }
        let most = usize::try_from(self.http2.config.max_concurrent_streams).unwrap_or(usize::MAX);
        let open = self.streams.count.get() + self.streams.skipped.get();
        let code = if open >= most { Code::Overloaded } else { Code::RequestMalformed };
        self.records.add(code, count);
    }

    /// Asks the caller to send no further requests. Those on their way are served.
    fn leave(&mut self) {
        self.connection.graceful_shutdown();
        self.leaving.get_or_insert_with(Instant::now);
    }

    /// When the clock is to be looked at next.
    fn due(&self) -> Instant {
        if self.leaving.is_some() {
            return self.idle_since() + GOODBYE;
        }
        let idle = self.idle_since() + self.http2.idle_timeout;
        self.pings.as_ref().map_or(idle, |pings| pings.due().min(idle))
    }

    /// Since when the caller could have been told something, and has nothing under way. Now, if it has.
    fn idle_since(&self) -> Instant {
        if self.streams.count.get() > 0 || self.wire.is_waiting() {
            return Instant::now();
        }
        let last = self.streams.last.get();
        self.leaving.map_or(last, |leaving| leaving.max(last))
    }

    /// Looks at the clock. A connection on which nothing happens is asked to end; one that was asked, or whose caller
    /// gives no sign of life, is not waited for.
    fn is_worth_keeping(&mut self) -> bool {
        let now = Instant::now();
        let idle = now - self.idle_since();
        if self.leaving.is_some() {
            return idle < GOODBYE;
        }
        if idle >= self.http2.idle_timeout {
            if self.wire.metered(Meter::is_in_head) {
                self.records.add(Code::RequestTimeout, 1);
            }
            self.leave();
            return true;
        }
        self.pings.as_mut().is_none_or(|pings| pings.keep_alive(now))
    }

    /// Says why the connection ends, and ends it.
    async fn break_off(&mut self, reason: Reason) {
        self.connection.abrupt_shutdown(reason);
        let closed = poll_fn(|cx| self.connection.poll_closed(cx));
        let _ = timeout(GOODBYE, closed).await;
    }

    /// Puts on record how a caller broke the protocol, if it did.
    fn note_end(&mut self, error: Option<&h2::Error>) {
        let Some(error) = error.filter(|error| error.is_go_away() && error.is_library()) else { return };
        if error.reason() == Some(Reason::ENHANCE_YOUR_CALM) {
            self.http2.misbehaviour.note_flood(Flood::Other, self.client());
        }
        self.records.add(Code::RequestMalformed, 1);
    }
}

fn told_to_continue() -> Response<()> {
    let mut response = Response::new(());
    *response.status_mut() = http::StatusCode::CONTINUE;
    response
}
