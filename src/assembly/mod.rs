//! Puts the parts together: what is shared, the stack of each worker, the threads, their start and their end.

mod budgets;
mod control;
mod crew;
mod descriptors;
mod gateway;
mod parts;
mod reload;
mod retired;
mod series;
mod stack;
mod tenancy;

pub use crew::cpus;
pub use descriptors::raise_limit;
pub use gateway::{Gateway, ReloadHandle, StartError};
pub use parts::{Actor, Parts, StageConfig};
pub use stack::stack;
