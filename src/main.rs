//! The `confgate` program: parses the command line and runs one command.

use std::process::ExitCode;

use clap::Parser;
use confgate::cli::Command;
use mimalloc::MiMalloc;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// An authenticating reverse proxy for Easemob's conference API.
#[derive(Debug, Parser)]
#[command(version, about, propagate_version = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

fn main() -> ExitCode {
    match Arguments::parse().command.run() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("confgate: {error:#}");
            ExitCode::FAILURE
        }
    }
}
