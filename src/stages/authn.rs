//! Finds out who calls. Takes [`Routed`], hands on [`Authenticated`], refuses with the `token_…` codes,
//! `address_rate_limited`, `keys_unavailable` and `tenant_unknown`. Stands before the limits, since they are the
//! tenant's, and the tenant is whom the verified token names.

use std::cell::Cell;
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::FutureExt as _;
use jiff::Timestamp;
use tower::layer::layer_fn;
use tower::{Layer, Service};

use super::audit::Entry;
use super::deciding::{Deciding, passed, refused, take_ready, waiting};
use super::head::{Field, Head, Said};
use super::reply::Reply;
use super::route::{Routed, Target};
use crate::domain::{Code, Principal, Refusal};
use crate::jwt::{IssuerIndex, Keyring, Rejection, TokenCache, Verified};
use crate::limits::AddressGuard;
use crate::tenancy::{Caller, Tenancy};

/// Callers of one worker who may wait for keys to be fetched. Each has its place among the requests and in the trail:
/// names of keys are invented for nothing, and an issuer that hangs must not have strangers take all there are.
const MOST_WAITING: usize = 64;

/// A request whose caller is known.
#[derive(Debug)]
pub struct Authenticated<B> {
    entry: Rc<Entry>,
    head: Box<Head>,
    target: Target,
    body: B,
    caller: Rc<Caller>,
}

impl<B> Authenticated<B> {
    pub(super) fn entry(&self) -> &Entry {
        &self.entry
    }

    pub(super) fn caller(&self) -> &Caller {
        &self.caller
    }

    pub(super) fn into_parts(self) -> (Rc<Entry>, Box<Head>, Target, B, Rc<Caller>) {
        (self.entry, self.head, self.target, self.body, self.caller)
    }
}

/// The stage's decision; one for each worker.
#[derive(Debug)]
pub struct Authn {
    keyring: Keyring,
    cache: TokenCache<Option<Rc<Caller>>>,
    tenancy: Arc<Tenancy>,
    addresses: Arc<AddressGuard>,
    waiting: Cell<usize>,
}

/// A place among those who wait for keys.
struct Waiting<'a>(&'a Cell<usize>);

impl<'a> Waiting<'a> {
    /// None where they are [`MOST_WAITING`].
    fn among(count: &'a Cell<usize>) -> Option<Self> {
        (count.get() < MOST_WAITING).then(|| {
            count.set(count.get() + 1);
            Self(count)
        })
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get().saturating_sub(1));
    }
}

/// Why there is no caller.
enum Stopped {
    Refused(Refusal),
    UnknownKey {
        issuer: IssuerIndex,
        /// Whether a signature was checked in vain.
        checked: bool,
    },
}

impl From<Refusal> for Stopped {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl Authn {
    /// Up to `cache_capacity` verified tokens are remembered.
    pub fn new(
        keyring: Keyring,
        cache_capacity: usize,
        tenancy: Arc<Tenancy>,
        addresses: Arc<AddressGuard>,
    ) -> Self {
        let cache = TokenCache::new(keyring.clone(), cache_capacity);
        Self { keyring, cache, tenancy, addresses, waiting: Cell::new(0) }
    }

    /// Decides on the spot, unless the token names a key that may have been published a moment ago.
    fn check<B>(&self, request: &Routed<B>) -> Result<Rc<Caller>, Stopped> {
        let token = credential(request.head(), request.query_token())?;
        let now = Timestamp::now();
        if let Some(known) = self.cache.lookup(token, request.entry().started()) {
            return Ok(caller(&known, now)?);
        }
        let token = text(token)?;
        let client = request.entry().client();
        self.addresses.check_token(client, token).map_err(|denied| {
            let advice = "too many bad tokens came from this address; wait, then send a good one";
            Refusal::new(Code::AddressRateLimited, advice).retry_after(denied.wait)
        })?;
        let counted = |good| request.entry().signature_checked(good);
        match self.keyring.verify_observed(token, now, &counted) {
            Err(Rejection::KeyUnknown(issuer)) => Err(Stopped::UnknownKey { issuer, checked: false }),
            Err(Rejection::SuccessorUnknown(issuer)) => Err(Stopped::UnknownKey { issuer, checked: true }),
            verdict => Ok(self.conclude(token, verdict, now, client)?),
        }
    }

