//! `[listen.tls]`: TLS on the data port. The files are read and checked here: a configuration whose certificate cannot
//! be used is none.

use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use secrecy::zeroize::Zeroizing;

use crate::server::tls::{ClientAuth, MinVersion, Part, TlsConfig, TlsSettings};

use super::file::{self, PATH};
use super::form::{Choice, Span};
use super::reader::{Reading, Section};

/// More than any chain or bundle of authorities is long: 4 MiB.
const MAX_CERTIFICATES: u64 = 4 << 20;

const MIN_VERSION: Choice<MinVersion> = Choice(&[("1.2", MinVersion::Tls12), ("1.3", MinVersion::Tls13)]);
const CLIENT_AUTH: Choice<ClientAuth> =
    Choice(&[("required", ClientAuth::Required), ("optional", ClientAuth::Optional)]);

/// The files as configured, each with its key.
struct Files {
    certificate: Option<PathBuf>,
    key: Option<PathBuf>,
    client_authorities: Option<PathBuf>,
}

pub(super) fn read(section: &mut Section<'_>, http2: bool) -> Reading<Option<TlsConfig>> {
    let certificate = section.maybe("cert_file", &PATH);
    let key = section.maybe("key_file", &PATH);
    let client_authorities = section.maybe("client_ca_file", &PATH);
    let client_auth = section.need("client_auth", &CLIENT_AUTH);
    let min_version = section.need("min_version", &MIN_VERSION);
    let timeouts = Span(Duration::from_millis(100)..=Duration::from_mins(1));
    let handshake_timeout = section.need("handshake_timeout", &timeouts);
    let files = Files { certificate: certificate?, key: key?, client_authorities: client_authorities? };
    let settings = TlsSettings {
        min_version: min_version?,
        client_auth: client_auth?,
        handshake_timeout: handshake_timeout?,
        http2,
    };
    load(section, &files, settings)
}

fn load(section: &Section<'_>, files: &Files, settings: TlsSettings) -> Reading<Option<TlsConfig>> {
    let (certificate, key) = match (&files.certificate, &files.key) {
        (Some(certificate), Some(key)) => (certificate, key),
        (Some(_), None) => {
            return Err(section.refuse("key_file", "is missing: cert_file needs its private key"));
        }
        (None, Some(_)) => {
            return Err(section.refuse("cert_file", "is missing: key_file is the key of a certificate"));
        }
        (None, None) if files.client_authorities.is_some() => {
            let wrong = "needs TLS: set cert_file and key_file, or drop it";
            return Err(section.refuse("client_ca_file", wrong));
        }
        (None, None) => return Ok(None),
    };
    let read_certificates = |name, path: &Path| read_file(section, name, path, MAX_CERTIFICATES);
    let certificate_text = read_certificates("cert_file", certificate);
    let key_text = file::key(section, "key_file", key)
        .map_err(|wrong| section.refuse("key_file", file::about(key, &wrong)));
    let authorities = files.client_authorities.as_deref();
    let authorities_text = authorities.map(|path| read_certificates("client_ca_file", path)).transpose();
    let (certificate_text, key_text, authorities_text) = (certificate_text?, key_text?, authorities_text?);
    let pair = (certificate_text.as_slice(), key_text.as_slice());
    let authorities_text = authorities_text.as_ref().map(|text| text.as_slice());
    let config = TlsConfig::from_pem(settings, pair, authorities_text).and_then(|config| {
        // One that is in service already cannot be made better by keeping everything else from changing.
        if !section.is_in_service(config.fingerprint()) {
            config.check(Timestamp::now())?;
        }
        Ok(config)
    });
    config.map(Some).map_err(|fault| {
        let (name, path) = match fault.part() {
            Part::Certificate => ("cert_file", certificate),
            Part::Key => ("key_file", key),
            Part::ClientAuthority => {
                ("client_ca_file", files.client_authorities.as_ref().unwrap_or(certificate))
            }
        };
        section.refuse(name, file::about(path, &fault.to_string()))
    })
}

fn read_file(
    section: &Section<'_>,
    name: &'static str,
    path: &Path,
    max: u64,
) -> Reading<Zeroizing<Vec<u8>>> {
    file::named(section, name, path, max).map_err(|wrong| section.refuse(name, file::about(path, &wrong)))
}
