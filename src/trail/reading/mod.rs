//! How people and programs read the trail, whether it is written to meanwhile or not.

mod lines;
mod tail;

pub use lines::{Line, Lines};
pub use tail::tail;
