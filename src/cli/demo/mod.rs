//! Everything at once on one machine: the vendor's sandbox, a development issuer, and the gateway in front, with curl
//! lines to copy. The gateway is the real one, with a configuration file that `confgate serve` would take as well.

mod lines;
mod world;

use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Args;
use tokio::time::{Instant, sleep};

use self::lines::Lines;
use self::world::World;
use super::serve::end;
use super::signals::{EndSignals, Hangups};
use super::{runtime, unusable};
use crate::assembly::Gateway;
use crate::config;
use crate::telemetry::{self, LogConfig, LogFormat};

/// Where the demo's parts listen, and where it keeps its files.
#[derive(Debug, Args)]
pub struct DemoArgs {
    /// Where callers connect.
    #[arg(long, default_value = "127.0.0.1:8080", value_name = "ADDRESS:PORT")]
    listen: SocketAddr,
    /// The admin port.
    #[arg(long, default_value = "127.0.0.1:9090", value_name = "ADDRESS:PORT")]
    admin: SocketAddr,
    /// The vendor's sandbox.
    #[arg(long, default_value = "127.0.0.1:8081", value_name = "ADDRESS:PORT")]
    sandbox: SocketAddr,
    /// The development issuer.
    #[arg(long, default_value = "127.0.0.1:8082", value_name = "ADDRESS:PORT")]
    issuer: SocketAddr,
    /// Where to keep the configuration, the keys and the trail. By default a new directory, removed at the end.
    #[arg(long, value_name = "DIRECTORY")]
    directory: Option<PathBuf>,
}

pub(super) fn run(args: &DemoArgs) -> anyhow::Result<ExitCode> {
    telemetry::init(&LogConfig { format: LogFormat::Text, filter: quiet()? })?;
    let temporary;
    let directory = if let Some(directory) = &args.directory {
        directory
    } else {
        temporary = tempfile::Builder::new()
            .prefix("confgate-demo-")
            .tempdir()
            .context("there is no room for temporary files; name a directory with --directory")?;
        temporary.path()
    };
    runtime()?.block_on(async {
        let mut first = EndSignals::listen().context("signals cannot be listened to")?;
        let mut second = EndSignals::listen().context("signals cannot be listened to")?;
        let world = World::start(args, directory).await?;
        let config = config::load(Some(&world.config_file), std::iter::empty())
            .map_err(|problems| unusable(&problems))?;
        let hangups = Hangups::listen().context("signals cannot be listened to")?;
        let gateway = Gateway::start(&config).context("the gateway did not start")?;
        until_ready(&gateway).await?;
        let lines = Lines::prepare(&world, &gateway).await?;
        writeln!(std::io::stdout(), "{lines}")?;
        end(gateway, hangups, &mut first, &mut second).await
    })
}

/// Warnings alone: the screen is for the curl lines.
fn quiet() -> anyhow::Result<telemetry::LogFilter> {
    Ok("warn".parse()?)
}

async fn until_ready(gateway: &Gateway) -> anyhow::Result<()> {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !gateway.is_ready() {
        if Instant::now() > deadline {
            bail!("the gateway is not ready after 10 s; see http://{}/readyz", gateway.admin_address());
        }
        sleep(Duration::from_millis(10)).await;
    }
    Ok(())
}
