//! How records get into the directory: from the workers' lanes, through one thread, to the disk.

mod bell;
mod compress;
mod directory;
mod failpoint;
mod health;
mod inbox;
mod keeper;
mod lane;
mod pace;
mod replay;
mod retention;
mod segment;
mod sender;
mod start;
mod status;
mod store;
mod synced;
mod thread;
mod upkeep;
mod waiting;
mod writer;

#[cfg(test)]
mod tests;

pub use keeper::{Keeper, Kept};
pub use retention::Retention;
pub use sender::{Durability, Receipt, SideRoom, Slot, Trail};
pub use status::{LastError, ProvedUpTo, TrailStatus};
pub use synced::SyncedView;
pub use thread::TrailThread;
