//! What the operator sees: the log on standard error, and the numbers that the admin port renders.
//!
//! A worker counts into a [`WorkerMetrics`] of its own, without a lock or a lookup. [`Metrics`] adds the workers up
//! when it is asked, and reads what other parts already know through closures, one for each sample of a [`Series`].

mod counters;
mod histogram;
mod log;
mod metrics;
mod panics;
pub mod process;
mod series;
mod totals;
pub mod watched;
mod worker;

pub use counters::Counters;
pub use log::{InvalidLogFilter, LogAlreadySet, LogConfig, LogFilter, LogFormat, change_filter, init};
pub use metrics::{CONTENT_TYPE, Metrics, MetricsBuilder};
pub use panics::{Place, watch_panics};
pub use series::{Kind, Series};
pub use worker::{Answered, AppSlot, Limit, TenantSlot, VendorAnswer, WorkerMetrics};
