//! The stages of a request, in the order in which it passes them. Each takes what the one before it hands on, in a
//! type that only that stage can build: a request that skipped a check does not compile. The order itself is decided
//! in [`crate::assembly`].

pub mod catch_panic;

pub mod identify;

pub mod cors;

pub mod deadline;

pub mod shed;

pub mod documents;

pub mod audit;

pub mod route;

pub mod authn;

pub mod limit;

pub mod authz;

pub mod clearance;

pub mod intent;

pub mod proxy;

pub mod check;
mod deciding;
pub mod head;
pub mod problem;
pub mod reply;
