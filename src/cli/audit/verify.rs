use std::io::{self, Write};
use std::process::ExitCode;

use clap::Args;

use super::TrailArgs;
use crate::trail;

/// What is checked.
#[derive(Debug, Args)]
pub struct VerifyArgs {
    #[command(flatten)]
    trail: TrailArgs,
}

pub(super) fn run(args: &VerifyArgs) -> anyhow::Result<ExitCode> {
    let summary = trail::verify(&args.trail.directory)?;
    writeln!(io::stdout(), "{summary}")?;
    Ok(ExitCode::SUCCESS)
}
