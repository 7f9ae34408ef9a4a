use std::io::Write;
use std::process::ExitCode;

use super::{ConfigArgs, load, unusable};

pub(super) fn run(args: &ConfigArgs) -> anyhow::Result<ExitCode> {
    let config = load(args.config.as_deref()).map_err(|problems| unusable(&problems))?;
    std::io::stdout().write_all(config.render().as_bytes())?;
    Ok(ExitCode::SUCCESS)
}
