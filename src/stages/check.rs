//! A stage that decides on the spot: its decision is a plain method, and this file is all the Tower there is to it.

use std::future::{Ready, ready};
use std::rc::Rc;
use std::task::{Context, Poll};

use futures_util::future::Either;
use tower::layer::layer_fn;
use tower::{Layer, Service};

use super::reply::Reply;
use crate::domain::Refusal;

/// A decision that needs no waiting.
pub trait Check<In> {
    /// What the next stage takes; only this stage can build it.
    type Pass;

    /// Hands on what the next stage takes, or refuses.
    fn check(&self, input: In) -> Result<Self::Pass, Refusal>;
}

/// Puts `check` before the stages behind it.
pub fn layer<C, S>(check: C) -> impl Layer<S, Service = Checked<C, S>> {
    let check = Rc::new(check);
    layer_fn(move |inner| Checked { check: Rc::clone(&check), inner })
}

/// A [`Check`] before the stages behind it.
#[derive(Debug)]
pub struct Checked<C, S> {
    check: Rc<C>,
    inner: S,
}

impl<C, S: Clone> Clone for Checked<C, S> {
    fn clone(&self) -> Self {
        Self { check: Rc::clone(&self.check), inner: self.inner.clone() }
    }
}

impl<In, C, S> Service<In> for Checked<C, S>
where
    C: Check<In>,
    S: Service<C::Pass, Response = Reply, Error = Refusal>,
{
    type Response = Reply;
    type Error = Refusal;
    type Future = Either<Ready<Result<Reply, Refusal>>, S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Refusal>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, input: In) -> Self::Future {
        match self.check.check(input) {
            Ok(pass) => Either::Right(self.inner.call(pass)),
            Err(refusal) => Either::Left(ready(Err(refusal))),
        }
    }
}
