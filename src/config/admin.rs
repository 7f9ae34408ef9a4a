//! `[admin]`: the admin port.

use std::net::SocketAddr;

use super::listen::ADDRESS;
use super::reader::{Reading, Section};

/// The admin port.
#[derive(Clone, Debug)]
pub struct AdminConfig {
    /// Where probes and metrics are answered. Not for callers.
    pub address: SocketAddr,
}

pub(super) fn read(section: &mut Section<'_>) -> Reading<AdminConfig> {
    let address = section.need("address", &ADDRESS)?;
    Ok(AdminConfig { address })
}
