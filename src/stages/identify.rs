//! Gives a request its name. Takes what the connection accepted, hands on [`Identified`], refuses nothing. Stands
//! first, so that whatever happens later can be found by its id in the answer, the log and the trail.

use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use ipnet::IpNet;
use pin_project_lite::pin_project;
use tokio::time::Instant;
use tower::layer::layer_fn;
use tower::{Layer, Service};
use uuid::ContextV7;

use super::head::{Field, Head, Said};
use super::reply::Reply;
use crate::domain::{RequestId, TraceContext};

/// Names the request in every answer.
pub const X_REQUEST_ID: &str = "x-request-id";

/// A request as the connection read it, with the address at the other end.
#[derive(Debug)]
pub struct Accepted<B> {
    /// Whoever opened the connection: the caller, or a proxy in front.
    pub peer: SocketAddr,
    /// On the heap, as it is handed from stage to stage.
    pub head: Box<Head>,
    /// As it comes.
    pub body: B,
}

/// A request that has a name.
#[derive(Debug)]
pub struct Identified<B> {
    arrival: Arrival,
    head: Box<Head>,
    body: B,
}

impl<B> Identified<B> {
    pub(super) fn arrival(&self) -> &Arrival {
        &self.arrival
    }

    pub(super) fn head(&self) -> &Head {
        &self.head
    }

    pub(super) fn into_parts(self) -> (Arrival, Box<Head>, B) {
        (self.arrival, self.head, self.body)
    }
}

/// What is known of a request before anything of it is looked at.
#[derive(Clone, Copy, Debug)]
pub(super) struct Arrival {
    pub(super) id: RequestId,
    pub(super) trace: TraceContext,
    /// The caller's address.
    pub(super) client: IpAddr,
    pub(super) started: Instant,
}

/// Whose `X-Forwarded-For` is believed.
#[derive(Clone, Debug, Default)]
pub struct IdentifyConfig {
    /// Networks of the proxies in front; an address outside of them speaks for itself only.
    pub trusted_proxies: Vec<IpNet>,
}

/// Puts the stage before those behind it. One for each worker: the generator of ids is its own.
pub fn layer<S>(config: IdentifyConfig) -> impl Layer<S, Service = Identify<S>> {
    let naming = Rc::new(Naming { config, ids: ContextV7::new() });
    layer_fn(move |inner| Identify { naming: Rc::clone(&naming), inner })
}

#[derive(Debug)]
struct Naming {
    config: IdentifyConfig,
    ids: ContextV7,
}

/// The stage.
#[derive(Clone, Debug)]
pub struct Identify<S> {
    naming: Rc<Naming>,
    inner: S,
}

impl Naming {
    fn identify<B>(&self, accepted: Accepted<B>) -> Identified<B> {
        let Accepted { peer, head, body } = accepted;
        let id = RequestId::generate(&self.ids);
        let traceparent = match head.said(Field::Traceparent) {
            Said::Once(value) => std::str::from_utf8(value).ok(),
            Said::Never | Said::Again => None,
        };
        // The random half of the id is as good a source as any: a new trace is named after its first request.
        let trace = TraceContext::continued(traceparent, id.entropy());
        let client = self.client(peer.ip().to_canonical(), &head);
        let arrival = Arrival { id, trace, client, started: Instant::now() };
        Identified { arrival, head, body }
    }

    /// Walks `X-Forwarded-For` from the right, past the proxies that are trusted: the first other address is the
    /// caller. What stands left of it anybody could have written.
    fn client(&self, peer: IpAddr, head: &Head) -> IpAddr {
        let mut client = peer;
        let lines = head.values(Field::XForwardedFor).rev();
        // By bytes: what somebody else wrote to the left of a hop does not make it unreadable.
        for hop in lines.flat_map(|line| line.rsplit(|byte| *byte == b',')) {
            let hop = hop.trim_ascii();
            // Empty elements are no part of a list (RFC 9110, section 5.6.1.2).
            if hop.is_empty() {
                continue;
            }
            if !self.trusts(client) {
                return client;
            }
            let Some(address) = address(hop) else { return client };
            client = address.to_canonical();
        }
        client
    }

    fn trusts(&self, address: IpAddr) -> bool {
        self.config.trusted_proxies.iter().any(|network| network.contains(&address))
    }
}

/// An address as proxies write it: some with a port, and IPv6 in brackets then, as RFC 7239 has it in section 6.
fn address(hop: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(hop).ok()?;
    let with_port = || text.parse().map(|socket: SocketAddr| socket.ip()).ok();
    let in_brackets = || text.strip_prefix('[')?.strip_suffix(']')?.parse().map(IpAddr::V6).ok();
    text.parse().ok().or_else(with_port).or_else(in_brackets)
}

