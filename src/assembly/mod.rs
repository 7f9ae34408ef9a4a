//! Puts the parts together: what is shared, the stack of each worker, the threads, their start and their end.

mod control;
mod crew;
mod gateway;
mod parts;
mod series;
mod stack;

pub use crew::cpus;
pub use gateway::{Gateway, StartError};
pub use parts::{Actor, Parts, StageConfig};
pub use stack::stack;
