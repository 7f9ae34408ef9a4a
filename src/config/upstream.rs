//! `[upstream]`: how the vendor is called.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::upstream::PoolConfig;

use super::file::{self, PATH};
use super::form::{Integer, Size, Span};
use super::reader::{Reading, Section};

/// More than any bundle of authorities is long: 4 MiB.
const MAX_CA_FILE: u64 = 4 << 20;

/// Calls to the vendor, the same for every app.
#[derive(Clone, Debug)]
pub struct UpstreamConfig {
    /// Name lookup, TCP and TLS together.
    pub connect_timeout: Duration,
    /// One attempt, from connecting to the head of the answer; a turn for a connection may take as long before.
    pub first_byte_timeout: Duration,
    /// One call as a whole, with a second attempt if there is one.
    pub total_timeout: Duration,
    /// Connections of one worker to one app.
    pub pool: PoolConfig,
    /// Answers of up to so many bytes are read whole, for their error code; larger ones pass through unread.
    pub response_buffer: usize,
    /// Certificate authorities in PEM, in place of the system's.
    pub ca_file: Option<PathBuf>,
}

pub(super) fn read(section: &mut Section<'_>) -> Reading<UpstreamConfig> {
    let timeouts = || Span(Duration::from_millis(10)..=Duration::from_mins(5));
    let connect_timeout = section.need("connect_timeout", &timeouts());
    let first_byte_timeout = section.need("first_byte_timeout", &timeouts());
    let total_timeout = section.need("total_timeout", &timeouts());
    let max_connections = section.need("max_connections", &Integer(1..=4096));
    let idle_timeout = section.need("idle_timeout", &Span(Duration::from_secs(1)..=Duration::from_mins(5)));
    let response_buffer = section.need("response_buffer", &Size(1 << 10..=1 << 20));
    let ca_file = section.maybe("ca_file", &PATH);
    if let Ok(Some(path)) = &ca_file
        && let Err(wrong) = check_certificates(section, path)
    {
        section.refuse("ca_file", file::about(path, &wrong));
    }
    for (key, part) in [("connect_timeout", &connect_timeout), ("first_byte_timeout", &first_byte_timeout)] {
        if let (Ok(part), Ok(total)) = (part, &total_timeout)
            && part > total
        {
            section.refuse(key, "is longer than total_timeout, and would never be reached");
        }
    }
    Ok(UpstreamConfig {
        connect_timeout: connect_timeout?,
        first_byte_timeout: first_byte_timeout?,
        total_timeout: total_timeout?,
        pool: PoolConfig { max_connections: max_connections?, idle_timeout: idle_timeout? },
        response_buffer: response_buffer?,
        ca_file: ca_file?,
    })
}

/// The roots are built from the file later; here it only has to be there and to hold a certificate.
fn check_certificates(section: &Section<'_>, path: &Path) -> Result<(), String> {
    const BEGIN: &[u8] = b"-----BEGIN CERTIFICATE-----";
    let pem = file::named(section, "ca_file", path, MAX_CA_FILE)?;
    let holds_one = pem.windows(BEGIN.len()).any(|window| window == BEGIN);
    holds_one.then_some(()).ok_or_else(|| "holds no certificate in PEM".to_owned())
}
