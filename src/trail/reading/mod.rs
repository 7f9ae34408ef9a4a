//! How people and programs read the trail, whether it is written to meanwhile or not.

mod entry;
mod filter;
mod histogram;
mod lines;
mod search;
mod sieve;
mod stats;
mod story;
mod tail;

#[cfg(test)]
mod tests;

pub use entry::{Entry, Text};
pub use filter::Filter;
pub use lines::{Line, Lines};
pub use search::{Damage, KeptLine, last, search};
pub use stats::{Stats, Sums, stats};
pub use story::story;
pub use tail::tail;
