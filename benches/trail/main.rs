//! What the trail costs.
//!
//! `cargo bench --bench trail` runs it. It wants 1 GB of room for temporary files.

#![expect(clippy::expect_used, reason = "a bench that cannot go on stops")]

mod record;
mod verify;

use criterion::Criterion;
use mimalloc::MiMalloc;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    verify::measure(&mut criterion);
    criterion.final_summary();
}