impl<B, S> Service<Accepted<B>> for Identify<S>
where
    S: Service<Identified<B>, Response = Reply>,
{
    type Response = Reply;
    type Error = S::Error;
    type Future = IdentifyFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, accepted: Accepted<B>) -> Self::Future {
        let identified = self.naming.identify(accepted);
        let id = identified.arrival.id;
        IdentifyFuture { inner: self.inner.call(identified), id }
    }
}

pin_project! {
    /// Puts the id on the answer.
    #[derive(Debug)]
    pub struct IdentifyFuture<F> {
        #[pin]
        inner: F,
        id: RequestId,
    }
}

impl<F, E> Future for IdentifyFuture<F>
where
    F: Future<Output = Result<Reply, E>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let mut reply = ready!(this.inner.poll(cx))?;
        reply.fields.put(X_REQUEST_ID, *this.id);
        Poll::Ready(Ok(reply))
    }
}

#[cfg(test)]
mod tests {
    use http::{Method, Version};

    use super::*;

    fn head(field: Field, values: &[&str]) -> Head {
        let mut head = Head::new(Method::GET, Version::HTTP_11, b"/", 0).unwrap();
        for value in values {
            head.push(field, value.as_bytes());
        }
        head
    }

    fn client(trusted: &[&str], peer: &str, forwarded: &[&'static str]) -> String {
        let trusted_proxies = trusted.iter().map(|network| network.parse().unwrap()).collect();
        let naming = Naming { config: IdentifyConfig { trusted_proxies }, ids: ContextV7::new() };
        naming.client(peer.parse().unwrap(), &head(Field::XForwardedFor, forwarded)).to_string()
    }

    #[test]
    fn a_stranger_cannot_choose_its_address() {
        assert_eq!(client(&[], "203.0.113.9", &["198.51.100.1"]), "203.0.113.9");
        assert_eq!(client(&["10.0.0.0/8"], "203.0.113.9", &["198.51.100.1"]), "203.0.113.9");
    }

    #[test]
    fn behind_trusted_proxies_the_last_untrusted_hop_is_the_caller() {
        let trusted = &["10.0.0.0/8"];
        assert_eq!(client(trusted, "10.0.0.1", &["6.6.6.6, 198.51.100.1"]), "198.51.100.1");
        assert_eq!(client(trusted, "10.0.0.1", &["6.6.6.6, 198.51.100.1, 10.0.0.7"]), "198.51.100.1");
        assert_eq!(client(trusted, "10.0.0.1", &["6.6.6.6", "198.51.100.1"]), "198.51.100.1");
    }

    #[test]
    fn a_hop_may_have_a_port_and_a_list_may_have_holes() {
        let trusted = &["10.0.0.0/8", "fd00::/8"];
        for (forwarded, expected) in [
            ("6.6.6.6, 198.51.100.1:4711", "198.51.100.1"),
            ("6.6.6.6, [2001:db8::1]:443", "2001:db8::1"),
            ("6.6.6.6, [2001:db8::1]", "2001:db8::1"),
            ("6.6.6.6, 198.51.100.1, [fd00::1]:80 ,, , 10.0.0.7", "198.51.100.1"),
            ("198.51.100.1,", "198.51.100.1"),
            ("6.6.6.6, [198.51.100.1]", "10.0.0.1"),
            ("6.6.6.6, 198.51.100.1:70000", "10.0.0.1"),
        ] {
            assert_eq!(client(trusted, "10.0.0.1", &[forwarded]), expected, "{forwarded}");
        }
    }

    #[test]
    fn what_stands_left_of_a_hop_does_not_hide_it() {
        let mut head = head(Field::Host, &[]);
        head.push(Field::XForwardedFor, b"\xff\x80, 198.51.100.1");
        let naming = Naming {
            config: IdentifyConfig { trusted_proxies: vec!["10.0.0.0/8".parse().unwrap()] },
            ids: ContextV7::new(),
        };
        let proxy: IpAddr = "10.0.0.1".parse().unwrap();
        assert_eq!(naming.client(proxy, &head).to_string(), "198.51.100.1");
    }

    #[test]
    fn no_token_shows_in_debug_output() {
        let naming = Naming { config: IdentifyConfig::default(), ids: ContextV7::new() };
        let head = Box::new(head(Field::Authorization, &["Bearer canary-1", "Bearer canary-2"]));
        let accepted = Accepted { peer: ([127, 0, 0, 1], 1).into(), head, body: () };
        assert!(!format!("{accepted:?}").contains("canary"), "{accepted:?}");
        let identified = naming.identify(accepted);
        assert!(!format!("{identified:?}").contains("canary"), "{identified:?}");
        assert_eq!(identified.head().values(Field::Authorization).count(), 2);
    }

    #[test]
    fn what_is_no_address_ends_the_walk() {
        assert_eq!(client(&["10.0.0.0/8"], "10.0.0.1", &["198.51.100.1, unknown"]), "10.0.0.1");
        assert_eq!(client(&["10.0.0.0/8"], "10.0.0.1", &[]), "10.0.0.1");
    }
}
