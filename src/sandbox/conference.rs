//! One conference: who is in, who may come in, and when it ends.

use http::StatusCode;
use jiff::Timestamp;
use jiff::tz::{Offset, TimeZone};
use serde::Deserialize;
use tokio::time::Instant;

use super::generate;
use super::rules::{Plan, Role};
use crate::domain::{ConferenceId, UserName};

/// A conference that lives.
pub(super) struct Conference {
    pub(super) id: ConferenceId,
    pub(super) plan: Plan,
    pub(super) password: String,
    /// When it is dissolved if nobody has joined by then: on the clock that people read.
    pub(super) expires: Timestamp,
    /// The same on the clock that runs evenly; none once somebody has joined.
    pub(super) deadline: Option<Instant>,
    /// In the order in which they came.
    pub(super) members: Vec<Member>,
}

/// Somebody who is in.
pub(super) struct Member {
    pub(super) id: String,
    pub(super) user: UserName,
    pub(super) role: Role,
}

/// Who wants in: the control API's body for it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Join {
    user: String,
    /// Checked where it is given: whoever drives the control API may leave it out.
    password: Option<String>,
    /// In place of the role that the conference gives; for somebody who is in already, the role to change to.
    role: Option<Role>,
}

/// Somebody who stays out.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum JoinRefused {
    #[error("user: {0}")]
    User(#[from] crate::domain::InvalidName),
    #[error("the password is wrong")]
    Password,
    #[error("the conference is full: talkerLimit is {0}")]
    TalkersFull(usize),
    #[error("the conference is full: audienceLimit is {0}")]
    AudienceFull(usize),
    #[error("allowAudienceTalk is false: the audience may not become talkers")]
    AudienceMayNotTalk,
}

impl JoinRefused {
    /// The control API's status for it.
    pub(super) fn status(&self) -> StatusCode {
        match self {
            Self::User(_) => StatusCode::BAD_REQUEST,
            Self::Password | Self::AudienceMayNotTalk => StatusCode::FORBIDDEN,
            Self::TalkersFull(_) | Self::AudienceFull(_) => StatusCode::CONFLICT,
        }
    }
}

impl Conference {
    /// A new one, empty.
    pub(super) fn new(id: ConferenceId, mut plan: Plan, now: Instant) -> Self {
        Self {
            id,
            password: plan.password.take().unwrap_or_else(generate::password),
            expires: Timestamp::now().saturating_add(plan.delay).unwrap_or(Timestamp::MAX),
            deadline: Some(now + plan.delay),
            plan,
            members: Vec::new(),
        }
    }

    /// `expireDate` as the vendor writes it: without a zone, presumably China's (+08:00).
    pub(super) fn expire_date(&self) -> String {
        let zone = TimeZone::fixed(Offset::constant(8));
        self.expires.to_zoned(zone).strftime("%Y-%m-%d %H:%M:%S").to_string()
    }

    /// Lets somebody in, or changes the role of somebody who is in, within the limits.
    pub(super) fn join(&mut self, join: &Join) -> Result<Role, JoinRefused> {
        let user = UserName::parse(&join.user)?;
        if join.password.as_ref().is_some_and(|password| *password != self.password) {
            return Err(JoinRefused::Password);
        }
        let position = self.members.iter().position(|member| member.user == user);
        let current = position.and_then(|index| self.members.get(index)).map(|member| member.role);
        let role = self.role_for(&user, join.role, current)?;
        self.deadline = None;
        if let Some(member) = position.and_then(|index| self.members.get_mut(index)) {
            member.role = role;
        } else {
            let id = generate::member_id();
            self.members.push(Member { id, user, role });
        }
        Ok(role)
    }

    fn role_for(
        &self,
        user: &UserName,
        asked: Option<Role>,
        current: Option<Role>,
    ) -> Result<Role, JoinRefused> {
        let is_creator = self.plan.creator.as_ref() == Some(user);
        let given = if is_creator { Role::Admin } else { self.plan.default_role };
        let role = self.plan.kind.role(asked.or(current).unwrap_or(given));
        let is_audience = |role| role == Role::Audience;
        match current {
            Some(current) if is_audience(current) == is_audience(role) => return Ok(role),
            Some(Role::Audience) if !self.plan.allow_audience_talk => {
                return Err(JoinRefused::AudienceMayNotTalk);
            }
            _ => {}
        }
        let taken =
            self.members.iter().filter(|member| is_audience(member.role) == is_audience(role)).count();
        let limits = self.plan.limits;
        if is_audience(role) && taken >= limits.audience {
            Err(JoinRefused::AudienceFull(limits.audience))
        } else if !is_audience(role) && taken >= limits.talkers {
            Err(JoinRefused::TalkersFull(limits.talkers))
        } else {
            Ok(role)
        }
    }

