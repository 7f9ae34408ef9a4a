//! What becomes of a gateway that is asked for more than it can do: how much it still gets done, and how long those who
//! are served wait, with shedding and without.
//!
//! One worker checks the signature of each request's token anew, over a thousand kept connections; the token lacks
//! the scope, so that no vendor can be what is scarce, and 403 counts as served. Requests are sent at a fixed rate, a
//! multiple of what the worker can do, whatever becomes of those before; a connection that is still waiting sends its
//! next one late, and its latency counts from when it should have been sent. Callers do not heed `Retry-After`. The
//! generator runs beside the worker, so that figures need a machine with CPUs to spare.
//!
//! `cargo bench --bench overload` prints a table.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a bench that cannot go on stops"
)]
#![expect(clippy::cast_precision_loss, reason = "figures are counts far below 2⁵³")]

mod callers;
mod gateway;
#[path = "../sockets.rs"]
mod sockets;
#[path = "../vendor.rs"]
mod vendor;
#[path = "../world.rs"]
#[expect(dead_code, reason = "the other benches use the rest")]
mod world;

use std::time::Duration;

use callers::{Callers, Figures};
use gateway::Running;
use mimalloc::MiMalloc;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// How long each load lasts.
const LASTS: Duration = Duration::from_secs(8);
/// Connections of the overload.
const CONNECTIONS: usize = 1000;
/// Enough to keep the worker busy, and not more.
const TO_CAPACITY: usize = 16;

fn row(load: &str, shedding: &str, figures: &Figures) {
    let ms = |percent| figures.served(percent).as_secs_f64() * 1e3;
    let per_second = |count: usize| count as f64 / LASTS.as_secs_f64();
    println!(
        "| {load} | {shedding} | {:.0} | {:.0} | {:.1} | {:.1} | {:.1} |",
        per_second(figures.served.len()),
        per_second(figures.shed.len()),
        ms(50),
        ms(99),
        figures.shed(99).as_secs_f64() * 1e3,
    );
}

fn main() {
    // cargo passes `--bench`, and tests all benches with `--test`.
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    println!("| load | shedding | served/s | shed/s | served p50, ms | served p99, ms | shed p99, ms |");
    println!("|---|---|---|---|---|---|---|");
    let gateway = Running::start(true);
    let callers = Callers::of(&gateway);
    let figures = callers.run(TO_CAPACITY, None, LASTS);
    let capacity = figures.served.len() as f64 / LASTS.as_secs_f64();
    row("as much as it can do", "on", &figures);
    for times in [0.8, 2.0, 5.0] {
        for (is_on, shedding) in [(false, "off"), (true, "on")] {
            let gateway = Running::start(is_on);
            let figures = Callers::of(&gateway).run(CONNECTIONS, Some(capacity * times), LASTS);
            row(&format!("{times} times that"), shedding, &figures);
        }
    }
}
