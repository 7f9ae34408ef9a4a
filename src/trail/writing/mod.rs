//! How records get into the directory: from the workers' queue, through one thread, to the disk.

mod directory;
mod segment;
mod sender;
mod start;
mod status;
mod synced;
mod thread;
mod waiting;
mod writer;

#[cfg(test)]
mod tests;

pub use sender::{Durability, Receipt, Slot, Trail};
pub use status::{LastError, TrailStatus};
pub use synced::SyncedView;
pub use thread::TrailThread;
