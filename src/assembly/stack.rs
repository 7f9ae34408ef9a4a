//! The way of a request, in one place.

use std::convert::Infallible;
use std::rc::Rc;

use bytes::Bytes;
use http_body::Body;
use tower::{Service, ServiceBuilder};

use super::parts::Parts;
use crate::domain::Refusal;
use crate::stages::audit::{self, Desk};
use crate::stages::authn::{self, Authn};
use crate::stages::identify::{self, Accepted};
use crate::stages::intent::{self, Recorded};
use crate::stages::limit::Limit;
use crate::stages::reply::Reply;
use crate::stages::route::Route;
use crate::stages::{authz, catch_panic, check, clearance, cors, deadline, documents, shed};

/// One worker's stack: every layer, and why it stands where it does. `vendor` is what answers in the end.
pub fn stack<B, V>(
    parts: &Parts,
    desk: Rc<Desk>,
    vendor: V,
) -> impl Service<Accepted<B>, Response = Reply, Error = Infallible> + Clone + use<B, V>
where
    B: Body<Data = Bytes> + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    V: Service<Recorded, Response = Reply, Error = Refusal> + Clone + 'static,
{
    let config = &parts.config;
    ServiceBuilder::new()
        // Around everything, so that a panic anywhere is answered, and is one request's alone.
        .layer(catch_panic::layer(Rc::clone(&desk)))
        // First of those that do something, so that every answer, record and line of the log can name the request.
        .layer(identify::layer(config.identify.clone()))
        // Before anything can refuse, so that browsers can read every refusal.
        .layer(cors::layer(&config.cors))
        // Before anything can wait, so that no wait is without end.
        .layer(deadline::layer(config.request_timeout))
        // Before everything that costs more than saying no, so that the load that is too much costs no more than that.
        .layer(shed::layer(Rc::clone(&desk), config.shed))
        // Before the trail and the token: public pages are nobody's secret and no event.
        .layer(documents::layer(&config.authz.create))
        // Around everything that decides, so that no decision goes unrecorded.
        .layer(audit::layer(desk))
        // Before the token is looked at: a path that does not exist is worth no signature check.
        .layer(check::layer(Route))
        // Before the limits, as they are the tenant's, and only a verified token says whose.
        .layer(authn::layer(Authn::new(
            parts.keyring.clone(),
            config.cache_capacity,
            parts.tenancy.clone(),
            parts.addresses.clone(),
        )))
        // Before authorization: asking in vain costs something too.
        .layer(check::layer(Limit))
        // Before the vendor's side: from here on there is nothing but allowed, typed calls.
        .layer(authz::layer(config.authz.clone()))
        // Before the intent, so that none is written for a call that has no chance.
        .layer(clearance::layer())
        // Last before the vendor: nothing may come between the record on disk and the call.
        .layer(intent::layer(parts.trail.clone(), config.audit.durability))
        .service(vendor)
}
