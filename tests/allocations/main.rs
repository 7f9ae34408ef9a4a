//! How often the gateway asks for memory, counted by an allocator, for requests that go over a socket through the whole
//! of it: fails when that grows. `cargo bench --bench allocations` prints the figures.

#![expect(
    clippy::cast_precision_loss,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that cannot go on fails, and counts are small"
)]

mod figures;
#[path = "../../benches/served/mod.rs"]
mod served;
#[path = "../../benches/sockets.rs"]
#[expect(dead_code, reason = "benches use the rest")]
mod sockets;
#[path = "../../benches/vendor.rs"]
mod vendor;
#[path = "../../benches/world.rs"]
#[expect(dead_code, reason = "benches use the rest")]
mod world;

use std::alloc::System;

use figures::{Figure, measured, table};
use tracking_allocator::Allocator;

#[global_allocator]
static ALLOCATOR: Allocator<System> = Allocator::system();

#[test]
fn requests_keep_to_their_budgets() {
    let figures = measured();
    let crossed: Vec<String> = figures.iter().flat_map(Figure::crossed).collect();
    println!("{}", table(&figures));
    assert!(
        crossed.is_empty(),
        "a request asks for memory more often than tests/allocations/figures/budget.rs allows:\n{}\n\
         Find out where (`valgrind --tool=dhat --num-callers=60` names each place) and do without; or raise the \
         budget, and say in the commit what it buys.",
        crossed.join("\n")
    );
}
