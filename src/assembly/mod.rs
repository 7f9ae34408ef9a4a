//! Puts the parts together: what is shared, the stack of each worker, the threads, their start and their end.

mod control;
mod crew;
mod gateway;
mod parts;
mod series;
mod stack;
mod tenancy;

pub use crew::cpus;
pub use gateway::{Gateway, StartError};
pub use parts::{Actor, Built, Parts, StageConfig};
pub use stack::stack;
