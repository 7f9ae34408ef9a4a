//! From the listening socket to the stack: accepts connections, shares them out to the workers, serves them, and ends
//! them in good order.

mod accept;
mod connection;
mod current;
mod phase;
mod unread;
mod wire;
mod worker;

pub use accept::{Capacity, accept};
pub use connection::ConnectionConfig;
pub use phase::{Phase, PhaseSwitch, PhaseView, phases};
pub use worker::{ConnectionCount, Outfit, Plan, Plans, WorkerHandle, start};
