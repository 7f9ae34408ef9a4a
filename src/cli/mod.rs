//! The commands. Each reads its arguments, runs, and says on its way out whether it went well: exit code 0, 1 for what
//! failed, 2 for a command line that makes no sense.

mod audit;
mod check;
mod demo;
mod drain;
mod notify;
mod sandbox;
mod serve;
mod signals;
mod token;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, anyhow};
use clap::{Args, Subcommand};

use crate::config::{self, Config, Problems};

/// What confgate can be asked to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Start everything at once to try it: the vendor's sandbox, a development issuer, the gateway; print curl lines.
    Demo(demo::DemoArgs),
    /// Run the gateway.
    Serve(ConfigArgs),
    /// Have the gateway on this machine drain, and wait until it has: what a container's preStop hook can run.
    Drain(drain::DrainArgs),
    /// Read the configuration, report every problem in it, and print what is in effect, secrets hidden.
    Check(ConfigArgs),
    /// Run an emulation of the vendor's conference API alone, to develop against.
    Sandbox(sandbox::SandboxArgs),
    /// Mint a development token with a key file, such as the one that `demo` writes.
    Token(token::TokenArgs),
    /// Check and read the audit trail.
    #[command(subcommand)]
    Audit(audit::AuditCommand),
}

/// Where the configuration is.
#[derive(Debug, Args)]
pub struct ConfigArgs {
    /// A TOML file that goes over the defaults; the environment (`CONFGATE__SECTION__KEY`) goes over both.
    #[arg(long, short, value_name = "FILE")]
    config: Option<PathBuf>,
}

impl Command {
    /// Runs to the end.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        match self {
            Self::Demo(args) => demo::run(&args),
            Self::Serve(args) => serve::run(&args),
            Self::Drain(args) => drain::run(&args),
            Self::Check(args) => check::run(&args),
            Self::Sandbox(args) => sandbox::run(&args),
            Self::Token(args) => token::run(&args),
            Self::Audit(command) => audit::run(&command),
        }
    }
}

fn load(file: Option<&Path>) -> Result<Config, Problems> {
    // Variables that are no Unicode are none of ours.
    let environment = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    config::load(file, environment)
}

/// Each problem on a line of its own.
fn unusable(problems: &Problems) -> anyhow::Error {
    anyhow!("this configuration cannot be used:\n{problems}")
}

/// A runtime for one thread of its own.
fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("no event loop could be set up")
}
