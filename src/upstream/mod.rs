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
pub use jitter::{give_or_take, upper_half};
pub use pool::{
    KEPT, Lease, Party, Pool, PoolConfig, PooledBody, SendError, SendFault, Stage, Turn, WireFault,
};
pub use retry_after::retry_after;
pub use stream::Stream;
pub use tls::{RootSource, TlsError, tls_config};

use hyper::client::conn::http1;

/// The largest head of an answer, in bytes.
const MAX_HEAD_BYTES: usize = 64 * 1024;

/// The most header fields of an answer.
const MAX_HEADERS: usize = 128;

/// hyper's error with what caused it, which its own text leaves out: a peer that resets is not one that hangs up.
fn with_cause(error: &hyper::Error) -> String {
    match std::error::Error::source(error) {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}

/// How every connection of the gateway speaks HTTP: strictly, and with bounded heads.
fn http1() -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder.max_buf_size(MAX_HEAD_BYTES).max_header_size(MAX_HEAD_BYTES).max_headers(MAX_HEADERS);
    builder
}
