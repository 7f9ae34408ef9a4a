use std::fmt;
use std::net::IpAddr;

use http::HeaderValue;
use http::uri::PathAndQuery;
use rustls::pki_types::ServerName;

/// An `http` or `https` URL to call, parsed once: `scheme://host[:port][/path]`.
///
/// User information, query and fragment are refused: none of them belongs into a base URL or the URL of a key
/// set, and each could carry a secret into a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    tls: bool,
    host: Box<str>,
    port: u16,
    server_name: ServerName<'static>,
    authority: HeaderValue,
    path: Box<str>,
}

/// A URL that is no [`Endpoint`]. Says the rule, never the text: it may hold a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidEndpoint(&'static str);

impl Endpoint {
    /// Takes an absolute URL of at most 2048 characters, in ASCII: an international name in its `xn--` form.
    pub fn parse(url: &str) -> Result<Self, InvalidEndpoint> {
        if url.len() > 2048 || !url.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(InvalidEndpoint(
                "must be at most 2048 visible ASCII characters (write an international name as xn--…)",
            ));
        }
        let (tls, rest) = split_scheme(url)?;
        if rest.contains(['?', '#']) {
            return Err(InvalidEndpoint("must have no query and no fragment"));
        }
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        if authority.contains('@') {
            return Err(InvalidEndpoint("must have no user name and no password"));
        }
        let (host, port) = split_port(authority)?;
        let (host, server_name) = parse_host(host)?;
        let default_port = if tls { 443 } else { 80 };
        let port = port.unwrap_or(default_port);
        let shown = shown_authority(&host, (port != default_port).then_some(port));
        Ok(Self {
            tls,
            port,
            server_name,
            authority: HeaderValue::try_from(shown)
                .map_err(|_| InvalidEndpoint("must have a host that fits a Host header"))?,
            path: parse_path(path)?.into(),
            host: host.into(),
        })
    }

    /// Whether the scheme is `https`.
    pub fn is_tls(&self) -> bool {
        self.tls
    }

    /// The host in lower case; an IPv6 address without its brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port, the scheme's default where the URL names none.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The value of the `Host` header (RFC 9110, section 7.2): without the scheme's default port.
    pub fn authority(&self) -> &HeaderValue {
        &self.authority
    }

    /// The whole path as written, at least `/`: what to ask for where the URL is the resource itself.
    pub fn path(&self) -> &str {
        if self.path.is_empty() { "/" } else { &self.path }
    }

    /// The path as a prefix for others: empty, or `/base` without a slash at its end.
    pub fn base_path(&self) -> &str {
        self.path.trim_end_matches('/')
    }

    /// Whom the certificate must name.
    pub(super) fn server_name(&self) -> ServerName<'static> {
        self.server_name.clone()
    }
}

fn split_scheme(url: &str) -> Result<(bool, &str), InvalidEndpoint> {
    let (scheme, rest) =
        url.split_once("://").ok_or(InvalidEndpoint("must begin with https:// or http://"))?;
    match scheme.to_ascii_lowercase().as_str() {
        "https" => Ok((true, rest)),
        "http" => Ok((false, rest)),
        _ => Err(InvalidEndpoint("must begin with https:// or http://")),
    }
}

fn split_port(authority: &str) -> Result<(&str, Option<u16>), InvalidEndpoint> {
    let end_of_host =
        if authority.starts_with('[') { authority.find(']').map(|end| end + 1) } else { authority.find(':') };
    let (host, rest) = authority.split_at(end_of_host.unwrap_or(authority.len()));
    if rest.is_empty() {
        return Ok((host, None));
    }
    rest.strip_prefix(':')
        .filter(|port| port.bytes().all(|b| b.is_ascii_digit()))
        .and_then(|port| port.parse().ok())
        .filter(|port| *port != 0)
        .map(|port| (host, Some(port)))
        .ok_or(InvalidEndpoint("must have a port from 1 to 65535, or none"))
}

