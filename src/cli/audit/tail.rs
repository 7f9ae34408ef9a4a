use std::io;
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;

use super::TrailArgs;
use crate::trail;

/// Which part of which trail.
#[derive(Debug, Args)]
pub struct TailArgs {
    #[command(flatten)]
    trail: TrailArgs,
    /// How many lines.
    #[arg(long, short = 'n', default_value_t = 10)]
    lines: usize,
    /// Go on with the lines that are added.
    #[arg(long, short)]
    follow: bool,
}

pub(super) fn run(args: &TailArgs) -> anyhow::Result<ExitCode> {
    let directory = &args.trail.directory;
    match trail::tail(directory, args.lines, &mut io::stdout().lock(), || !args.follow) {
        // The reader at the other end of a pipe has seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(ExitCode::SUCCESS),
        result => {
            result.with_context(|| format!("the trail in {} cannot be read", directory.display()))?;
            Ok(ExitCode::SUCCESS)
        }
    }
}
