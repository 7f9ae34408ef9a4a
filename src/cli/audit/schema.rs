use std::process::ExitCode;

use super::output;
use crate::trail;

pub(super) fn run() -> anyhow::Result<ExitCode> {
    output::print(|out| out.write_all(trail::SCHEMA.as_bytes()))?;
    Ok(ExitCode::SUCCESS)
}
