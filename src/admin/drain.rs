//! Draining on demand: the gateway turns callers away gently before it is told to end.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use arc_swap::ArcSwap;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use serde_json::json;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::{Overview, json, text};
use crate::smallserver::{Body, Peer};

/// When the gateway began to drain, by order or by signal, and how long that may take.
#[derive(Debug)]
pub struct Drain {
    limits: ArcSwap<Limits>,
    began: OnceLock<Instant>,
    ordered: Notify,
}

#[derive(Clone, Copy, Debug)]
struct Limits {
    delay: Duration,
    timeout: Duration,
}

impl Drain {
    /// It serves on for `delay`, and gives requests in flight another `timeout`.
    pub fn new(delay: Duration, timeout: Duration) -> Self {
        let limits = ArcSwap::from_pointee(Limits { delay, timeout });
        Self { limits, began: OnceLock::new(), ordered: Notify::new() }
    }

    /// The same with other limits, from now on.
    pub fn change(&self, delay: Duration, timeout: Duration) {
        self.limits.store(Arc::new(Limits { delay, timeout }));
    }

    /// From then until requests that still run are cut off.
    pub fn timeout(&self) -> Duration {
        self.limits.load().timeout
    }

    /// It begins now, unless it has already. Gives the end of the delay.
    pub fn begin(&self) -> Instant {
        *self.began.get_or_init(Instant::now) + self.limits.load().delay
    }

    /// Waits for the order to begin.
    pub async fn ordered(&self) {
        self.ordered.notified().await;
    }

    fn order(&self) {
        if self.began.get().is_none() {
            self.begin();
            self.ordered.notify_one();
        }
    }
}

impl Overview {
    /// `POST` begins, from this machine alone: the port may be open to a whole cluster, and a page in somebody's
    /// browser (which says so with `Origin`) is not the operator. Both tell how far it is.
    pub(super) fn drain<B>(&self, request: &Request<B>) -> Response<Body> {
        match *request.method() {
            Method::GET | Method::HEAD => json(StatusCode::OK, &self.drained()),
            Method::POST if !is_operator(request) => {
                text(StatusCode::FORBIDDEN, "this order is taken from the gateway's own machine alone\n")
            }
            Method::POST => {
                self.drain.order();
                json(StatusCode::ACCEPTED, &self.drained())
            }
            _ => {
                let mut response = text(StatusCode::METHOD_NOT_ALLOWED, "use GET or POST\n");
                response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD, POST"));
                response
            }
        }
    }

    fn drained(&self) -> serde_json::Value {
        let in_flight = self.loads.in_flight();
        let began = self.drain.began.get();
        let Limits { delay, timeout } = **self.drain.limits.load();
        let is_over = |after: Duration| began.is_some_and(|began| began.elapsed() >= after);
        json!({
            "draining": began.is_some(),
            "drained": in_flight == 0 && is_over(delay),
            "requests_in_flight": in_flight,
            "timed_out": is_over(delay + timeout),
        })
    }
}

fn is_operator<B>(request: &Request<B>) -> bool {
    let peer = request.extensions().get::<Peer>();
    // Not all of 127.0.0.0/8: a mesh's sidecar may hand on from there what came from elsewhere.
    let here = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];
    let is_here = peer.is_some_and(|Peer(address)| here.contains(&address.ip().to_canonical()));
    is_here && !request.headers().contains_key(header::ORIGIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(peer: &str, origin: Option<&str>) -> bool {
        let mut request = Request::post("/drain").extension(Peer(peer.parse().unwrap()));
        if let Some(origin) = origin {
            request = request.header(header::ORIGIN, origin);
        }
        is_operator(&request.body(()).unwrap())
    }

    #[test]
    fn an_operator_is_on_this_machine_and_no_page() {
        for here in ["127.0.0.1:5000", "[::1]:5000", "[::ffff:127.0.0.1]:5000"] {
            assert!(from(here, None), "{here}");
            assert!(!from(here, Some("http://localhost:3000")) && !from(here, Some("null")), "{here}");
        }
        for elsewhere in
            ["10.0.0.1:5000", "127.0.0.6:5000", "0.0.0.0:5000", "[fe80::1]:5000", "[::ffff:10.0.0.1]:5000"]
        {
            assert!(!from(elsewhere, None), "{elsewhere}");
        }
        assert!(!is_operator(&Request::post("/drain").body(()).unwrap()), "nobody knows who");
    }
}
