//! The Tower of stages that mostly decide on the spot, and sometimes have to wait first. Only the wait costs an
//! allocation.

use std::future::{Ready, ready};
use std::pin::Pin;

use futures_util::future::Either;

use super::reply::Reply;
use crate::domain::Refusal;

/// A decision that is waited for, and what the stages behind make of it.
pub(super) type Waiting = Pin<Box<dyn Future<Output = Result<Reply, Refusal>>>>;

/// What such a stage answers with, where `F` is the next stage's future.
pub(super) type Deciding<F> = Either<Ready<Result<Reply, Refusal>>, Either<F, Waiting>>;

/// The request goes no further.
pub(super) fn refused<F>(refusal: Refusal) -> Deciding<F> {
    Either::Left(ready(Err(refusal)))
}

/// The request is with the next stage.
pub(super) fn passed<F>(next: F) -> Deciding<F> {
    Either::Right(Either::Left(next))
}

/// The decision has to be waited for.
pub(super) fn waiting<F>(wait: impl Future<Output = Result<Reply, Refusal>> + 'static) -> Deciding<F> {
    Either::Right(Either::Right(Box::pin(wait)))
}

/// Moves a service out, to be called after a wait, and leaves a clone: what was asked by `poll_ready` is this one's
/// readiness, and the clone's is yet to be asked.
pub(super) fn take_ready<S: Clone>(service: &mut S) -> S {
    let clone = service.clone();
    std::mem::replace(service, clone)
}
