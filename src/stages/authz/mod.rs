//! Decides whether this caller may do this. Takes [`Limited`], hands on [`Authorized`], refuses with `scope_missing`,
//! `tenant_unknown` (a foreign app in the path), `creator_forbidden`, and what can be wrong with a body. Stands last
//! before the vendor's side: whatever comes out of it is well-formed, typed, and allowed.

mod body;
mod creator;

use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::Body;
use tower::layer::layer_fn;
use tower::{Layer, Service};

use self::body::{read_json, refuse_body};
use super::audit::Entry;
use super::deciding::{Deciding, passed, refused, take_ready, waiting};
use super::limit::Limited;
use super::reply::Reply;
use super::route::Target;
use crate::domain::{Action, Call, Code, CreateConference, CreateFault, CreateRules, Refusal};
use crate::limits::InFlightGuard;
use crate::tenancy::{App, Caller};

/// One scope per right (RFC 6749, section 3.3). Two rights may share one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActionScopes {
    /// To create a conference.
    pub create: Arc<str>,
    /// To read one.
    pub get: Arc<str>,
    /// To end one.
    pub dissolve: Arc<str>,
    /// To remove somebody from one.
    pub kick: Arc<str>,
    /// To name somebody else as the creator, in addition to `create`.
    pub create_for_others: Arc<str>,
}

impl ActionScopes {
    /// The scope that `action` needs.
    pub fn needed_for(&self, action: Action) -> &Arc<str> {
        match action {
            Action::Create => &self.create,
            Action::Get => &self.get,
            Action::Dissolve => &self.dissolve,
            Action::Kick => &self.kick,
        }
    }
}

/// What the stage needs to know.
#[derive(Clone, Debug)]
pub struct AuthzConfig {
    /// A scope for each action.
    pub scopes: ActionScopes,
    /// Bounds of a create's fields.
    pub create: CreateRules,
    /// The longest body, in bytes.
    pub max_body_bytes: usize,
}

/// A call that the caller may make, with nothing of the caller's bytes left in it that was not understood.
#[derive(Debug)]
pub struct Authorized {
    entry: Rc<Entry>,
    caller: Rc<Caller>,
    call: Call<CreateConference>,
    in_flight: InFlightGuard,
}

impl Authorized {
    pub(super) fn entry(&self) -> &Rc<Entry> {
        &self.entry
    }

    /// The app that the call goes to.
    pub(super) fn app(&self) -> &App {
        &self.caller.tenant.app
    }

    pub(super) fn call(&self) -> &Call<CreateConference> {
        &self.call
    }

    pub(super) fn into_parts(self) -> (Rc<Entry>, Rc<Caller>, Call<CreateConference>, InFlightGuard) {
        (self.entry, self.caller, self.call, self.in_flight)
    }
}

impl AuthzConfig {
    /// What can be decided without the body.
    fn check(&self, caller: &Caller, target: &Target) -> Result<(), Refusal> {
        let needed = self.scopes.needed_for(target.call.action());
        if !caller.principal.scopes.grants(needed) {
            return Err(Refusal::new(Code::ScopeMissing, format!("the token needs the scope {needed}"))
                .needing(Arc::clone(needed)));
        }
        let app = &caller.tenant.app;
        match &target.named_app {
            Some((org, name)) if *org != app.org || *name != app.app => {
                let detail = "the path names an org or app that is not this tenant's; use /conferences";
                Err(Refusal::new(Code::TenantUnknown, detail)
                    .because(format!("the path names {org}/{name}, the tenant has {}", app.key)))
            }
            _ => Ok(()),
        }
    }

    /// What the body of a create says, with the creator that it will have.
    fn create(&self, caller: &Caller, body: &[u8]) -> Result<CreateConference, Refusal> {
        let asked = CreateConference::parse(body, &self.create).map_err(|fault| match fault {
            CreateFault::Malformed(detail) => Refusal::new(Code::BodyMalformed, detail),
            CreateFault::Invalid(errors) => {
                Refusal::new(Code::BodyInvalid, "see errors for each field that is wrong").with_errors(errors)
            }
        })?;
        creator::settle(asked, &caller.principal, &self.scopes.create_for_others)
    }
}

/// Puts the stage before those behind it. It decides by `config`.
pub fn layer<S>(config: AuthzConfig) -> impl Layer<S, Service = Authz<S>> {
    let config = Rc::new(config);
    layer_fn(move |inner| Authz { config: Rc::clone(&config), inner })
}

/// The stage.
#[derive(Clone, Debug)]
pub struct Authz<S> {
    config: Rc<AuthzConfig>,
    inner: S,
}

impl<B, S> Service<Limited<B>> for Authz<S>
where
    B: Body<Data = Bytes> + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    S: Service<Authorized, Response = Reply, Error = Refusal> + Clone + 'static,
{
    type Response = Reply;
    type Error = Refusal;
    type Future = Deciding<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Refusal>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, input: Limited<B>) -> Self::Future {
        let (authenticated, in_flight) = input.into_parts();
        let (entry, head, target, body, caller) = authenticated.into_parts();
        if let Err(refusal) = self.config.check(&caller, &target) {
            return refused(refusal);
        }
        let call = match target.call {
            Call::Create(()) => {
                let (config, mut inner) = (Rc::clone(&self.config), take_ready(&mut self.inner));
                return waiting(async move {
                    let body = read_json(&head, body, config.max_body_bytes, entry.deadline()).await?;
                    let create = config.create(&caller, &body)?;
                    entry.creates_for(create.creator());
                    let call = Call::Create(create);
                    inner.call(Authorized { entry, caller, call, in_flight }).await
                });
            }
            Call::Get(id) => Call::Get(id),
            Call::Dissolve(id) => Call::Dissolve(id),
            Call::Kick(id, user) => Call::Kick(id, user),
        };
        match refuse_body(&body) {
            Ok(()) => passed(self.inner.call(Authorized { entry, caller, call, in_flight })),
            Err(refusal) => refused(refusal),
        }
    }
}