/// A DNS name, an IPv4 address, or an IPv6 address in brackets (RFC 3986, section 3.2.2).
fn parse_host(host: &str) -> Result<(String, ServerName<'static>), InvalidEndpoint> {
    const RULE: InvalidEndpoint =
        InvalidEndpoint("must have a host: a DNS name, an IPv4 address, or an IPv6 address in brackets");
    let (bare, bracketed) = match host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(bare) => (bare, true),
        None => (host, false),
    };
    let bare = bare.to_ascii_lowercase();
    let is_v6 = matches!(bare.parse(), Ok(IpAddr::V6(_)));
    if is_v6 != bracketed {
        return Err(RULE);
    }
    let server_name = ServerName::try_from(bare.clone()).map_err(|_| RULE)?;
    Ok((bare, server_name))
}

/// RFC 3986's path characters. Dot segments and empty ones are refused, as a server might resolve them.
fn parse_path(path: &str) -> Result<&str, InvalidEndpoint> {
    let Some(inner) = path.strip_prefix('/').filter(|inner| !inner.is_empty()) else {
        return Ok("");
    };
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"/-._~!$&'()*+,;=:@%".contains(&b);
    let refused = |segment: &str| matches!(segment, "" | "." | "..");
    let segments = inner.strip_suffix('/').unwrap_or(inner);
    let is_uri = PathAndQuery::try_from(path).is_ok();
    if !is_uri || !path.bytes().all(allowed) || segments.split('/').any(refused) {
        return Err(InvalidEndpoint("must have a plain path, without dot segments and empty ones"));
    }
    Ok(path)
}

fn shown_authority(host: &str, port: Option<u16>) -> String {
    let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
    match port {
        Some(port) => format!("{host}:{port}"),
        None => host,
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "https" } else { "http" };
        let authority = self.authority.to_str().unwrap_or_default();
        write!(f, "{scheme}://{authority}{}", self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(url: &str) -> (bool, String, u16, String, String, String) {
        let e = Endpoint::parse(url).unwrap();
        let authority = e.authority().to_str().unwrap().to_owned();
        (e.is_tls(), e.host().into(), e.port(), authority, e.path().into(), e.base_path().into())
    }

    fn expected(
        tls: bool,
        host: &str,
        port: u16,
        authority: &str,
        paths: (&str, &str),
    ) -> (bool, String, u16, String, String, String) {
        (tls, host.into(), port, authority.into(), paths.0.into(), paths.1.into())
    }

    #[test]
    fn a_url_is_taken_apart() {
        let host = "a1.easemob.com";
        assert_eq!(parts("https://a1.easemob.com"), expected(true, host, 443, host, ("/", "")));
        assert_eq!(parts("HTTPS://A1.easemob.com:443/"), expected(true, host, 443, host, ("/", "")));
        assert_eq!(
            parts("http://127.0.0.1:8081/base/"),
            expected(false, "127.0.0.1", 8081, "127.0.0.1:8081", ("/base/", "/base"))
        );
        assert_eq!(
            parts("https://[::1]:8443/a/keys.json"),
            expected(true, "::1", 8443, "[::1]:8443", ("/a/keys.json", "/a/keys.json"))
        );
        assert_eq!(parts("http://mock_vendor").1, "mock_vendor");
    }

    #[test]
    fn it_is_shown_as_it_was_written() {
        for url in ["https://a1.easemob.com", "http://[::1]:81/x/y", "http://a/x/"] {
            assert_eq!(Endpoint::parse(url).unwrap().to_string(), url);
        }
    }

    #[test]
    fn what_is_no_plain_url_is_refused() {
        for url in [
            "",
            "a1.easemob.com",
            "//a",
            "ftp://a",
            "https://",
            "https:///x",
            "https://:443",
            "https://a:",
            "https://a:0",
            "https://a:65536",
            "https://a:+1",
            "https://a:8o",
            "https://u:p@a",
            "https://a?x=1",
            "https://a/?x",
            "https://a#f",
            "https://::1",
            "https://[::1",
            "https://[::1]x",
            "https://[a]",
            "https://[127.0.0.1]",
            "https://ä",
            "https://a b",
            "https://a\\b",
            "https://a/../b",
            "https://a//b",
            "https://a//",
            "https://a/./b",
            "https://a/\"",
            "https://a..b",
            "https://-a%",
            "https://a/b\r\nX: y",
        ] {
            assert!(Endpoint::parse(url).is_err(), "{url:?}");
        }
    }
}
