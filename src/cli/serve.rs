use std::process::ExitCode;

use anyhow::Context;

use super::descriptors::fit_limit;
use super::signals::EndSignals;
use super::{ConfigArgs, load, runtime};
use crate::assembly::Gateway;
use crate::telemetry;

pub(super) fn run(args: &ConfigArgs) -> anyhow::Result<ExitCode> {
    let mut config = load(args.config.as_deref())?;
    telemetry::init(&config.log)?;
    fit_limit(&mut config);
    let runtime = runtime()?;
    runtime.block_on(async {
        let mut first = EndSignals::listen().context("signals cannot be listened to")?;
        let mut second = EndSignals::listen().context("signals cannot be listened to")?;
        let gateway = Gateway::start(&config).context("the gateway did not start")?;
        tracing::info!(
            version = env!("CARGO_PKG_VERSION"),
            address = %gateway.address(),
            admin = %gateway.admin_address(),
            certificate_authorities = %gateway.roots(),
            "serving"
        );
        end(gateway, &mut first, &mut second).await
    })
}

/// Serves until the first signal, drains until the second.
pub(super) async fn end(
    gateway: Gateway,
    first: &mut EndSignals,
    second: &mut EndSignals,
) -> anyhow::Result<ExitCode> {
    let now = async {
        // Both listeners hear the first signal.
        second.next().await;
        second.next().await;
    };
    let cut_off = gateway.run(first.next(), now).await.context("the audit trail is not complete")?;
    Ok(if cut_off { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
