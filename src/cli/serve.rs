use std::process::ExitCode;

use anyhow::{Context, anyhow};

use super::signals::{EndSignals, Hangups};
use super::{ConfigArgs, load, notify, runtime};
use crate::assembly::{Gateway, raise_limit};
use crate::config::Problems;
use crate::telemetry;

pub(super) fn run(args: &ConfigArgs) -> anyhow::Result<ExitCode> {
    // What collects logs takes each line by itself.
    let one_line =
        |problems: Problems| anyhow!("this configuration cannot be used: {}", problems.in_one_line());
    let config = load(args.config.as_deref()).map_err(one_line)?;
    telemetry::init(&config.log)?;
    raise_limit(&config);
    let runtime = runtime()?;
    runtime.block_on(async {
        let mut first = EndSignals::listen().context("signals cannot be listened to")?;
        let mut second = EndSignals::listen().context("signals cannot be listened to")?;
        let hangups = Hangups::listen().context("signals cannot be listened to")?;
        let gateway = Gateway::start(&config).context("the gateway did not start")?;
        // It has what it needs of it; with thousands of tenants it is large.
        drop(config);
        tracing::info!(
            version = env!("CARGO_PKG_VERSION"),
            address = %gateway.address(),
            admin = %gateway.admin_address(),
            certificate_authorities = %gateway.roots(),
            "serving"
        );
        notify::tell(notify::READY);
        end(gateway, hangups, &mut first, &mut second).await
    })
}

/// Serves until the first signal, and reads the configuration again on SIGHUP; drains until the second.
pub(super) async fn end(
    gateway: Gateway,
    hangups: Hangups,
    first: &mut EndSignals,
    second: &mut EndSignals,
) -> anyhow::Result<ExitCode> {
    let now = async {
        // Both listeners hear the first signal.
        second.next().await;
        second.next().await;
    };
    let stop = async {
        first.next().await;
        notify::tell(notify::STOPPING);
    };
    let reload = gateway.reload();
    let ended = tokio::select! {
        ended = gateway.run(stop, now) => ended,
        never = hangups.each(|| reload.ask()) => match never {},
    };
    let cut_off = ended.context("the audit trail is not complete")?;
    Ok(if cut_off { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
