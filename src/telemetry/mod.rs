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
mod worker;

pub use counters::Counters;
pub use log::{InvalidLogFilter, LogAlreadySet, LogConfig, LogFilter, LogFormat, change_filter, init};
pub use metrics::{CONTENT_TYPE, Metrics, MetricsBuilder};
pub use panics::{Place, watch_panics};
pub use series::{Kind, Series};
pub use worker::{Answered, AppSlot, Limit, TenantSlot, VendorAnswer, WorkerMetrics};

/// The series of what other parts know.
pub mod watched {
    pub use super::series::{
        AUDIT_AVAILABLE, AUDIT_BYTES, AUDIT_CHECKPOINT_AGE, AUDIT_CHECKPOINT_INTERVAL, AUDIT_FAULTS,
        AUDIT_MAX, AUDIT_QUEUE, AUDIT_SEGMENTS, AUDIT_SEQUENCE, AUDIT_SHIP_AGE, AUDIT_SHIP_FAILURES,
        AUDIT_SHIP_LAG, AUDIT_SHIPPED, AUDIT_SYNC_SECONDS, AUDIT_SYNCS, AUDIT_UNPROVED, AUDIT_WRITABLE,
        CONFIG_CURRENT, CONFIG_GENERATION, CONFIG_RELOADS, CONNECTIONS_MAX, CONNECTIONS_OPEN, FRAME_FLOODS,
        JWKS_AGE, JWKS_EXPIRY, JWKS_KEYS, PANICS, PROCESS_CPU, PROCESS_FDS, PROCESS_FDS_MAX, PROCESS_MEMORY,
        PROCESS_START, PROCESS_THREADS, READY, REQUESTS_IN_FLIGHT, TENANT_IN_FLIGHT, TENANT_IN_FLIGHT_MAX,
        TENANT_LIMIT, TLS_CERTIFICATE_EXPIRY, TLS_HANDSHAKES_FAILED, VENDOR_BUDGET, VENDOR_CIRCUIT,
        VENDOR_CIRCUIT_OPENINGS, VENDOR_PAUSES, VENDOR_TOKEN_AGE, VENDOR_TOKEN_EXPIRY, VENDOR_TOKEN_FETCHES,
        WORKER_LAG, WORKERS,
    };
}