    /// The second look at a token with an unknown key, after the key set was asked for again.
    /// One whose signature was `checked` in vain counts against its address even where nobody can tell that it is bad,
    /// and so does one that finds too many waiting for the keys already.
    async fn check_again<B>(
        &self,
        request: &Routed<B>,
        issuer: IssuerIndex,
        checked: bool,
    ) -> Result<Rc<Caller>, Refusal> {
        let token = text(credential(request.head(), request.query_token())?)?;
        let (client, deadline) = (request.entry().client(), request.entry().deadline());
        let counted = |good| request.entry().signature_checked(good);
        let look = self.keyring.verify_after_refetch(issuer, token, Timestamp::now(), counted);
        let verdict = match Waiting::among(&self.waiting) {
            Some(_place) => {
                tokio::time::timeout_at(deadline, look).await.unwrap_or(Err(Rejection::KeysUnavailable))
            }
            // Asks all the same: keys of other issuers may not be under way yet.
            None => look.now_or_never().unwrap_or_else(|| Err(self.keyring.pending(issuer))),
        };
        if checked && matches!(verdict, Err(Rejection::KeysUnavailable)) {
            self.addresses.failed(client);
        }
        self.conclude(token, verdict, Timestamp::now(), client)
    }

    /// Remembers a token that an issuer has signed, whatever it is good for, and counts any other against its address.
    fn conclude(
        &self,
        token: &str,
        verdict: Result<Verified, Rejection>,
        now: Timestamp,
        client: IpAddr,
    ) -> Result<Rc<Caller>, Refusal> {
        match verdict {
            Ok(verified) => {
                self.addresses.vouch(token);
                let spoken_for = self.spoken_for(&verified.principal);
                caller(&self.cache.insert(token, verified, spoken_for), now)
            }
            Err(rejection) => {
                if matches!(
                    rejection,
                    Rejection::Malformed(_) | Rejection::Rejected(_) | Rejection::KeyPending(_)
                ) {
                    self.addresses.failed(client);
                }
                Err(refusal(&rejection))
            }
        }
    }

