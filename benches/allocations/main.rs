//! How often a release build asks for memory for a request: the figures that `tests/allocations` holds to their
//! budgets.

#![expect(
    clippy::cast_precision_loss,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a bench that cannot go on stops, and counts are small"
)]

#[path = "../../tests/allocations/figures/mod.rs"]
mod figures;
#[path = "../served/mod.rs"]
mod served;
#[path = "../sockets.rs"]
#[expect(dead_code, reason = "the other benches use the rest")]
mod sockets;
#[path = "../vendor.rs"]
mod vendor;
#[path = "../world.rs"]
#[expect(dead_code, reason = "the other benches use the rest")]
mod world;

use std::alloc::System;
use std::process::ExitCode;

use figures::{Figure, measured, table};
use tracking_allocator::Allocator;

#[global_allocator]
static ALLOCATOR: Allocator<System> = Allocator::system();

fn main() -> ExitCode {
    // cargo passes `--bench`, and tests all benches with `--test`.
    if std::env::args().any(|argument| argument == "--test") {
        return ExitCode::SUCCESS;
    }
    let figures = measured();
    println!("{}", table(&figures));
    let crossed: Vec<String> = figures.iter().flat_map(Figure::crossed).collect();
    for line in &crossed {
        println!("over its budget: {line}");
    }
    if crossed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
