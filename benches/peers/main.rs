//! confgate with everything on, beside nginx, `HAProxy` and Envoy: CPU time for each request of the whole process.
//!
//! The contender has a CPU alone. One thread on another is all callers and the vendor behind, from memory, so that the
//! contender is what is scarce. Contenders are started anew for each round, and rounds go round among them. Whatever
//! makes a figure doubtful is printed at the end.
//!
//! `cargo bench --bench peers` measures everything in about five minutes, `cargo bench --bench peers -- --help` says
//! how to measure less. It installs nothing: who is not there is left out.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a bench that cannot go on stops"
)]
#![expect(clippy::cast_precision_loss, reason = "figures are counts far below 2⁵³")]

mod answer;
mod args;
mod caller;
mod contenders;
mod doubt;
mod engine;
mod figures;
mod goals;
mod issuer;
mod machine;
mod plot;
mod process;
mod requests;
mod round;
mod scenarios;
mod table;
mod vendor;
#[path = "../world.rs"]
#[expect(dead_code, reason = "the other benches use the rest")]
mod world;

use std::fs;
use std::io;
use std::process::ExitCode;

use args::Args;
use clap::Parser;
use engine::Engine;
use mimalloc::MiMalloc;
use process::{Cpus, stay_on};
use scenarios::{Bench, Fixtures, Report};

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    // cargo passes `--bench`, and tests all benches with `--test`.
    if std::env::args().any(|argument| argument == "--test") {
        return ExitCode::SUCCESS;
    }
    match run(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> io::Result<()> {
    machine::allow_many_files();
    let cpus = Cpus::find();
    let mut contenders = contenders::all(&args.programs());
    contenders.retain(|contender| args.wants(contender.name));
    let fixtures = Fixtures::make(cpus)?;
    stay_on(&[cpus.ours()]);
    let report = Report { doubts: machine::doubts(cpus), ..Report::default() };
    let mut bench =
        Bench { args, cpus, contenders: &contenders, fixtures: &fixtures, engine: Engine::new()?, report };
    let machine = machine::describe(cpus);
    println!("{machine}");
    for contender in &contenders {
        println!("{} {}", contender.name, contender.version);
    }
    for scenario in args.scenarios() {
        bench.run(scenario)?;
    }
    conclude(args, &bench.report, &machine)
}

/// Goals, doubts, and the plot.
fn conclude(args: &Args, report: &Report, machine: &str) -> io::Result<()> {
    goals::print(&report.goals);
    println!("\n## Not to be trusted\n");
    if report.doubts.is_empty() {
        println!("Nothing that was looked at speaks against these figures.");
    }
    for doubt in &report.doubts {
        println!("- {doubt}");
    }
    let Some(path) = &args.svg else { return Ok(()) };
    let foot =
        format!("CPU time for each request, × plain nginx; median of {} rounds; {machine}", args.rounds);
    fs::write(path, plot::draw(&report.panels, &foot))
}
