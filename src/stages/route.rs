//! Reads which of the four calls is meant. Takes [`Audited`], hands on [`Routed`], refuses with `request_malformed`,
//! `route_unknown` and `method_not_allowed`. Stands before the token is looked at: a path that does not exist is the
//! same for everybody, and is worth no signature check.

use std::rc::Rc;

use http::{Method, Uri, Version};

use super::audit::{Audited, Entry};
use super::check::Check;
use super::head::{Field, Head, Said};
use crate::domain::{AppName, Call, Code, ConferenceId, OrgName, Refusal, UserName};

/// A request that means one of the four calls.
#[derive(Debug)]
pub struct Routed<B> {
    entry: Rc<Entry>,
    head: Box<Head>,
    query_token: bool,
    target: Target,
    body: B,
}

impl<B> Routed<B> {
    pub(super) fn entry(&self) -> &Entry {
        &self.entry
    }

    pub(super) fn head(&self) -> &Head {
        &self.head
    }

    /// Whether the query holds a token too.
    pub(super) fn query_token(&self) -> bool {
        self.query_token
    }

    pub(super) fn into_parts(self) -> (Rc<Entry>, Box<Head>, Target, B) {
        (self.entry, self.head, self.target, self.body)
    }
}

/// What the path and the method say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    pub(super) call: Call<()>,
    /// The vendor's own full path names these; `/conferences…` does not.
    pub(super) named_app: Option<(OrgName, AppName)>,
}

/// The stage's decision.
#[derive(Clone, Copy, Debug)]
pub struct Route;

impl<B> Check<Audited<B>> for Route {
    type Pass = Routed<B>;

    fn check(&self, input: Audited<B>) -> Result<Routed<B>, Refusal> {
        let (entry, head, body) = input.into_parts();
        let target = Target::read(&head)?;
        entry.routed(&target.call);
        let query_token = head.query().is_some_and(has_access_token);
        Ok(Routed { entry, head, query_token, target, body })
    }
}

impl Target {
    /// Reads what the head of a request means, if everybody on the way has read the same.
    pub fn read(head: &Head) -> Result<Self, Refusal> {
        one_host(head)?;
        if !head.uri().is_none_or(is_directed_here) {
            let advice = "send the path alone, or a URI of http or https without credentials";
            return Err(Refusal::new(Code::RequestMalformed, advice));
        }
        if !is_framed_plainly(head) {
            let advice = "send Transfer-Encoding: chunked, or Content-Length alone";
            return Err(Refusal::new(Code::RequestMalformed, advice));
        }
        target(&head.method, head.path())
    }

    /// Which of the four calls.
    pub fn call(&self) -> &Call<()> {
        &self.call
    }
}

/// RFC 9112, section 3.2: a request of HTTP/1.1 without exactly one `Host`, and any with one that names no host, is
/// answered with 400. So is one of HTTP/2, where `:authority` counts as one.
fn one_host(head: &Head) -> Result<(), Refusal> {
    match head.said(Field::Host) {
        Said::Never if head.version < Version::HTTP_11 => Ok(()),
        Said::Once(host) if is_host(host) => Ok(()),
        _ => {
            Err(Refusal::new(Code::RequestMalformed, "send exactly one Host header, with a host and a port"))
        }
    }
}

/// `uri-host [ ":" port ]` (RFC 9110, section 7.2; RFC 3986, section 3.2.2). Nothing goes by it here, but whoever
/// stands in front may.
fn is_host(value: &[u8]) -> bool {
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=%".contains(byte);
    let is_in_brackets = |byte: &u8| is_part(byte) || *byte == b':';
    let port = match value.strip_prefix(b"[") {
        Some(literal) => {
            let mut halves = literal.splitn(2, |byte| *byte == b']');
            let (Some(address), Some(port)) = (halves.next(), halves.next()) else { return false };
            if address.is_empty() || !address.iter().all(is_in_brackets) {
                return false;
            }
            port
        }
        None => value.iter().position(|byte| !is_part(byte)).map_or(&[][..], |end| value.split_at(end).1),
    };
    match port {
        [] => true,
        [b':', digits @ ..] => digits.iter().all(u8::is_ascii_digit),
        _ => false,
    }
}

/// Whether a target is a path, a host, or a URI that could be one of this service's: `http::Uri` takes more for a URI
/// than HTTP does. Credentials in one are there to deceive (RFC 9110, section 4.2.4).
fn is_directed_here(uri: &Uri) -> bool {
    let has_credentials = uri.authority().is_some_and(|authority| authority.as_str().contains('@'));
    let is_ours = match (uri.scheme_str(), uri.authority()) {
        (None, None) | (Some("http" | "https"), Some(_)) => true,
        (None, Some(_)) => uri.path().is_empty(),
        _ => false,
    };
    is_ours && !has_credentials
}

/// Whether everybody on the way reads the same length: a coding of the body is `chunked`, once (RFC 9112, section 6.1).
/// A list of codings that ends with it is framed the same, and none of the others would be undone.
pub fn is_framed_plainly(head: &Head) -> bool {
    match head.said(Field::TransferEncoding) {
        Said::Never => true,
        Said::Once(coding) => coding.eq_ignore_ascii_case(b"chunked"),
        Said::Again => false,
    }
}

/// A token in the query (RFC 6750, section 2.3) ends up in logs and histories: it counts as a credential, only to be
/// refused.
fn has_access_token(query: &str) -> bool {
    query.split('&').any(|pair| pair == "access_token" || pair.starts_with("access_token="))
}

