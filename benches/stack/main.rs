//! What a request costs, in time and in instructions: stage by stage, and over sockets through the whole gateway.
//!
//! `cargo bench --bench stack` prints two tables, and fails where more instructions are needed than `budget.rs` allows.
//! `benches/README.md` says how to read them.

#![expect(
    clippy::cast_precision_loss,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a bench that cannot go on stops, and figures are far below 2⁵³"
)]

mod budget;
mod callgrind;
mod gateway;
#[path = "../served/mod.rs"]
mod served;
#[path = "../sockets.rs"]
#[expect(dead_code, reason = "the other benches use the rest")]
mod sockets;
mod stages;
mod table;
#[path = "../vendor.rs"]
mod vendor;
#[path = "../world.rs"]
mod world;

use std::process::ExitCode;

use mimalloc::MiMalloc;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        // Under valgrind: the program runs itself.
        ["counted", "stages"] => stages::be_counted(),
        ["counted", case, times] => gateway::be_counted(case, times),
        // cargo passes `--bench`, and tests all benches with `--test`.
        _ if arguments.contains(&"--test") => {}
        _ => return tables(),
    }
    ExitCode::SUCCESS
}

fn tables() -> ExitCode {
    if !callgrind::is_installed() {
        println!(
            "Instructions are not counted: there is no valgrind. Debian and Ubuntu have a package of that name.\n"
        );
    }
    let kept = [stages::table, gateway::table].map(|table| {
        let table = table();
        println!("{table}");
        table.keeps_to_its_budgets()
    });
    if kept == [true, true] { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The middle one.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values[values.len() / 2]
}
