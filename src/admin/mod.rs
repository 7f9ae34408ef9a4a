//! The admin port: `/livez`, `/readyz`, `/metrics`, `/status`, `/drain`. For probes, Prometheus and people, on the
//! control plane; says nothing secret, and takes one order, which is to drain.

mod drain;
mod readiness;
mod reloads;
mod status;

pub use drain::Drain;
pub use readiness::{Need, Needs};
pub use reloads::Reloads;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arc_swap::ArcSwap;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use jiff::Timestamp;
use serde_json::Value;

use crate::limits::Loads;
use crate::server::tls::Certificates;
use crate::server::{ConnectionCount, PhaseView};
use crate::shipping::Shipped;
use crate::smallserver::{Body, whole};
use crate::telemetry::{CONTENT_TYPE, Metrics};
use crate::trail::Trail;

/// What is there by the configuration in effect.
#[derive(Debug)]
pub struct InService {
    /// What callers cannot be served without; holds the keys, tenants and apps.
    pub needs: Needs,
    /// The counters.
    pub metrics: Metrics,
}

/// Everything that the admin port tells about.
#[derive(Debug)]
pub struct Overview {
    /// What a reload replaces.
    pub in_service: ArcSwap<InService>,
    /// What became of reloads.
    pub reloads: Arc<Reloads>,
    /// The trail.
    pub trail: Trail,
    /// How far the trail is shipped.
    pub shipped: Shipped,
    /// Where the gateway stands.
    pub phase: PhaseView,
    /// The callers' connections.
    pub connections: ConnectionCount,
    /// What the workers have to do.
    pub loads: Loads,
    /// How far it is with draining.
    pub drain: Drain,
    /// What callers are shown, where TLS is spoken.
    pub certificates: Option<Certificates>,
    /// When the gateway started.
    pub started: Timestamp,
    /// Whether a thread or a part of the control plane was lost, so that only a new start helps.
    pub broken: Arc<AtomicBool>,
}

impl Overview {
    /// A part of the control plane has ended, and cannot be had back.
    pub fn lose_a_part(&self) {
        self.broken.store(true, Ordering::Relaxed);
    }

    /// Whether callers can be served.
    pub fn is_ready(&self) -> bool {
        self.readiness().all_pass()
    }

    /// The answer to one request.
    pub fn answer<B>(&self, request: &Request<B>) -> Response<Body> {
        if request.uri().path() == "/drain" {
            return self.drain(request);
        }
        if request.method() != Method::GET && request.method() != Method::HEAD {
            return reading_alone();
        }
        match request.uri().path() {
            "/livez" if self.broken.load(Ordering::Relaxed) || self.trail.is_closed() => {
                text(StatusCode::INTERNAL_SERVER_ERROR, "a part of the gateway has ended; start anew\n")
            }
            "/livez" => text(StatusCode::OK, "ok\n"),
            "/readyz" => self.readyz(),
            "/metrics" => with_type(StatusCode::OK, CONTENT_TYPE, self.in_service.load().metrics.render()),
            "/status" => json(StatusCode::OK, &self.status()),
            _ => text(StatusCode::NOT_FOUND, "there are /livez, /readyz, /metrics, /status and /drain\n"),
        }
    }

    fn readyz(&self) -> Response<Body> {
        let checks = self.readiness();
        let status = if checks.all_pass() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
        json(status, &checks.render())
    }
}

fn reading_alone() -> Response<Body> {
    let mut response = text(StatusCode::METHOD_NOT_ALLOWED, "this page is for reading: use GET\n");
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
    response
}

fn text(status: StatusCode, text: &'static str) -> Response<Body> {
    with_type(status, "text/plain; charset=utf-8", text)
}

fn json(status: StatusCode, value: &Value) -> Response<Body> {
    with_type(status, "application/json", format!("{value:#}\n"))
}

fn with_type(status: StatusCode, media_type: &'static str, body: impl Into<bytes::Bytes>) -> Response<Body> {
    let mut response = Response::new(whole(body));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
