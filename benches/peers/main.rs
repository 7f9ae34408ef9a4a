//! confgate with everything on, beside nginx, HAProxy and Envoy: CPU time for each request of the whole process.

#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "a bench that cannot go on stops")]
#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "figures are counts far below 2⁵³"
)]

mod answer;
mod args;
mod caller;
mod contenders;
mod engine;
mod figures;
mod issuer;
mod process;
mod requests;
mod round;
mod table;
mod vendor;
#[path = "../world.rs"]
#[expect(dead_code, reason = "the other benches use the rest")]
mod world;

use std::io;
use std::process::ExitCode;
use std::time::Duration;

use args::{Args, Scenario};
use clap::Parser;
use confgate::devissuer::Algorithm;
use contenders::Contender;
use engine::{Engine, Pace};
use issuer::Issuer;
use mimalloc::MiMalloc;
use requests::{Requests, TOKENS, mint};
use round::{Load, OURS};
use table::Row;

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
    let mut contenders = contenders::all(&args.programs());
    contenders.retain(|contender| args.wants(contender.name));
    let issuer = Issuer::generate(Algorithm::Rs256)?;
    let tokens = mint(issuer.issuer(), TOKENS);
    process::stay_on([OURS]);
    let mut engine = Engine::new()?;
    for scenario in args.scenarios() {
        let (title, requests) = match scenario {
            Scenario::Gets => ("Gets", Requests::gets(&tokens)),
            Scenario::Mix => ("80 % gets, 20 % creates", Requests::mix(&tokens)),
        };
        let load = Load {
            issuer: &issuer,
            warm_up: &requests,
            requests: &requests,
            pace: Pace::Closed,
            connections: args.connections,
            time: Duration::from_secs_f64(args.seconds),
        };
        table::print(title, &rounds(&mut engine, &contenders, &load, args.rounds)?);
    }
    Ok(())
}

/// Rounds of all contenders in turn, so that what changes on the machine meanwhile changes for all.
fn rounds<'a>(
    engine: &mut Engine,
    contenders: &'a [Contender],
    load: &Load<'_>,
    count: usize,
) -> io::Result<Vec<Row<'a>>> {
    let mut rows: Vec<Row<'a>> =
        contenders.iter().map(|contender| Row { contender, rounds: Vec::new() }).collect();
    for _ in 0..count {
        for row in &mut rows {
            row.rounds.push(round::measure(engine, row.contender, load)?);
        }
    }
    Ok(rows)
}
