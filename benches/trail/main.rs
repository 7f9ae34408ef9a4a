//! What the trail costs.
//!
//! `cargo bench --bench trail` runs it. It wants 1 GB of room for temporary files.

#![expect(clippy::expect_used, clippy::panic, reason = "a bench that cannot go on stops")]

mod callers;
mod record;
mod verify;
#[path = "../world.rs"]
#[expect(dead_code, reason = "the other bench uses the rest")]
mod world;

use criterion::Criterion;
use mimalloc::MiMalloc;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    callers::measure();
    verify::measure(&mut criterion);
    criterion.final_summary();
}
