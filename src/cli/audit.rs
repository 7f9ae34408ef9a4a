use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, Subcommand};

use crate::trail;

/// What can be done with a trail.
#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    /// Check that no line was changed, dropped, inserted or moved; name the first that was.
    Verify(TrailArgs),
    /// Print the last lines, and with --follow those that come.
    Tail(TailArgs),
}

/// Which trail.
#[derive(Debug, Args)]
pub struct TrailArgs {
    /// The trail's directory (`audit.directory`).
    #[arg(value_name = "DIRECTORY")]
    directory: PathBuf,
}

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

pub(super) fn run(command: &AuditCommand) -> anyhow::Result<ExitCode> {
    match command {
        AuditCommand::Verify(args) => verify(args),
        AuditCommand::Tail(args) => tail(args),
    }
}

fn verify(args: &TrailArgs) -> anyhow::Result<ExitCode> {
    let summary = trail::verify(&args.directory)?;
    writeln!(io::stdout(), "{summary}")?;
    Ok(ExitCode::SUCCESS)
}

fn tail(args: &TailArgs) -> anyhow::Result<ExitCode> {
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