fn target(method: &Method, path: &str) -> Result<Target, Refusal> {
    let unknown = || {
        Refusal::new(
            Code::RouteUnknown,
            "the paths are /conferences, /conferences/{confrId} and /conferences/{confrId}/{userName}; see /openapi.json",
        )
    };
    let mut segments = path.strip_prefix('/').ok_or_else(unknown)?.split('/');
    let first = segments.next().ok_or_else(unknown)?;
    let named_app = if first == "conferences" {
        None
    } else {
        let org = OrgName::parse(first).map_err(|_| unknown())?;
        let app = segments.next().and_then(|name| AppName::parse(name).ok()).ok_or_else(unknown)?;
        if segments.next() != Some("conferences") {
            return Err(unknown());
        }
        Some((org, app))
    };
    let call = match (segments.next(), segments.next(), segments.next()) {
        (None, ..) => collection(method)?,
        (Some(id), None, _) => conference(method, ConferenceId::parse(id).map_err(|_| unknown())?)?,
        (Some(id), Some(user), None) => member(
            method,
            ConferenceId::parse(id).map_err(|_| unknown())?,
            UserName::parse(user).map_err(|_| unknown())?,
        )?,
        _ => return Err(unknown()),
    };
    Ok(Target { call, named_app })
}

fn collection(method: &Method) -> Result<Call<()>, Refusal> {
    match *method {
        Method::POST => Ok(Call::Create(())),
        _ => Err(wrong_method("POST, OPTIONS")),
    }
}

fn conference(method: &Method, id: ConferenceId) -> Result<Call<()>, Refusal> {
    match *method {
        Method::GET => Ok(Call::Get(id)),
        Method::DELETE => Ok(Call::Dissolve(id)),
        _ => Err(wrong_method("GET, DELETE, OPTIONS")),
    }
}

fn member(method: &Method, id: ConferenceId, user: UserName) -> Result<Call<()>, Refusal> {
    match *method {
        Method::DELETE => Ok(Call::Kick(id, user)),
        _ => Err(wrong_method("DELETE, OPTIONS")),
    }
}

fn wrong_method(methods: &'static str) -> Refusal {
    Refusal::new(Code::MethodNotAllowed, format!("this path has {methods}")).allowing(methods)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(method: &Method, path: &str) -> Result<Call<()>, Code> {
        target(method, path).map(|target| target.call).map_err(|refusal| refusal.code)
    }

    #[test]
    fn the_four_calls_are_read_from_both_path_families() {
        let id = ConferenceId::parse("IM3").unwrap();
        for prefix in ["", "/1100181023201864/voicechatroom"] {
            let path = |rest: &str| format!("{prefix}/conferences{rest}");
            assert_eq!(call(&Method::POST, &path("")), Ok(Call::Create(())));
            assert_eq!(call(&Method::GET, &path("/IM3")), Ok(Call::Get(id.clone())));
            assert_eq!(call(&Method::DELETE, &path("/IM3")), Ok(Call::Dissolve(id.clone())));
            let user = UserName::parse("yangss").unwrap();
            assert_eq!(call(&Method::DELETE, &path("/IM3/YangSS")), Ok(Call::Kick(id.clone(), user)));
        }
    }

    #[test]
    fn nothing_but_the_exact_shapes_is_a_route() {
        for path in [
            "/",
            "",
            "*",
            "//conferences",
            "/conferences/",
            "/conferences//",
            "/conferences/IM3/",
            "/conferences/IM3/u/",
            "/conferences/IM3/u/v",
            "/conferences/../token",
            "/conferences/%49M3",
            "/conferences/room",
            "/conferences/IM3;a=b",
            "/conferences/IM3/..",
            "/conferences/IM3/.",
            "/Conferences/IM3",
            "/org/app/token",
            "/org/app/users",
            "/org/APP/conferences/IM3",
            "/org/app/conferences/../../x/y",
            "/a/b/c/conferences",
            "/conferences/IM3%2fu",
        ] {
            assert_eq!(call(&Method::DELETE, path), Err(Code::RouteUnknown), "{path}");
        }
    }

    #[test]
    fn a_path_says_which_methods_it_has() {
        let refusal = target(&Method::PUT, "/conferences/IM3").unwrap_err();
        assert_eq!((refusal.code, refusal.allow), (Code::MethodNotAllowed, Some("GET, DELETE, OPTIONS")));
        assert_eq!(call(&Method::HEAD, "/conferences/IM3"), Err(Code::MethodNotAllowed));
        assert_eq!(call(&Method::GET, "/conferences"), Err(Code::MethodNotAllowed));
        assert_eq!(call(&Method::POST, "/conferences/IM3/u"), Err(Code::MethodNotAllowed));
    }

    #[test]
    fn a_host_is_a_name_or_an_address_with_a_port_or_none() {
        for host in [
            "",
            "gate.test",
            "gate.test:8080",
            "GATE:",
            "127.0.0.1:1",
            "[::1]",
            "[::1]:8080",
            "a_b-c~d",
            "%41",
        ] {
            assert!(is_host(host.as_bytes()), "{host:?}");
        }
        for host in [
            "a b", "a/b", "a@b", "a:b", "a:1:2", "a?", "a#", "[::1", "[]", "[::1]x", "::1", "a\\b", "<a>",
            "ä",
        ] {
            assert!(!is_host(host.as_bytes()), "{host:?}");
        }
    }

    #[test]
    fn a_token_in_the_query_is_seen() {
        assert!(has_access_token("a=b&access_token=x"));
        assert!(!has_access_token("a=access_token"));
    }
}
