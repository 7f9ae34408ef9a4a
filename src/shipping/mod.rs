//! Shipping the trail: named consumers, each with a place of its own in it, each on a thread of its own.
//!
//! ```text
//! trail on disk ─ Lines ─▶ backlog ─ form ─▶ sink ─ acknowledged ─▶ cursor on disk ─▶ Shipped ─▶ retention
//! ```
//!
//! A consumer gets every line at least once and in order. It ships only what is on disk, so that whatever a receiver
//! has is also in the trail after a power cut; and its cursor moves, durably, only once the receiver has acknowledged.
//! What lies between the two is shipped again after a crash, and every record says its sequence number so that the
//! receiver can tell. A cursor that does not fit the trail (which was replaced, or cut) is told about and never skips
//! anything: what is there is shipped from its beginning.
//!
//! A receiver that is slow, refuses or is gone holds up its own consumer and nobody else; the records wait in the
//! trail.

mod backlog;
mod backoff;
mod config;
mod consumer;
mod cursor;
mod form;
mod progress;
mod resume;
mod sink;
mod source;
mod supervisor;

pub use config::{
    Beginning, ConsumerConfig, ConsumerName, Framing, HttpSinkConfig, InvalidConsumerName, ReceiverToken,
    SinkConfig,
};
pub use form::Form;
pub use progress::{ConsumerStatus, Shipped};
pub use supervisor::Shipping;
