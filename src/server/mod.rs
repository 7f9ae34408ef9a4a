//! From the listening socket to the stack: accepts connections, shares them out to the workers, serves them, and ends
//! them in good order.
//!
//! The way of a connection: [`accept()`] takes it in and gives it to a worker → `tls` shakes hands, where it is
//! configured → `protocol` finds out what is spoken → `http1` or `http2` reads requests → the worker's current stack
//! answers. What never becomes a request is answered by `unread`, and who is not served at all by `turn_away`.

mod accept;
mod body;
mod connection;
mod counts;
mod current;
mod expect;
mod http1;
mod http2;
mod phase;
mod protocol;
pub mod tls;
mod transport;
mod turn_away;
mod unread;
mod worker;

pub use accept::{Capacity, accept};
pub use body::{BodyError, CallerBody};
pub use connection::{ConnectionConfig, Front, HeadBounds, Stack};
pub use counts::{Flood, Misbehaviour};
pub use http1::{BodyFault, RequestBody as Http1Body, RequestHead, take_head};
pub use http2::{Http2Config, RequestBody};
pub use phase::{Phase, PhaseSwitch, PhaseView, phases};
pub use worker::{ConnectionCount, Outfit, Plan, Plans, WorkerHandle, start};
