//! The series of what other parts know.

use super::Series;

/// By tenant.
pub const TENANT_IN_FLIGHT: Series =
    Series::gauge("tenant_in_flight", "Requests of the tenant that have begun and not ended.", &["tenant"]);
/// By tenant.
pub const TENANT_IN_FLIGHT_MAX: Series =
    Series::gauge("tenant_in_flight_max", "Requests that the tenant may have in flight.", &["tenant"]);
/// By tenant.
pub const TENANT_LIMIT: Series = Series::gauge(
    "tenant_limit_requests_per_second",
    "Requests that the tenant may make in each second in the long run.",
    &["tenant"],
);
/// By app.
pub const VENDOR_BUDGET: Series = Series::gauge(
    "vendor_budget_requests_per_second",
    "Calls that the app may make to the vendor in each second in the long run.",
    &["app"],
);
/// By app.
pub const VENDOR_PAUSES: Series =
    Series::counter("vendor_pauses", "Pauses that the vendor asked for with a 429 or a 503.", &["app"]);
/// By app; left out while there is no token.
pub const VENDOR_TOKEN_AGE: Series =
    Series::gauge("vendor_token_age_seconds", "Time since the app's vendor token was fetched.", &["app"]);
/// By app; left out while there is no token.
pub const VENDOR_TOKEN_EXPIRY: Series =
    Series::gauge("vendor_token_expires_in_seconds", "Time until the app's vendor token expires.", &["app"]);
/// By app and result (`ok`, `failed`).
pub const VENDOR_TOKEN_FETCHES: Series =
    Series::counter("vendor_token_fetches", "Vendor tokens asked for.", &["app", "result"]);
/// By app and state (`closed`, `open`, `half_open`).
pub const VENDOR_CIRCUIT: Series = Series::gauge(
    "vendor_circuit_state",
    "State of the app's circuit breaker: 1 for the one that it is in, 0 for the others.",
    &["app", "state"],
);
/// By app.
pub const VENDOR_CIRCUIT_OPENINGS: Series =
    Series::counter("vendor_circuit_openings", "Times that the app's circuit breaker opened.", &["app"]);
/// By issuer; left out while there are no keys.
pub const JWKS_AGE: Series =
    Series::gauge("jwks_age_seconds", "Time since the issuer's keys were last fetched whole.", &["issuer"]);
/// By issuer; left out while there are no keys, and for keys in files.
pub const JWKS_EXPIRY: Series = Series::gauge(
    "jwks_expires_in_seconds",
    "Time that the issuer's keys serve on when no fetch of them succeeds.",
    &["issuer"],
);
/// By issuer.
pub const JWKS_KEYS: Series =
    Series::gauge("jwks_keys", "Keys of the issuer that tokens are checked with.", &["issuer"]);
/// The trail's last sequence number.
pub const AUDIT_SEQUENCE: Series =
    Series::counter("audit_records", "Sequence number of the last record of the audit trail.", &[]);
/// Records that wait for the writer.
pub const AUDIT_QUEUE: Series =
    Series::gauge("audit_queue_records", "Records of the audit trail that are not written yet.", &[]);
/// 1 or 0.
pub const AUDIT_WRITABLE: Series =
    Series::gauge("audit_writable", "Whether the audit trail can be written: 1 or 0.", &[]);
/// Group commits.
pub const AUDIT_SYNCS: Series =
    Series::counter("audit_syncs", "Times that the audit trail was synced to disk.", &[]);
/// Time spent in group commits.
pub const AUDIT_SYNC_SECONDS: Series =
    Series::counter("audit_sync_seconds", "Time that syncing the audit trail has taken.", &[]);
/// Failures and stalls of the disk.
pub const AUDIT_FAULTS: Series =
    Series::counter("audit_faults", "Times that the audit trail could not be written.", &[]);
/// The directory's files.
pub const AUDIT_SEGMENTS: Series =
    Series::gauge("audit_segments", "Files that the audit trail lies in.", &[]);
/// Their size.
pub const AUDIT_BYTES: Series =
    Series::gauge("audit_bytes", "Space that the files of the audit trail take up.", &[]);
/// As configured; left out where it is not.
pub const AUDIT_MAX: Series = Series::gauge(
    "audit_max_bytes",
    "Space beyond which the oldest files of the audit trail may be removed.",
    &[],
);
/// What the disk has left.
pub const AUDIT_AVAILABLE: Series =
    Series::gauge("audit_available_bytes", "Space that the disk of the audit trail has left.", &[]);
/// Left out before the first.
pub const AUDIT_CHECKPOINT_AGE: Series =
    Series::gauge("audit_checkpoint_age_seconds", "Time since the last checkpoint of the audit trail.", &[]);
