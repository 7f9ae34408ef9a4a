//! Lets browsers read every answer. Answers preflights by itself: they carry no token, cost no quota and are not on
//! record. Stands before everything that can refuse, so that a refusal has the headers too.

use std::future::{Ready, ready};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_util::future::Either;
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, VARY,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, header};
use pin_project_lite::pin_project;
use tower::layer::layer_fn;
use tower::{Layer, Service};

use super::head::{Field, Head};
use super::identify::{Identified, TRACEPARENT, X_REQUEST_ID};
use super::reply::PROXY_STATUS;
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
const EXPOSED: [HeaderName; 7] = [
    X_REQUEST_ID,
    header::ALLOW,
    header::RETRY_AFTER,
    header::WWW_AUTHENTICATE,
    RATE_LIMIT,
    RATE_LIMIT_POLICY,
    PROXY_STATUS,
];

/// Headers that a page may send.
const ACCEPTED: [HeaderName; 6] = [
    header::AUTHORIZATION,
    header::CONTENT_TYPE,
    header::ACCEPT,
    header::CACHE_CONTROL,
    TRACEPARENT,
    HeaderName::from_static("tracestate"),
];

/// What a preflight's answer depends on (RFC 9110, section 12.5.5).
const PREFLIGHT_VARIES: HeaderValue =
    HeaderValue::from_static("origin, access-control-request-method, access-control-request-headers");

/// Puts the stage before those behind it. All that it writes but an origin is made here, once.
pub fn layer<S>(config: &CorsConfig) -> impl Layer<S, Service = Cors<S>> + use<S> {
    let policy = Rc::new(Policy::new(config));
    layer_fn(move |inner| Cors { policy: Rc::clone(&policy), inner })
}

#[derive(Debug)]
struct Policy {
    origins: AllowedOrigins,
    exposed: HeaderValue,
    preflight: HeaderMap,
}

/// The stage.
#[derive(Clone, Debug)]
pub struct Cors<S> {
    policy: Rc<Policy>,
    inner: S,
}

impl Policy {
    fn new(config: &CorsConfig) -> Self {
        let methods = HeaderValue::from_static("GET,POST,DELETE");
        let preflight = HeaderMap::from_iter([
            (ACCESS_CONTROL_ALLOW_METHODS, methods),
            (ACCESS_CONTROL_ALLOW_HEADERS, list(&ACCEPTED)),
            (ACCESS_CONTROL_MAX_AGE, HeaderValue::from(config.max_age.as_secs())),
            (VARY, PREFLIGHT_VARIES),
        ]);
        Self { origins: config.allowed_origins.clone(), exposed: list(&EXPOSED), preflight }
    }

    /// Which origin may read the answer to a request with this head.
    fn allowed(&self, head: &Head) -> Option<HeaderValue> {
        match &self.origins {
            AllowedOrigins::Any => Some(HeaderValue::from_static("*")),
            AllowedOrigins::Only(origins) => {
                let asking = head.values(Field::Origin).next()?;
                origins.iter().find(|origin| origin.as_bytes() == asking).cloned()
            }
        }
    }

    /// The answer to a preflight (Fetch standard, "CORS-preflight fetch"), whoever sends it.
    fn preflight<B: Default>(&self, allowed: Option<HeaderValue>) -> Response<B> {
        let mut response = Response::new(B::default());
        *response.headers_mut() = self.preflight.clone();
        if let Some(origin) = allowed {
            response.headers_mut().insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        }
        response
    }

    fn write(&self, allowed: Option<HeaderValue>, headers: &mut HeaderMap) {
        if let Some(origin) = allowed {
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        }
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, self.exposed.clone());
        if matches!(self.origins, AllowedOrigins::Only(_)) {
            headers.append(VARY, HeaderValue::from_static("origin"));
        }
    }
}

fn list(names: &[HeaderName]) -> HeaderValue {
    let names: Vec<_> = names.iter().map(HeaderName::as_str).collect();
    // Names of headers with commas between them are a header's value.
    HeaderValue::try_from(names.join(",")).unwrap_or_else(|_| HeaderValue::from_static(""))
}

impl<B, ResBody, S> Service<Identified<B>> for Cors<S>
where
    ResBody: Default,
    S: Service<Identified<B>, Response = Response<ResBody>>,
{
    type Response = Response<ResBody>;
    type Error = S::Error;
    type Future = Either<Ready<Result<Response<ResBody>, S::Error>>, CorsFuture<S::Future>>;

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

impl<F, ResBody, E> Future for CorsFuture<F>
where
    F: Future<Output = Result<Response<ResBody>, E>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let mut response = ready!(this.inner.poll(cx))?;
        this.policy.write(this.allowed.take(), response.headers_mut());
        Poll::Ready(Ok(response))
    }
}
