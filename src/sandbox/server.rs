//! From HTTP to the sandbox's state and back.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_MAX_AGE, AUTHORIZATION, CONTENT_TYPE,
};
use http::request::Parts;
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Limited, StreamBody};
use hyper::body::{Frame, Incoming};
use tokio::time::Instant;

use super::answer::PlatformError;
use super::call::Call;
use super::fault::Outcome;
use super::world::World;
use super::{control, vendor};
use crate::smallserver::{Body, Break, whole};

/// The largest request body that is read. The vendor's own limit is a few KiB.
const MAX_BODY: usize = 64 * 1024;
/// How long a request's body may take to arrive.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// The sandbox's state, shared by all connections.
#[derive(Clone)]
pub(super) struct Shared(Arc<Mutex<World>>);

impl Shared {
    pub(super) fn new(world: World) -> Self {
        Self(Arc::new(Mutex::new(world)))
    }

    /// A handler that panicked leaves plain data behind, which the others may go on with.
    fn lock(&self) -> MutexGuard<'_, World> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Answers one request.
    pub(super) async fn respond(self, request: Request<Incoming>) -> Result<Response<Body>, Break> {
        let (head, body) = request.into_parts();
        let limited = Limited::new(body, MAX_BODY).collect();
        let body = match tokio::time::timeout(BODY_TIMEOUT, limited).await {
            Ok(Ok(body)) => body.to_bytes(),
            Ok(Err(_)) => {
                return Ok(PlatformError::BodyTooLarge
                    .answer("The request's body is too large")
                    .into_response());
            }
            Err(_) => return Err(Break::Reset),
        };
        match head.uri.path().strip_prefix("/_sandbox") {
            Some(path) if path.is_empty() || path.starts_with('/') => Ok(self.control(&head, path, &body)),
            _ => self.vendor(&head, &body).await,
        }
    }

    fn control(&self, head: &Parts, path: &str, body: &[u8]) -> Response<Body> {
        let mut response = if head.method == Method::OPTIONS {
            preflight()
        } else {
            control::answer(&mut self.lock(), &head.method, path, body, Instant::now()).into_response()
        };
        let any = HeaderValue::from_static("*");
        response.headers_mut().insert(ACCESS_CONTROL_ALLOW_ORIGIN, any);
        response
    }

    async fn vendor(&self, head: &Parts, body: &[u8]) -> Result<Response<Body>, Break> {
        let call = Call::parse(&head.method, head.uri.path());
        let authorization = head.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let request = vendor::Request { authorization, body };
        let (outcome, wait) = self.lock().receive(&call, &request, Instant::now());
        let status = outcome.status().map(|status| status.as_u16());
        tracing::info!(method = %head.method, path = head.uri.path(), status, "call");
        if !wait.is_zero() {
            tokio::time::sleep(wait).await;
        }
        match outcome {
            Outcome::Answer(answer) => Ok(answer.into_response()),
            Outcome::Oversized(bytes) => Ok(oversized(bytes)),
            Outcome::Break(how) => Err(how),
            // Ends with the connection.
            Outcome::Silence => std::future::pending().await,
        }
    }
}

/// Browsers ask before they send JSON or use a method of the less usual kind (Fetch standard, CORS protocol).
fn preflight() -> Response<Body> {
    let mut response = Response::new(whole(Bytes::new()));
    *response.status_mut() = StatusCode::NO_CONTENT;
    let headers = response.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, POST, PATCH, DELETE"));
    headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("content-type"));
    headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
    response
}

/// A JSON object of `bytes` bytes, made while it is sent.
fn oversized(bytes: u64) -> Response<Body> {
    const HEAD: &[u8] = b"{\"error\":0,\"padding\":\"";
    const CHUNK: &[u8] = &[b'x'; 64 * 1024];
    const TAIL: &[u8] = b"\"}";
    let padding = usize::try_from(bytes).unwrap_or(usize::MAX).saturating_sub(HEAD.len() + TAIL.len());
    let last = CHUNK.get(..padding % CHUNK.len()).unwrap_or_default();
    let chunks = std::iter::once(HEAD)
        .chain(std::iter::repeat_n(CHUNK, padding / CHUNK.len()))
        .chain([last, TAIL])
        .map(|chunk| Ok::<_, Infallible>(Frame::data(Bytes::from_static(chunk))));
    let mut response = Response::new(StreamBody::new(futures_util::stream::iter(chunks)).boxed_unsync());
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, json);
    response
}