    /// Takes somebody out, whoever asked for it. False where no such user is in.
    pub(super) fn leave(&mut self, user: &str) -> bool {
        let before = self.members.len();
        self.members.retain(|member| !member.user.as_str().eq_ignore_ascii_case(user));
        self.members.len() < before
    }

    /// Whether it has had its time: somebody had joined, and all have left.
    pub(super) fn is_deserted(&self) -> bool {
        self.deadline.is_none() && self.members.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn conference(body: &str) -> Conference {
        let plan = Plan::read(body.as_bytes()).unwrap();
        Conference::new(ConferenceId::parse("C").unwrap(), plan, Instant::now())
    }

    fn join(conference: &mut Conference, body: &str) -> Result<Role, JoinRefused> {
        let join = serde_json::from_str(body).unwrap();
        conference.join(&join)
    }

    #[test]
    fn the_creator_becomes_admin_whatever_the_case_of_the_name() {
        let mut conference = conference(r#"{"creator":"HuangCL","confrType":12}"#);
        assert_eq!(join(&mut conference, r#"{"user":"huangcl"}"#), Ok(Role::Admin));
        assert_eq!(join(&mut conference, r#"{"user":"yangss"}"#), Ok(Role::Audience));
        assert!(conference.leave("HUANGCL") && !conference.leave("huangcl"));
    }

    #[test]
    fn a_given_password_must_be_right() {
        let mut conference = conference(r#"{"password":"sesame"}"#);
        assert_eq!(join(&mut conference, r#"{"user":"a","password":"x"}"#), Err(JoinRefused::Password));
        assert_eq!(join(&mut conference, r#"{"user":"a","password":"sesame"}"#), Ok(Role::Talker));
        assert_eq!(join(&mut conference, r#"{"user":"b"}"#), Ok(Role::Talker));
    }

    #[test]
    fn each_kind_of_place_has_its_limit() {
        let mut conference = conference(r#"{"confrType":12,"maxTalkerCount":1,"maxAudienceCount":1}"#);
        assert_eq!(join(&mut conference, r#"{"user":"a"}"#), Ok(Role::Audience));
        assert_eq!(join(&mut conference, r#"{"user":"b"}"#), Err(JoinRefused::AudienceFull(1)));
        assert_eq!(join(&mut conference, r#"{"user":"b","role":7}"#), Ok(Role::Admin));
        assert_eq!(join(&mut conference, r#"{"user":"c","role":3}"#), Err(JoinRefused::TalkersFull(1)));
        assert_eq!(join(&mut conference, r#"{"user":"a"}"#), Ok(Role::Audience), "is in already");
        assert_eq!(conference.members.len(), 2);
    }

    #[test]
    fn the_audience_may_talk_only_where_that_is_allowed() {
        for (allowed, expected) in
            [("true", Ok(Role::Talker)), ("false", Err(JoinRefused::AudienceMayNotTalk))]
        {
            let body = format!(r#"{{"confrType":12,"allowAudienceTalk":{allowed}}}"#);
            let mut conference = conference(&body);
            join(&mut conference, r#"{"user":"a"}"#).unwrap();
            assert_eq!(join(&mut conference, r#"{"user":"a","role":3}"#), expected);
        }
    }

    #[test]
    fn it_is_deserted_only_after_somebody_was_in() {
        let mut conference = conference("{}");
        assert!(!conference.is_deserted());
        join(&mut conference, r#"{"user":"a"}"#).unwrap();
        conference.leave("a");
        assert!(conference.is_deserted());
    }

    #[test]
    fn the_expiry_is_written_in_chinas_time() {
        let mut conference = conference("{}");
        conference.expires = "2019-06-14T07:41:58Z".parse().unwrap();
        assert_eq!(conference.expire_date(), "2019-06-14 15:41:58");
    }
}
