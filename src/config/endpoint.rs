//! URLs that the gateway calls, and the rule that they are https.

use std::net::IpAddr;

use crate::upstream::Endpoint;

use super::form::{Flag, Text};
use super::reader::{Reading, Section};

/// A URL without user name, query and fragment. A problem says the rule and not the text, which may hold a password.
const URL: Text<Endpoint> = Text {
    parse: |text| Endpoint::parse(text).map_err(|wrong| wrong.to_string()),
    show: Endpoint::to_string,
};

/// A URL that must be there.
pub(super) fn need(section: &mut Section<'_>, key: &'static str) -> Reading<Endpoint> {
    maybe(section, key)?.ok_or_else(|| section.missing(key))
}

/// A URL, or none. Takes the section's `allow_insecure_http` too, and refuses plain http where that is not set: keys
/// and tokens would be at the mercy of the network. Calls to this machine itself cross none.
pub(super) fn maybe(section: &mut Section<'_>, key: &'static str) -> Reading<Option<Endpoint>> {
    const ADVICE: &str =
        "is plain http to another machine: use https, or set allow_insecure_http = true beside it";
    let url = section.maybe(key, &URL);
    let insecure_allowed = section.or("allow_insecure_http", &Flag, false);
    let (url, insecure_allowed) = (url?, insecure_allowed?);
    let is_safe = |url: &Endpoint| url.is_tls() || is_loopback(url) || insecure_allowed;
    if url.as_ref().is_none_or(is_safe) { Ok(url) } else { Err(section.refuse(key, ADVICE)) }
}

/// Whether calls to the URL stay on this machine.
pub(super) fn is_loopback(url: &Endpoint) -> bool {
    url.host() == "localhost" || url.host().parse().is_ok_and(|address: IpAddr| address.is_loopback())
}
