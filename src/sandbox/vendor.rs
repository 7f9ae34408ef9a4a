//! The vendor's own calls: the token endpoint and the four of the conference service.
//!
//! In the order in which a call is checked: application, token, service opened, conference.

use std::time::Duration;

use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::answer::{Answer, ConferenceError, PlatformError};
use super::call::{Call, Target};
use super::conference::{Conference, Member};
use super::conferences::{Full, Missing};
use super::rules::{ConferenceType, Plan, Role, Unreadable, read};
use super::world::{App, Settings, World};

/// What a call brings along.
pub(super) struct Request<'a> {
    /// The `Authorization` header, where there is one that is text.
    pub(super) authorization: Option<&'a str>,
    pub(super) body: &'a [u8],
}

/// Carries a call out.
pub(super) fn answer(world: &mut World, call: &Call, request: &Request, now: Instant) -> Answer {
    if call.target == Target::Unknown {
        return PlatformError::ResourceNotFound.answer("Service resource not found");
    }
    let settings = world.settings.clone();
    let Some(app) = world.app_mut(call.org, call.app) else {
        return application_not_found(call);
    };
    if app.is_over(call.kind(), settings.calls_per_second, now) {
        return PlatformError::ReachLimit.answer("This request has reached the api limit");
    }
    if call.target == Target::Token {
        return token(app, request.body, &settings, now);
    }
    if !bearer(request.authorization).is_some_and(|token| app.tokens.accepts(token, now)) {
        return PlatformError::Unauthorized.answer("Unable to authenticate (OAuth)");
    }
    if !app.service_open {
        return ConferenceError::NotOpened.answer();
    }
    match call.target {
        Target::Create => create(app, request.body, now),
        Target::Get(id) => get(app, id, &settings),
        Target::Dissolve(id) => app.conferences.dissolve(id).map_or_else(missing, |()| done()),
        // Whether somebody who is not in can be kicked is not documented: here it changes nothing.
        Target::Kick(id, user) => app.conferences.leave(id, user).map_or_else(missing, |_| done()),
        Target::Token | Target::Unknown => {
            PlatformError::ResourceNotFound.answer("Service resource not found")
        }
    }
}

fn application_not_found(call: &Call) -> Answer {
    let name = format!("{}/{}", call.org, call.app);
    PlatformError::ApplicationNotFound.answer(&format!("Could not find application for {name}"))
}

/// The token of `Authorization: Bearer …`; the scheme's case does not matter (RFC 9110, section 11.1).
fn bearer(authorization: Option<&str>) -> Option<&str> {
    let (scheme, token) = authorization?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}

#[derive(Deserialize)]
struct TokenRequest {
    grant_type: String,
    client_id: String,
    client_secret: String,
    /// Seconds.
    ttl: Option<u64>,
}

#[derive(Serialize)]
struct TokenBody {
    access_token: String,
    /// Seconds.
    expires_in: u64,
    application: String,
}

fn token(app: &mut App, body: &[u8], settings: &Settings, now: Instant) -> Answer {
    let request: TokenRequest = match read(body) {
        Ok(request) => request,
        Err(Unreadable::Syntax(problem)) => return PlatformError::JsonParse.answer(&problem),
        Err(Unreadable::Content(problem)) => return PlatformError::IllegalArgument.answer(&problem),
    };
    if request.grant_type != "client_credentials" {
        return PlatformError::IllegalArgument.answer("grant_type must be client_credentials");
    }
    if request.client_id != app.client_id {
        return PlatformError::InvalidGrant.answer("client_id does not match");
    }
    if request.client_secret != app.client_secret.expose_secret() {
        return PlatformError::InvalidGrant.answer("client_secret does not match");
    }
    // A ttl of 0 asks for a permanent token: the longest that there is here.
    let asked = request.ttl.filter(|&ttl| ttl > 0).unwrap_or(u64::MAX);
    let expires_in = asked.min(settings.token_lifetime_s);
    Answer::ok(&TokenBody {
        access_token: app.tokens.issue(Duration::from_secs(expires_in), now),
        expires_in,
        application: app.uuid.clone(),
    })
}

fn create(app: &mut App, body: &[u8], now: Instant) -> Answer {
    let plan = match Plan::read(body) {
        Ok(plan) => plan,
        Err(Unreadable::Syntax(problem)) => return PlatformError::JsonParse.answer(&problem),
        Err(Unreadable::Content(problem)) => return ConferenceError::BadParameters.describe(&problem),
    };
    match app.conferences.create(plan, now) {
        Ok(conference) => {
            let mut body = ConferenceBody::of(conference);
            body.expire_date = Some(conference.expire_date());
            Answer::ok(&body)
        }
        Err(Full) => PlatformError::Unavailable.answer("The sandbox holds no more conferences"),
    }
}

fn get(app: &App, id: &str, settings: &Settings) -> Answer {
    let conference = match app.conferences.find(id) {
        Ok(conference) => conference,
        Err(why) => return missing(why),
    };
    let mut body = ConferenceBody::of(conference);
    if settings.members_in_get {
        let member = |member| MemberBody::of(member, app);
        body.mems = Some(conference.members.iter().map(member).collect());
    }
    Answer::ok(&body)
}

fn missing(why: Missing) -> Answer {
    match why {
        Missing::Unknown => ConferenceError::NoSuchConference.answer(),
        Missing::Ended => ConferenceError::Dissolved.answer(),
    }
}

/// What dissolve and kick answer is not documented; this is what sister calls do.
fn done() -> Answer {
    #[derive(Serialize)]
    struct Done {
        error: i32,
    }
    Answer::ok(&Done { error: 0 })
}

/// Fields in the order of the vendor's sample.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ConferenceBody<'a> {
    error: i32,
    id: &'a str,
    #[serde(rename = "type")]
    kind: ConferenceType,
    mixed: bool,
    password: &'a str,
    audience_limit: usize,
    talker_limit: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    expire_date: Option<String>,
    allow_audience_talk: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    mems: Option<Vec<MemberBody<'a>>>,
}

impl<'a> ConferenceBody<'a> {
    fn of(conference: &'a Conference) -> Self {
        Self {
            error: 0,
            id: conference.id.as_str(),
            kind: conference.plan.kind,
            mixed: false,
            password: &conference.password,
            audience_limit: conference.plan.limits.audience,
            talker_limit: conference.plan.limits.talkers,
            expire_date: None,
            allow_audience_talk: conference.plan.allow_audience_talk,
            mems: None,
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct MemberBody<'a> {
    member_id: &'a str,
    /// `org#app_user`
    mem_name: String,
    role: Role,
}

impl<'a> MemberBody<'a> {
    fn of(member: &'a Member, app: &App) -> Self {
        Self {
            member_id: &member.id,
            mem_name: format!("{}#{}_{}", app.org, app.name, member.user),
            role: member.role,
        }
    }
}
