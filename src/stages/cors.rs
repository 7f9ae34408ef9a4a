//! Lets browsers read every answer. Answers preflights by itself: they carry no token, cost no quota and are not on
//! record. Stands before everything that can refuse, so that a refusal has the headers too.

use std::future::{Ready, ready};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_util::future::Either;
use http::{HeaderValue, Method, StatusCode};
use pin_project_lite::pin_project;
use tower::layer::layer_fn;
use tower::{Layer, Service};

use super::head::{Field, Head};
use super::identify::{Identified, X_REQUEST_ID};
use super::reply::{GateBody, PROXY_STATUS, Reply};
use crate::http1::{Fields, Lines};
use crate::limits::headers::{RATE_LIMIT, RATE_LIMIT_POLICY};

/// Cross-origin resource sharing.
#[derive(Clone, Debug)]
pub struct CorsConfig {
    /// Whose scripts may call and read the answers.
    pub allowed_origins: AllowedOrigins,
    /// How long a browser may remember a preflight's answer.
    pub max_age: Duration,
}

/// Origins of web pages (RFC 6454).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AllowedOrigins {
    /// Every page. Harmless here: a call needs a bearer token, which no browser adds by itself as it does a cookie.
    Any,
    /// These alone, compared byte by byte with `Origin`.
    Only(Vec<HeaderValue>),
}

/// Headers that a page may read beside the safelisted ones (Fetch standard, "CORS-safelisted response-header name").
const EXPOSED: [&str; 7] =
    [X_REQUEST_ID, "allow", "retry-after", "www-authenticate", RATE_LIMIT, RATE_LIMIT_POLICY, PROXY_STATUS];

/// What a preflight's answer says whoever sends it: the methods and headers that a page may use, and what the answer
/// depends on (RFC 9110, section 12.5.5).
const PREFLIGHT: Lines = Lines::new(
    "access-control-allow-methods: GET,POST,DELETE\r\n\
     access-control-allow-headers: authorization,content-type,accept,cache-control,traceparent,tracestate\r\n\
     vary: origin, access-control-request-method, access-control-request-headers\r\n",
);

/// For answers that depend on who asks.
const VARIES: Lines = Lines::new("vary: origin\r\n");

/// For answers that any page may read.
const FOR_ANYBODY: Lines = Lines::new("access-control-allow-origin: *\r\n");

/// Puts the stage before those behind it. All that it writes but an origin is made here, once.
pub fn layer<S>(config: &CorsConfig) -> impl Layer<S, Service = Cors<S>> + use<S> {
    let policy = Rc::new(Policy::new(config));
    layer_fn(move |inner| Cors { policy: Rc::clone(&policy), inner })
}

#[derive(Debug)]
struct Policy {
    origins: AllowedOrigins,
    /// What every answer says, whoever asks.
    shared: Fields,
    /// The same of answers to preflights.
    preflight: Fields,
}

/// The stage.
#[derive(Clone, Debug)]
pub struct Cors<S> {
    policy: Rc<Policy>,
    inner: S,
}

impl Policy {
    fn new(config: &CorsConfig) -> Self {
        let (mut shared, mut preflight) = (Fields::default(), Fields::default());
        shared.put("access-control-expose-headers", EXPOSED);
        if config.allowed_origins == AllowedOrigins::Any {
            shared.put_lines(FOR_ANYBODY);
            preflight.put_lines(FOR_ANYBODY);
        } else {
            shared.put_lines(VARIES);
        }
        preflight.put_lines(PREFLIGHT);
        preflight.put("access-control-max-age", config.max_age.as_secs());
        Self { origins: config.allowed_origins.clone(), shared, preflight }
    }

    /// The one origin that may read the answer to a request with this head, where not all may.
    fn allowed(&self, head: &Head) -> Option<HeaderValue> {
        match &self.origins {
            AllowedOrigins::Any => None,
            AllowedOrigins::Only(origins) => {
                let asking = head.values(Field::Origin).next()?;
                origins.iter().find(|origin| origin.as_bytes() == asking).cloned()
            }
        }
    }

    /// The answer to a preflight (Fetch standard, "CORS-preflight fetch"), whoever sends it.
    fn preflight(&self, allowed: Option<HeaderValue>) -> Reply {
        let mut reply = Reply::new(StatusCode::OK, GateBody::default());
        put(&self.preflight, allowed, &mut reply.fields);
        reply
    }
}

fn put(shared: &Fields, allowed: Option<HeaderValue>, fields: &mut Fields) {
    fields.put_all(shared);
    if let Some(origin) = allowed {
        fields.put("access-control-allow-origin", origin);
    }
}

impl<B, S> Service<Identified<B>> for Cors<S>
where
    S: Service<Identified<B>, Response = Reply>,
{
    type Response = Reply;
    type Error = S::Error;
    type Future = Either<Ready<Result<Reply, S::Error>>, CorsFuture<S::Future>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Identified<B>) -> Self::Future {
        let allowed = self.policy.allowed(request.head());
        if request.head().method == Method::OPTIONS {
            return Either::Left(ready(Ok(self.policy.preflight(allowed))));
        }
        let policy = Rc::clone(&self.policy);
        Either::Right(CorsFuture { inner: self.inner.call(request), policy, allowed })
    }
}

pin_project! {
    /// Puts the headers on the answer.
    #[derive(Debug)]
    pub struct CorsFuture<F> {
        #[pin]
        inner: F,
        policy: Rc<Policy>,
        allowed: Option<HeaderValue>,
    }
}

impl<F, E> Future for CorsFuture<F>
where
    F: Future<Output = Result<Reply, E>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let mut reply = ready!(this.inner.poll(cx))?;
        put(&this.policy.shared, this.allowed.take(), &mut reply.fields);
        Poll::Ready(Ok(reply))
    }
}