    /// Nobody where the tenant is not configured.
    fn spoken_for(&self, principal: &Principal) -> Option<Rc<Caller>> {
        let tenant = self.tenancy.tenant(&principal.tenant)?;
        let user_rate = tenant.users.as_ref().map(|users| users.limiter(&principal.subject));
        Some(Rc::new(Caller { principal: principal.clone(), tenant: Arc::clone(tenant), user_rate }))
    }
}

/// Who a token with a good signature speaks for, if it lives.
fn caller(
    (verified, caller): &(Verified, Option<Rc<Caller>>),
    now: Timestamp,
) -> Result<Rc<Caller>, Refusal> {
    verified.check(now).map_err(|rejection| refusal(&rejection))?;
    caller.clone().ok_or_else(|| {
        let detail = "the tenant that the token names is not configured here; ask the operator to add it";
        Refusal::new(Code::TenantUnknown, detail)
            .because(format!("no tenant {} is configured", verified.principal.tenant))
    })
}

/// The bearer token of a request that has exactly one (RFC 6750, section 2.1).
fn credential(head: &Head, query_token: bool) -> Result<&[u8], Refusal> {
    let value = match head.said(Field::Authorization) {
        Said::Never if query_token => {
            let detail = "send the token in the Authorization header; a token in the query is not accepted";
            return Err(Refusal::new(Code::TokenMissing, detail));
        }
        Said::Never => {
            return Err(Refusal::new(Code::TokenMissing, "send the header Authorization: Bearer <token>"));
        }
        Said::Again => return Err(malformed("more than one Authorization header was sent")),
        Said::Once(_) if query_token => return Err(malformed("a second token was sent in the query")),
        Said::Once(value) => value,
    };
    let (scheme, mut token) = memchr::memchr(b' ', value)
        .and_then(|at| Some((value.get(..at)?, value.get(at + 1..)?)))
        .ok_or_else(|| malformed("the scheme has no token"))?;
    if !scheme.eq_ignore_ascii_case(b"bearer") {
        return Err(malformed("the scheme is not Bearer"));
    }
    while let Some(rest) = token.strip_prefix(b" ").or_else(|| token.strip_suffix(b" ")) {
        token = rest;
    }
    Ok(token)
}

/// Of a token that is not known: a known one has been found to be text before.
fn text(token: &[u8]) -> Result<&str, Refusal> {
    let text = std::str::from_utf8(token).ok().filter(|text| text.is_ascii());
    text.ok_or_else(|| malformed("the Authorization header is not ASCII"))
}

fn malformed(reason: &'static str) -> Refusal {
    let detail = "send exactly one token, as the header Authorization: Bearer <token>";
    Refusal::new(Code::TokenMalformed, detail).because(reason)
}

/// The reason goes to the trail; of it the caller learns the code alone.
fn refusal(rejection: &Rejection) -> Refusal {
    let refusal = match rejection {
        Rejection::Malformed(_) => return malformed(rejection.reason()),
        Rejection::Rejected(_) => {
            let detail =
                "the token is not accepted here; get one from the company's sign-on for this service";
            Refusal::new(Code::TokenRejected, detail)
        }
        Rejection::Expired => Refusal::new(Code::TokenExpired, "get a new token and send the request again"),
        Rejection::NotYetValid => {
            Refusal::new(Code::TokenNotYetValid, "the token starts in the future; check the clocks, or wait")
        }
        Rejection::KeyPending(wait) => {
            let detail = "the sign-on's keys have to be fetched anew for this token, which is not done that often; \
                          the token may be good, so keep it and try again";
            Refusal::new(Code::KeysUnavailable, detail).retry_after(*wait)
        }
        Rejection::KeyUnknown(_) | Rejection::SuccessorUnknown(_) | Rejection::KeysUnavailable => {
            keys_unavailable()
        }
    };
    refusal.because(rejection.reason())
}

fn keys_unavailable() -> Refusal {
    let detail = "the sign-on's keys cannot be fetched; the token may be good, so keep it and try again";
    Refusal::new(Code::KeysUnavailable, detail).retry_after(Duration::from_secs(5))
}

/// Puts `authn` before the stages behind it.
pub fn layer<S>(authn: Authn) -> impl Layer<S, Service = AuthnService<S>> {
    let authn = Rc::new(authn);
    layer_fn(move |inner| AuthnService { authn: Rc::clone(&authn), inner })
}

/// [`Authn`] before the stages behind it.
#[derive(Clone, Debug)]
pub struct AuthnService<S> {
    authn: Rc<Authn>,
    inner: S,
}

fn authenticated<B>(request: Routed<B>, caller: Rc<Caller>) -> Authenticated<B> {
    let (entry, head, target, body) = request.into_parts();
    entry.authenticated(&caller);
    Authenticated { entry, head, target, body, caller }
}

impl<B, S> Service<Routed<B>> for AuthnService<S>
where
    B: 'static,
    S: Service<Authenticated<B>, Response = Reply, Error = Refusal> + Clone + 'static,
{
    type Response = Reply;
    type Error = Refusal;
    type Future = Deciding<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Refusal>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Routed<B>) -> Self::Future {
        match self.authn.check(&request) {
            Ok(caller) => passed(self.inner.call(authenticated(request, caller))),
            Err(Stopped::Refused(refusal)) => refused(refusal),
            Err(Stopped::UnknownKey { issuer, checked }) => {
                let (authn, mut inner) = (Rc::clone(&self.authn), take_ready(&mut self.inner));
                waiting(async move {
                    let caller = authn.check_again(&request, issuer, checked).await?;
                    inner.call(authenticated(request, caller)).await
                })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use http::{Method, Version};

    use super::*;

    fn credential_of(values: &[&'static str], query_token: bool) -> Result<String, Code> {
        let mut head = Head::new(Method::GET, Version::HTTP_11, b"/", 0).unwrap();
        for value in values {
            head.push(Field::Authorization, value.as_bytes());
        }
        let token = credential(&head, query_token).and_then(text);
        token.map(str::to_owned).map_err(|refusal| refusal.code)
    }

    #[test]
    fn one_bearer_token_is_a_credential() {
        assert_eq!(credential_of(&["Bearer a.b.c"], false), Ok("a.b.c".into()));
        assert_eq!(credential_of(&["bearer   a.b.c "], false), Ok("a.b.c".into()));
    }

    #[test]
    fn anything_else_is_not() {
        assert_eq!(credential_of(&[], false), Err(Code::TokenMissing));
        assert_eq!(credential_of(&[], true), Err(Code::TokenMissing));
        for values in [
            &["Basic dTpw"][..],
            &["Bearer \u{e9}"],
            &["Bearer"],
            &["a.b.c"],
            &["Bearer a.b.c", "Bearer a.b.c"],
        ] {
            assert_eq!(credential_of(values, false), Err(Code::TokenMalformed), "{values:?}");
        }
        assert_eq!(credential_of(&["Bearer a.b.c"], true), Err(Code::TokenMalformed));
    }
}
