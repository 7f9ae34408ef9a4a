//! `confgate audit`: what can be done with a trail, each in a file of its own.

mod filters;
mod output;
mod query;
mod schema;
mod show;
mod stats;
mod story;
mod table;
mod tail;
mod text;
mod verify;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};

/// What can be done with a trail.
#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    /// Check that no line was changed, dropped, inserted or moved; name the first that was.
    Verify(verify::VerifyArgs),
    /// Print the last lines, and with --follow those that come.
    Tail(tail::TailArgs),
    /// Find lines by tenant, subject, action, conference, decision, reason, time.
    Query(query::QueryArgs),
    /// Tell what the trail says of one request.
    Show(show::ShowArgs),
    /// Sum up requests by tenant and action.
    Stats(stats::StatsArgs),
    /// Print the JSON Schema of a line.
    Schema,
}

/// Which trail.
#[derive(Debug, Args)]
pub(super) struct TrailArgs {
    /// The trail's directory (`audit.directory`).
    #[arg(value_name = "DIRECTORY")]
    directory: PathBuf,
}

pub(super) fn run(command: &AuditCommand) -> anyhow::Result<ExitCode> {
    match command {
        AuditCommand::Verify(args) => verify::run(args),
        AuditCommand::Tail(args) => tail::run(args),
        AuditCommand::Query(args) => query::run(args),
        AuditCommand::Show(args) => show::run(args),
        AuditCommand::Stats(args) => stats::run(args),
        AuditCommand::Schema => schema::run(),
    }
}
