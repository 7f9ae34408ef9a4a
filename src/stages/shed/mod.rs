//! Turns away load past what the worker can hold, with `overloaded`. Takes [`Timed`] and hands it on untouched. Stands
//! before everything that costs more than saying no: no slot in the trail is waited for, no route looked up and no
//! signature checked for a request that is not going to be served.
//!
//! Two signs tell of too much load. Requests in flight are bounded, which bounds memory, and the latency that requests
//! cause each other. What is done at once, such as the check of a signature, is never in flight for long: there the
//! sign is that the worker comes late to what waits for it (`pressure.rs`).

mod pacing;
mod pressure;

use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::num::NonZeroUsize;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_util::future::Either;
use pin_project_lite::pin_project;
use tokio::time::{Instant, sleep_until};
use tower::layer::layer_fn;
use tower::{Layer, Service};

use self::pacing::Pacing;
use self::pressure::{INTERVAL, Pressure};
use super::audit::Desk;
use super::deadline::Timed;
use super::identify::Arrival;
use super::problem;
use super::reply::{GateBody, Reply};
use crate::domain::{Code, Refusal};

/// How much one worker takes on.
#[derive(Clone, Copy, Debug)]
pub struct ShedConfig {
    /// Requests in flight.
    pub max_requests: NonZeroUsize,
    /// How late the worker may come to what waits for it, for longer than a moment; zero: as late as it likes.
    pub max_lag: Duration,
}

/// When those who are turned away are told to try again.
const TRY_AGAIN: Duration = Duration::from_secs(1);

/// Puts the stage before those behind it. The worker's load is counted at its `desk`.
pub fn layer<S>(desk: Rc<Desk>, config: ShedConfig) -> impl Layer<S, Service = Shed<S>> {
    let gauge = Rc::new(Gauge {
        desk,
        config,
        pressure: RefCell::default(),
        pacing: Cell::default(),
        last_arrival: Cell::new(None),
        is_measured: Cell::new(false),
    });
    layer_fn(move |inner| Shed { gauge: Rc::clone(&gauge), inner })
}

/// The stage.
#[derive(Clone, Debug)]
pub struct Shed<S> {
    gauge: Rc<Gauge>,
    inner: S,
}

/// What is known of the worker's load.
#[derive(Debug)]
struct Gauge {
    desk: Rc<Desk>,
    config: ShedConfig,
    pressure: RefCell<Pressure>,
    pacing: Cell<Pacing>,
    last_arrival: Cell<Option<Instant>>,
    is_measured: Cell<bool>,
}

impl Gauge {
    /// Lets a request in, or says what there is too much of.
    fn admit(self: &Rc<Self>, arrival: &Arrival) -> Result<Place, &'static str> {
        self.note(arrival.started);
        if self.desk.load().in_flight() >= self.config.max_requests.get() {
            return Err("too many requests are in flight");
        }
        if self.pressure.borrow_mut().sheds() {
            return Err("the worker comes late to what waits for it");
        }
        Ok(Place::taken(&self.desk))
    }

    /// One request on its own is no load: the measuring begins with the second within an interval, and ends with the
    /// first interval without any.
    fn note(self: &Rc<Self>, now: Instant) {
        let before = self.last_arrival.replace(Some(now));
        let is_busy = before.is_some_and(|before| now.duration_since(before) < INTERVAL);
        if is_busy && !self.config.max_lag.is_zero() && !self.is_measured.replace(true) {
            tokio::task::spawn_local(Rc::clone(self).measure());
        }
    }

    async fn measure(self: Rc<Self>) {
        loop {
            let (began, due) = (Instant::now(), Instant::now() + INTERVAL);
            sleep_until(due).await;
            if self.last_arrival.get().is_none_or(|last| last < began) {
                break;
            }
            let lag = due.elapsed();
            self.desk.load().lags(lag);
            let stands = self.pressure.borrow_mut().measured(lag, self.config.max_lag);
            self.pacing.set(self.pacing.get().measured(stands));
        }
        self.desk.load().lags(Duration::ZERO);
        self.pressure.replace(Pressure::default());
        self.is_measured.set(false);
    }

    async fn turn_away(self: Rc<Self>, arrival: Arrival, reason: &'static str) -> Reply {
        let (pacing, turn) = self.pacing.get().next(Instant::now());
        self.pacing.set(pacing);
        if let Some(turn) = turn {
            sleep_until(turn).await;
        }
        let detail = "the gateway has more to do than it can; wait as long as Retry-After says";
        let refusal = Refusal::new(Code::Overloaded, detail).retry_after(TRY_AGAIN).because(reason);
        let refusal = match self.desk.turned_away(arrival, &refusal).await {
            Ok(()) => refusal,
            Err(instead) => instead,
        };
        problem::reply(&refusal, arrival.id)
    }
}

/// A place among the worker's requests in flight, until it is dropped.
#[derive(Debug)]
pub(super) struct Place(Rc<Desk>);

impl Place {
    fn taken(desk: &Rc<Desk>) -> Self {
        desk.load().begin();
        Self(Rc::clone(desk))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.load().end();
    }
}

type TurnedAway = Pin<Box<dyn Future<Output = Result<Reply, Infallible>>>>;

impl<B, S> Service<Timed<B>> for Shed<S>
where
    S: Service<Timed<B>, Response = Reply, Error = Infallible>,
{
    type Response = Reply;
    type Error = Infallible;
    type Future = Either<TurnedAway, Serving<S::Future>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Timed<B>) -> Self::Future {
        let arrival = *request.arrival();
        match self.gauge.admit(&arrival) {
            Ok(place) => Either::Right(Serving { inner: self.inner.call(request), place: Some(place) }),
            Err(reason) => {
                let gauge = Rc::clone(&self.gauge);
                Either::Left(Box::pin(async move { Ok(gauge.turn_away(arrival, reason).await) }))
            }
        }
    }
}

pin_project! {
    /// A request that was let in. It keeps its place until its answer is with the connection.
    #[derive(Debug)]
    pub struct Serving<F> {
        #[pin]
        inner: F,
        place: Option<Place>,
    }
}

impl<F> Future for Serving<F>
where
    F: Future<Output = Result<Reply, Infallible>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let mut reply = ready!(this.inner.poll(cx))?;
        if let GateBody::Streaming(streaming) = &mut reply.body {
            streaming.place = this.place.take();
        }
        Poll::Ready(Ok(reply))
    }
}
