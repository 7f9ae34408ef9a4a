//! The control API under `/_sandbox`: what a test or a developer does to the vendor from behind the scenes.
//! `help.txt` describes it to its users.

use std::collections::BTreeMap;

use http::{Method, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::time::Instant;

use super::answer::Answer;
use super::conference::Conference;
use super::fault::Order;
use super::rules::{ConferenceType, Role, Unreadable, read};
use super::world::{App, MAX_TOKEN_LIFETIME, World};
use crate::domain::UserName;

const HELP: &str = include_str!("help.txt");

/// A request that the control API does not take: status and what to do about it.
struct Problem(StatusCode, String);

type Result<T = Answer> = std::result::Result<T, Problem>;

impl Problem {
    fn bad(detail: impl Into<String>) -> Self {
        Self(StatusCode::BAD_REQUEST, detail.into())
    }

    fn unknown(what: &str, name: &str) -> Self {
        Self(StatusCode::NOT_FOUND, format!("there is no {what} {name:?}"))
    }
}

/// Answers a request whose path, less `/_sandbox`, is `path`.
pub(super) fn answer(world: &mut World, method: &Method, path: &str, body: &[u8], now: Instant) -> Answer {
    world.advance(now);
    let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
    let result = match segments.as_slice() {
        [] if method == Method::GET => Ok(Answer::text(HELP)),
        ["conferences", rest @ ..] => conferences(world, method, rest, body, now),
        ["faults", rest @ ..] => faults(world, method, rest, body),
        ["apps", rest @ ..] => apps(world, method, rest, body, now),
        ["tokens"] if method == Method::DELETE => Ok(revoke(world, now)),
        ["settings"] => settings(world, method, body),
        ["calls"] if method == Method::GET => Ok(Answer::ok(&world.counts)),
        ["reset"] if method == Method::POST => Ok(reset(world)),
        _ => Err(nothing_here()),
    };
    result.unwrap_or_else(|Problem(status, detail)| Answer::json(status, &json!({ "error": detail })))
}

fn nothing_here() -> Problem {
    let detail = "there is nothing at this method and path; GET /_sandbox lists what there is";
    Problem(StatusCode::NOT_FOUND, detail.into())
}

/// A list under its name. Not by `json!`, which would sort each item's fields.
fn listing<T: Serialize>(name: &str, items: &[T]) -> Answer {
    Answer::ok(&BTreeMap::from([(name, items)]))
}

fn parse<T: serde::de::DeserializeOwned>(body: &[u8]) -> Result<T> {
    read(body).map_err(|problem| match problem {
        Unreadable::Syntax(problem) => Problem::bad(format!("the body is not JSON: {problem}")),
        Unreadable::Content(problem) => Problem::bad(problem),
    })
}

fn conferences(world: &mut World, method: &Method, rest: &[&str], body: &[u8], now: Instant) -> Result {
    match (method.as_str(), rest) {
        ("GET", []) => {
            let of = |app| App::conferences_view(app, now);
            let views: Vec<_> = world.apps.iter().flat_map(of).collect();
            Ok(listing("conferences", &views))
        }
        ("GET", [id]) => view(find(world, id)?, id, now),
        ("POST", [id, "members"]) => {
            let join = parse(body)?;
            let app = find(world, id)?;
            match app.conferences.join(id, &join) {
                Ok(Ok(())) => view(app, id, now),
                Ok(Err(refused)) => Err(Problem(refused.status(), refused.to_string())),
                Err(_) => Err(Problem::unknown("conference", id)),
            }
        }
        ("DELETE", [id, "members", user]) => match find(world, id)?.conferences.leave(id, user) {
            Ok(true) => Ok(Answer::ok(&json!({ "left": user }))),
            Ok(false) => Err(Problem::unknown("member", user)),
            Err(_) => Err(Problem::unknown("conference", id)),
        },
        _ => Err(nothing_here()),
    }
}

/// The application that has the conference: no two ids are alike.
fn find<'a>(world: &'a mut World, id: &str) -> Result<&'a mut App> {
    let has = |app: &&mut App| app.conferences.find(id).is_ok();
    world.apps.iter_mut().find(has).ok_or_else(|| Problem::unknown("conference", id))
}

fn view(app: &App, id: &str, now: Instant) -> Result {
    match app.conferences.find(id) {
        Ok(conference) => Ok(Answer::ok(&ConferenceView::of(app, conference, now))),
        Err(_) => Err(Problem::unknown("conference", id)),
    }
}

