use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, anyhow};
use clap::Args;
use secrecy::SecretString;

use super::runtime;
use super::signals::EndSignals;
use crate::domain::{AppName, OrgName};
use crate::sandbox::{Sandbox, SandboxApp, SandboxConfig};
use crate::telemetry::{self, LogConfig, LogFormat};

/// The sandbox's one app and its credentials.
#[derive(Debug, Args)]
pub struct SandboxArgs {
    /// Where to listen; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:8081", value_name = "ADDRESS:PORT")]
    address: SocketAddr,
    /// The app's orgName.
    #[arg(long, default_value = "1100181023201864", value_parser = parse_org)]
    org: OrgName,
    /// The app's appName.
    #[arg(long, default_value = "voicechatroom", value_parser = parse_app)]
    app: AppName,
    /// The client id that the token endpoint accepts.
    #[arg(long, default_value = "YXA6sandbox")]
    client_id: String,
    /// A file with the client secret that it accepts; without one it is "sandbox".
    #[arg(long, value_name = "FILE")]
    client_secret_file: Option<PathBuf>,
}

fn parse_org(text: &str) -> anyhow::Result<OrgName> {
    OrgName::parse(text).map_err(|error| anyhow!(error))
}

fn parse_app(text: &str) -> anyhow::Result<AppName> {
    AppName::parse(text).map_err(|error| anyhow!(error))
}

pub(super) fn run(args: &SandboxArgs) -> anyhow::Result<ExitCode> {
    telemetry::init(&LogConfig { format: LogFormat::Text, ..LogConfig::default() })?;
    let secret = match &args.client_secret_file {
        Some(path) => std::fs::read_to_string(path)
            .with_context(|| format!("the client secret cannot be read from {}", path.display()))?,
        None => "sandbox".into(),
    };
    let app = SandboxApp {
        org: args.org.clone(),
        app: args.app.clone(),
        client_id: args.client_id.clone(),
        client_secret: SecretString::from(secret.trim_end_matches('\n')),
    };
    runtime()?.block_on(async {
        let mut signals = EndSignals::listen().context("signals cannot be listened to")?;
        let sandbox = Sandbox::bind(SandboxConfig::new(args.address, vec![app])).await?;
        let address = sandbox.local_addr();
        let mut screen = std::io::stdout();
        writeln!(screen, "the sandbox is at http://{address}/{}/{}/conferences", args.org, args.app)?;
        writeln!(screen, "what it can be told to do: curl http://{address}/_sandbox")?;
        sandbox.serve(signals.next()).await;
        Ok(ExitCode::SUCCESS)
    })
}
