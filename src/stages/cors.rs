//! Lets browsers read every answer. Answers preflights by itself: they carry no token, cost no quota and are not on
//! record. Stands before everything that can refuse, so that a refusal has the headers too.

use std::time::Duration;

use http::{HeaderName, HeaderValue, Method, header};
use tower_http::cors::{AllowOrigin, CorsLayer};

use super::identify::{TRACEPARENT, X_REQUEST_ID};
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

/// The layer for `config`.
pub fn layer(config: &CorsConfig) -> CorsLayer {
    let origins = match &config.allowed_origins {
        AllowedOrigins::Any => AllowOrigin::any(),
        AllowedOrigins::Only(origins) => AllowOrigin::list(origins.iter().cloned()),
    };
    CorsLayer::new()
        .allow_origin(origins)
        .allow_methods([Method::GET, Method::POST, Method::DELETE])
        .allow_headers(ACCEPTED)
        .expose_headers(EXPOSED)
        .max_age(config.max_age)
}
