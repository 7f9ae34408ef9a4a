//! Answers what anybody may read: the API's description and the pages that problem types point to. Takes [`Timed`] and
//! hands it on untouched where it asks for something else. Stands before the trail and the token: these pages are
//! public, and reading them is no business of the trail's.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::future::Either;
use http::{Method, StatusCode};
use tower::layer::layer_fn;
use tower::{Layer, Service};

use super::deadline::Timed;
use super::reply::{GateBody, Reply};
use crate::domain::{Code, CreateRules};
use crate::openapi;

/// Puts the stage before those behind it. The description tells callers about `rules`.
pub fn layer<S>(rules: &CreateRules) -> impl Layer<S, Service = Documents<S>> + use<S> {
    let openapi = openapi::document(rules);
    layer_fn(move |inner| Documents { openapi: openapi.clone(), inner })
}

/// The stage.
#[derive(Clone, Debug)]
pub struct Documents<S> {
    openapi: Bytes,
    inner: S,
}

impl<S> Documents<S> {
    /// The document at `path`.
    fn document(&self, path: &str) -> Option<Bytes> {
        if path == "/openapi.json" {
            return Some(self.openapi.clone());
        }
        let name = path.strip_prefix("/problems/")?;
        let code = Code::ALL.iter().find(|code| code.as_str() == name)?;
        Some(openapi::problem_page(*code))
    }
}

impl<B, S> Service<Timed<B>> for Documents<S>
where
    S: Service<Timed<B>, Response = Reply, Error = Infallible>,
{
    type Response = Reply;
    type Error = Infallible;
    type Future = Either<Ready<Result<Reply, Infallible>>, S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Timed<B>) -> Self::Future {
        if matches!(request.head().method, Method::GET | Method::HEAD)
            && let Some(body) = self.document(request.head().path())
        {
            let mut reply = Reply::new(StatusCode::OK, GateBody::Held(body));
            reply.fields.put("content-type", "application/json");
            return Either::Left(ready(Ok(reply)));
        }
        Either::Right(self.inner.call(request))
    }
}