fn faults(world: &mut World, method: &Method, rest: &[&str], body: &[u8]) -> Result {
    match (method.as_str(), rest) {
        ("GET", []) => Ok(listing("faults", world.faults.list())),
        ("POST", []) => {
            let order: Order = parse(body)?;
            let listed = world.faults.add(order).map_err(Problem::bad)?;
            Ok(Answer::json(StatusCode::CREATED, listed))
        }
        ("DELETE", []) => {
            world.faults.clear_all();
            Ok(Answer::ok(&json!({ "faults": [] })))
        }
        ("DELETE", [id]) => match id.parse() {
            Ok(number) if world.faults.clear(number) => Ok(Answer::ok(&json!({ "cleared": number }))),
            _ => Err(Problem::unknown("fault", id)),
        },
        _ => Err(nothing_here()),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AppChange {
    service_open: bool,
}

fn apps(world: &mut World, method: &Method, rest: &[&str], body: &[u8], now: Instant) -> Result {
    match (method.as_str(), rest) {
        ("GET", []) => {
            let apps: Vec<_> = world.apps.iter().map(|app| app.view(now)).collect();
            Ok(listing("apps", &apps))
        }
        ("PATCH", [org, name]) => {
            let change: AppChange = parse(body)?;
            let app = world.app_mut(org, name);
            let app = app.ok_or_else(|| Problem::unknown("app", &format!("{org}/{name}")))?;
            app.service_open = change.service_open;
            Ok(Answer::ok(&app.view(now)))
        }
        _ => Err(nothing_here()),
    }
}

fn revoke(world: &mut World, now: Instant) -> Answer {
    let revoked: usize = world.apps.iter_mut().map(|app| app.tokens.revoke(now)).sum();
    Answer::ok(&json!({ "revoked": revoked }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SettingsChange {
    token_lifetime_s: Option<u64>,
    members_in_get: Option<bool>,
    calls_per_second: Option<u32>,
}

fn settings(world: &mut World, method: &Method, body: &[u8]) -> Result {
    match method.as_str() {
        "GET" => {}
        "PATCH" => {
            let change: SettingsChange = parse(body)?;
            let longest = MAX_TOKEN_LIFETIME.as_secs();
            if change.token_lifetime_s.is_some_and(|seconds| !(1..=longest).contains(&seconds)) {
                return Err(Problem::bad(format!("token_lifetime_s must be 1 to {longest}")));
            }
            let settings = &mut world.settings;
            settings.token_lifetime_s = change.token_lifetime_s.unwrap_or(settings.token_lifetime_s);
            settings.members_in_get = change.members_in_get.unwrap_or(settings.members_in_get);
            settings.calls_per_second = change.calls_per_second.unwrap_or(settings.calls_per_second);
        }
        _ => return Err(nothing_here()),
    }
    Ok(Answer::ok(&world.settings))
}

fn reset(world: &mut World) -> Answer {
    world.reset();
    Answer::ok(&json!({ "reset": true }))
}

#[derive(Serialize)]
struct AppView {
    app: String,
    service_open: bool,
    conferences: usize,
    live_tokens: usize,
}

/// A conference as it is, with what the vendor's own get does not tell.
#[derive(Serialize)]
struct ConferenceView<'a> {
    id: &'a str,
    app: String,
    #[serde(rename = "type")]
    kind: ConferenceType,
    password: &'a str,
    creator: Option<&'a UserName>,
    default_role: Role,
    allow_audience_talk: bool,
    talker_limit: usize,
    audience_limit: usize,
    rec: bool,
    rec_merge: bool,
    /// Until it is dissolved if nobody joins; null once somebody has.
    dissolves_in_ms: Option<u64>,
    members: Vec<MemberView<'a>>,
}

#[derive(Serialize)]
struct MemberView<'a> {
    id: &'a str,
    user: &'a UserName,
    role: Role,
}

impl App {
    fn view(&self, now: Instant) -> AppView {
        AppView {
            app: self.path(),
            service_open: self.service_open,
            conferences: self.conferences.iter().count(),
            live_tokens: self.tokens.live(now),
        }
    }

    fn conferences_view(&self, now: Instant) -> Vec<ConferenceView<'_>> {
        let view = |conference| ConferenceView::of(self, conference, now);
        let mut views: Vec<_> = self.conferences.iter().map(view).collect();
        views.sort_by_key(|view| view.id);
        views
    }
}

impl<'a> ConferenceView<'a> {
    fn of(app: &App, conference: &'a Conference, now: Instant) -> Self {
        let left = conference.deadline.map(|deadline| deadline.saturating_duration_since(now));
        let member = |member: &'a super::conference::Member| MemberView {
            id: &member.id,
            user: &member.user,
            role: member.role,
        };
        Self {
            id: conference.id.as_str(),
            app: app.path(),
            kind: conference.plan.kind,
            password: &conference.password,
            creator: conference.plan.creator.as_ref(),
            default_role: conference.plan.default_role,
            allow_audience_talk: conference.plan.allow_audience_talk,
            talker_limit: conference.plan.limits.talkers,
            audience_limit: conference.plan.limits.audience,
            rec: conference.plan.rec,
            rec_merge: conference.plan.rec_merge,
            dissolves_in_ms: left.and_then(|left| u64::try_from(left.as_millis()).ok()),
            members: conference.members.iter().map(member).collect(),
        }
    }
}
