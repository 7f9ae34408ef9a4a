//! `[listen]`: the data port.

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::time::Duration;

use http::HeaderValue;
use ipnet::IpNet;

use crate::server::Http2Config;
use crate::server::tls::TlsConfig;
use crate::stages::cors::{AllowedOrigins, CorsConfig};
use crate::stages::shed::ShedConfig;

use super::form::{Count, Integer, List, Size, Span, Text};
use super::reader::{Reading, Section};
use super::{http2, tls};

/// The data port: where callers come in, and how much they may ask at once.
#[derive(Clone, Debug)]
pub struct ListenConfig {
    /// Where callers connect. Port 0 takes a free one.
    pub address: SocketAddr,
    /// Worker threads; None is one for each CPU.
    pub workers: Option<NonZeroUsize>,
    /// Open connections over all workers. On more of them requests are turned away with 503.
    pub max_connections: NonZeroUsize,
    /// Open connections from one address (IPv6: from one /64) that is none of `trusted_proxies`; None is no limit.
    pub max_connections_per_address: Option<NonZeroUsize>,
    /// How much each worker takes on.
    pub shed: ShedConfig,
    /// How long a connection may be without a complete request head, from its beginning or the end of the last answer:
    /// idle and slow ones are closed alike.
    pub idle_timeout: Duration,
    /// From the head to the end of the answer. Longer than the upstream's `total_timeout`.
    pub request_timeout: Duration,
    /// The head's size in bytes, with the request line.
    pub max_header_bytes: usize,
    /// Header fields of a request.
    pub max_headers: usize,
    /// The body's size in bytes.
    pub max_body_bytes: usize,
    /// Whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// From SIGTERM to the end of accepting, so that load balancers notice that readiness is gone.
    pub drain_delay: Duration,
    /// From then until requests that still run are cut off.
    pub drain_timeout: Duration,
    /// What callers are shown; None is clear text.
    pub tls: Option<TlsConfig>,
    /// HTTP/2, unless HTTP/1 alone is spoken.
    pub http2: Option<Http2Config>,
    /// Which browsers' pages may call.
    pub cors: CorsConfig,
}

/// A socket's address.
pub(super) const ADDRESS: Text<SocketAddr> = Text {
    parse: |text| {
        text.parse().map_err(|_| {
            "must be an IP address and a port, such as \"0.0.0.0:8080\" or \"[::]:8080\"".to_owned()
        })
    },
    show: SocketAddr::to_string,
};

const NETWORK: Text<IpNet> = Text {
    parse: |text| {
        let network = text.parse().or_else(|_| text.parse().map(host_network));
        network.map_err(|_| "must be a network such as \"10.0.0.0/8\", or an address".to_owned())
    },
    show: IpNet::to_string,
};

const ORIGIN: Text<HeaderValue> =
    Text { parse: origin, show: |origin| String::from_utf8_lossy(origin.as_bytes()).into_owned() };

pub(super) fn read(section: &mut Section<'_>) -> Reading<ListenConfig> {
    let second = Duration::from_secs;
    let address = section.need("address", &ADDRESS);
    let workers = section.need("workers", &Integer(0..=1024));
    let max_connections = section.need("max_connections", &Count::within(1..=1_000_000));
    let per_address = section.need("max_connections_per_address", &Integer(0..=1_000_000));
    let max_requests = section.need("max_requests", &Count::within(1..=1_000_000));
    let max_lag = section.need("max_lag", &Span(Duration::ZERO..=second(10)));
    let idle_timeout = section.need("idle_timeout", &Span(second(1)..=second(600)));
    let request_timeout = section.need("request_timeout", &Span(second(1)..=second(600)));
    let max_header_bytes = section.need("max_header_bytes", &Size(8 << 10..=256 << 10));
    let max_headers = section.need("max_headers", &Integer(16..=256));
    let max_body_bytes = section.need("max_body_bytes", &Size(1 << 10..=1 << 20));
    let trusted_proxies = section.need("trusted_proxies", &List { item: NETWORK, at_least: 0 });
    let drain_delay = section.need("drain_delay", &Span(Duration::ZERO..=second(300)));
    let drain_timeout = section.need("drain_timeout", &Span(second(1)..=second(3600)));
    let http2 = section.section("http2").and_then(|mut http2| http2::read(&mut http2));
    // Where HTTP/2 could not be read, there is no configuration, whatever TLS would offer.
    let offers_http2 = http2.is_ok_and(|http2| http2.is_some());
    let tls = section.section("tls").and_then(|mut tls| tls::read(&mut tls, offers_http2));
    let cors = section.section("cors").and_then(|mut cors| read_cors(&mut cors));
    Ok(ListenConfig {
        address: address?,
        workers: NonZeroUsize::new(workers?),
        max_connections: max_connections?,
        max_connections_per_address: NonZeroUsize::new(per_address?),
        shed: ShedConfig { max_requests: max_requests?, max_lag: max_lag? },
        idle_timeout: idle_timeout?,
        request_timeout: request_timeout?,
        max_header_bytes: max_header_bytes?,
        max_headers: max_headers?,
        max_body_bytes: max_body_bytes?,
        trusted_proxies: trusted_proxies?,
        drain_delay: drain_delay?,
        drain_timeout: drain_timeout?,
        tls: tls?,
        http2: http2?,
        cors: cors?,
    })
}

fn read_cors(section: &mut Section<'_>) -> Reading<CorsConfig> {
    let origins = section.need("allowed_origins", &List { item: ORIGIN, at_least: 0 });
    // Browsers cap it themselves: Chromium at 2 h, Firefox at 24 h.
    let max_age = section.need("max_age", &Span(Duration::ZERO..=Duration::from_hours(24)));
    let origins = origins.and_then(|origins| allowed_origins(section, origins));
    Ok(CorsConfig { allowed_origins: origins?, max_age: max_age? })
}

fn allowed_origins(section: &Section<'_>, origins: Vec<HeaderValue>) -> Reading<AllowedOrigins> {
    const ADVICE: &str = "has \"*\" beside other origins: \"*\" is every origin, drop it or them";
    match origins.as_slice() {
        [only] if only == "*" => Ok(AllowedOrigins::Any),
        several if several.iter().any(|origin| origin == "*") => {
            Err(section.refuse("allowed_origins", ADVICE))
        }
        _ => Ok(AllowedOrigins::Only(origins)),
    }
}

/// `*`, or an origin as browsers send it (RFC 6454, section 6.2): lower case, without path, without a default port.
fn origin(text: &str) -> Result<HeaderValue, String> {
    const RULE: &str = "must be \"*\" or an origin as browsers send it, such as \"https://app.corp.example\": scheme and \
                        host in lower case, no path, no slash at the end, no default port";
    let scheme = ["https://", "http://"].into_iter().find(|scheme| text.starts_with(scheme));
    let host = scheme.and_then(|scheme| text.strip_prefix(scheme)).unwrap_or_default();
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-._:[]".contains(&b);
    let default_port = match scheme {
        Some("https://") => host.ends_with(":443"),
        _ => host.ends_with(":80"),
    };
    let is_origin =
        !host.is_empty() && host.bytes().all(allowed) && !default_port && text.parse::<http::Uri>().is_ok();
    if text != "*" && !is_origin {
        return Err(RULE.to_owned());
    }
    HeaderValue::from_str(text).map_err(|_| RULE.to_owned())
}

fn host_network(address: std::net::IpAddr) -> IpNet {
    address.into()
}