/// As configured.
pub const AUDIT_CHECKPOINT_INTERVAL: Series = Series::gauge(
    "audit_checkpoint_interval_seconds",
    "Time after which records of the audit trail are to have a checkpoint.",
    &[],
);
/// 0 while there are none.
pub const AUDIT_UNPROVED: Series = Series::gauge(
    "audit_unproved_seconds",
    "Time since there are records of the audit trail that no checkpoint vouches for; 0 while there are none.",
    &[],
);
/// By consumer.
pub const AUDIT_SHIP_LAG: Series = Series::gauge(
    "audit_ship_lag_records",
    "Records of the audit trail on disk that the consumer has not acknowledged.",
    &["consumer"],
);
/// By consumer.
pub const AUDIT_SHIP_AGE: Series = Series::gauge(
    "audit_ship_lag_seconds",
    "Age of the oldest record that the consumer has not acknowledged.",
    &["consumer"],
);
/// By consumer.
pub const AUDIT_SHIPPED: Series =
    Series::counter("audit_shipped_records", "Records that the consumer has acknowledged.", &["consumer"]);
/// By consumer.
pub const AUDIT_SHIP_FAILURES: Series =
    Series::counter("audit_ship_failures", "Attempts to ship records that failed.", &["consumer"]);
/// By place.
pub const PANICS: Series =
    Series::counter("panics", "Panics, by the thread that they happened on; each is a fault.", &["place"]);
/// Over all workers.
pub const REQUESTS_IN_FLIGHT: Series =
    Series::gauge("requests_in_flight", "Requests that have begun and not ended.", &[]);
/// Of the worker that lags most.
pub const WORKER_LAG: Series = Series::gauge(
    "worker_lag_seconds",
    "How late the worker that lags most came lately to what waited for it; 0 while there is little to do.",
    &[],
);
/// By plane, of which only `data` is told.
pub const CONNECTIONS_OPEN: Series =
    Series::gauge("connections_open", "Connections of callers that are open.", &["plane"]);
/// As configured, or fewer where the system allows too few open files.
pub const CONNECTIONS_MAX: Series =
    Series::gauge("connections_max", "Connections that callers may have open.", &[]);
/// One for each CPU, unless configured otherwise.
pub const WORKERS: Series = Series::gauge("workers", "Threads that serve requests.", &[]);
/// By check (`serving`, `keys`, `trail`, `vendor_tokens`).
pub const READY: Series = Series::gauge(
    "ready",
    "Whether this of what callers cannot be served without is there: 1 or 0; ready means that all are.",
    &["check"],
);
/// Left out where TLS is not configured.
pub const TLS_CERTIFICATE_EXPIRY: Series = Series::gauge(
    "tls_certificate_expiry_seconds",
    "Time until the certificate that callers are shown expires; negative once it has.",
    &[],
);
/// TLS handshakes that came to nothing.
pub const TLS_HANDSHAKES_FAILED: Series =
    Series::counter("tls_handshakes_failed", "TLS handshakes with callers that came to nothing.", &[]);
/// By kind (`control`, `reset`, `other`).
pub const FRAME_FLOODS: Series =
    Series::counter("frame_floods", "HTTP/2 connections ended for a flood of frames.", &["kind"]);

/// 1 at the start.
pub const CONFIG_GENERATION: Series = Series::gauge(
    "config_generation",
    "Configurations that have been in effect since the start, the present one included.",
    &[],
);
/// By result (`ok`, `failed`).
pub const CONFIG_RELOADS: Series = Series::counter(
    "config_reloads",
    "Changed configurations that were read while the gateway ran.",
    &["result"],
);
/// 1 or 0.
pub const CONFIG_CURRENT: Series = Series::gauge(
    "config_current",
    "Whether the configuration in effect is the one in its files: 1, or 0 where that cannot be used or needs a restart.",
    &[],
);

/// Left out where the system does not tell, as are the others of the process.
pub const PROCESS_CPU: Series =
    Series::counter("process_cpu_seconds", "CPU time of the process, of the system for it included.", &[]);
/// What counts toward a memory limit besides it is the page cache.
pub const PROCESS_MEMORY: Series =
    Series::gauge("process_resident_memory_bytes", "Memory of the process that is resident.", &[]);
/// Seconds since 1970.
pub const PROCESS_START: Series =
    Series::gauge("process_start_time_seconds", "When the gateway started, in Unix time.", &[]);
/// Files and sockets.
pub const PROCESS_FDS: Series =
    Series::gauge("process_open_fds", "File descriptors that the process has open.", &[]);
/// `RLIMIT_NOFILE`
pub const PROCESS_FDS_MAX: Series =
    Series::gauge("process_max_fds", "File descriptors that the process may have open.", &[]);
/// Workers included.
pub const PROCESS_THREADS: Series = Series::gauge("process_threads", "Threads of the process.", &[]);
