//! Everything that calls out: where to ([`Endpoint`]), whom to trust ([`tls_config`]), how to get there
//! ([`Connector`]), single exchanges beside the requests ([`Fetcher`]), a worker's own connections ([`Pool`]); and how
//! long to wait before the next attempt.
//!
//! HTTP/1.1 only: the vendor and the issuers speak it everywhere, and a request on a connection of its own
//! cannot be held up by another.

mod connect;
mod endpoint;
mod fetch;
mod jitter;
mod pool;
mod retry_after;
mod stream;
mod tls;

#[cfg(test)]
pub(crate) mod scripted;

pub use connect::{ConnectError, Connector};
pub use endpoint::{Endpoint, InvalidEndpoint};
pub use fetch::{FetchError, Fetcher};
pub use jitter::{fraction, give_or_take, upper_half};
pub use pool::{
    KEPT, Lease, Party, Pool, PoolConfig, PooledAnswer, PooledBody, SendError, SendFault, Stage, Turn,
    WireFault,
};
pub use retry_after::retry_after;
pub use stream::Stream;
pub use tls::{RootSource, TlsError, tls_config};

/// The largest head of an answer, in bytes.
const MAX_HEAD_BYTES: usize = 64 * 1024;

/// The most header fields of an answer.
const MAX_HEADERS: usize = 128;
