//! What the vendor's page says about a conference before anybody is in it: fields, types, defaults and limits.

use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::domain::UserName;

/// The vendor's default for `confrDelayMillis`.
pub(super) const DEFAULT_DELAY: Duration = Duration::from_secs(150);
/// The longest delay that the sandbox keeps. The vendor advises 60 min and names no bound.
const MAX_DELAY: Duration = Duration::from_hours(24);
/// The most people that one kind of place takes, whatever the request says: memory is bounded.
const MAX_PLACES: usize = 10_000;

/// A request's body that is not taken.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unreadable {
    /// No JSON.
    Syntax(String),
    /// JSON, but a field has a type or value that it must not have.
    Content(String),
}

/// Reads a JSON object; nothing at all is the empty object.
pub(super) fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Unreadable> {
    let body = if body.is_empty() { b"{}" } else { body };
    // By way of a map, since serde would take an array for a struct, too.
    let value: Value = serde_json::from_slice(body).map_err(|error| Unreadable::Syntax(error.to_string()))?;
    let fields: Map<String, Value> = match value {
        Value::Object(fields) => fields,
        _ => return Err(Unreadable::Content("the body must be a JSON object".into())),
    };
    T::deserialize(Value::Object(fields)).map_err(|error| Unreadable::Content(error.to_string()))
}

/// `confrType`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "i64", into = "u8")]
pub(super) enum ConferenceType {
    /// 10: the default, which is a guess.
    #[default]
    Normal,
    /// 11: everybody is a talker.
    Large,
    /// 12.
    Live,
}

impl TryFrom<i64> for ConferenceType {
    type Error = &'static str;

    fn try_from(number: i64) -> Result<Self, Self::Error> {
        match number {
            10 => Ok(Self::Normal),
            11 => Ok(Self::Large),
            12 => Ok(Self::Live),
            _ => Err("confrType must be 10, 11 or 12"),
        }
    }
}

impl From<ConferenceType> for u8 {
    fn from(kind: ConferenceType) -> Self {
        match kind {
            ConferenceType::Normal => 10,
            ConferenceType::Large => 11,
            ConferenceType::Live => 12,
        }
    }
}

/// What a member may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "i64", into = "u8")]
pub(super) enum Role {
    /// 1: listens.
    Audience,
    /// 3: speaks.
    Talker,
    /// 7: speaks and governs.
    Admin,
}

impl TryFrom<i64> for Role {
    type Error = &'static str;

    fn try_from(number: i64) -> Result<Self, Self::Error> {
        match number {
            1 => Ok(Self::Audience),
            3 => Ok(Self::Talker),
            7 => Ok(Self::Admin),
            _ => Err("a role must be 1, 3 or 7"),
        }
    }
}

impl From<Role> for u8 {
    fn from(role: Role) -> Self {
        match role {
            Role::Audience => 1,
            Role::Talker => 3,
            Role::Admin => 7,
        }
    }
}

impl ConferenceType {
    /// The role of whoever joins with id and password, where the request names none.
    fn default_role(self) -> Role {
        match self {
            Self::Normal | Self::Large => Role::Talker,
            Self::Live => Role::Audience,
        }
    }

    /// Type 10 as in the vendor's sample; the others are guesses, but for the missing audience of type 11.
    fn default_limits(self) -> Limits {
        let (talkers, audience) = match self {
            Self::Normal | Self::Live => (6, 600),
            Self::Large => (30, 0),
        };
        Limits { talkers, audience }
    }

    /// The role that is given when `wanted` is asked for.
    pub(super) fn role(self, wanted: Role) -> Role {
        match (self, wanted) {
            (Self::Large, Role::Audience) => Role::Talker,
            (_, role) => role,
        }
    }
}

/// How many may be in at a time. Admins count as talkers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Limits {
    pub(super) talkers: usize,
    pub(super) audience: usize,
}

/// The body of a create, as sent. Fields of other names are passed over.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "some fields are only checked for their type")]
struct CreateFields {
    confr_type: Option<ConferenceType>,
    password: Option<String>,
    confr_delay_millis: Option<i64>,
    mem_default_role: Option<Role>,
    allow_audience_talk: Option<bool>,
    creator: Option<String>,
    rec: Option<bool>,
    rec_merge: Option<bool>,
    confr_id: Option<String>,
    support_wechat_mini_program: Option<bool>,
    use_v_codes: Option<Vec<Value>>,
    max_talker_count: Option<usize>,
    max_video_count: Option<usize>,
    max_audience_count: Option<usize>,
}

/// A conference as ordered, with the vendor's defaults in the gaps.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Plan {
    pub(super) kind: ConferenceType,
    /// None: to be generated. The empty one, which real clients send, counts as none; a guess.
    pub(super) password: Option<String>,
    pub(super) delay: Duration,
    pub(super) default_role: Role,
    pub(super) allow_audience_talk: bool,
    pub(super) creator: Option<UserName>,
    pub(super) rec: bool,
    pub(super) rec_merge: bool,
    pub(super) limits: Limits,
}

impl Plan {
    /// Reads a create's body.
    pub(super) fn read(body: &[u8]) -> Result<Self, Unreadable> {
        let fields: CreateFields = read(body)?;
        let kind = fields.confr_type.unwrap_or_default();
        let creator = fields.creator.filter(|name| !name.is_empty());
        let creator = creator.map(|name| UserName::parse(&name)).transpose();
        Ok(Self {
            kind,
            password: fields.password.filter(|password| !password.is_empty()),
            delay: delay(fields.confr_delay_millis)?,
            default_role: kind.role(fields.mem_default_role.unwrap_or(kind.default_role())),
            allow_audience_talk: fields.allow_audience_talk.unwrap_or(false),
            creator: creator.map_err(|error| Unreadable::Content(format!("creator: {error}")))?,
            rec: fields.rec.unwrap_or(false),
            rec_merge: fields.rec_merge.unwrap_or(false),
            limits: limits(kind, fields.max_talker_count, fields.max_audience_count),
        })
    }
}

fn delay(millis: Option<i64>) -> Result<Duration, Unreadable> {
    let Some(millis) = millis else {
        return Ok(DEFAULT_DELAY);
    };
    match u64::try_from(millis).map(Duration::from_millis) {
        Ok(delay) if (Duration::from_millis(1)..=MAX_DELAY).contains(&delay) => Ok(delay),
        _ => Err(Unreadable::Content("confrDelayMillis must be 1 to 86400000".into())),
    }
}

fn limits(kind: ConferenceType, talkers: Option<usize>, audience: Option<usize>) -> Limits {
    let default = kind.default_limits();
    let places = |asked: Option<usize>, default| asked.filter(|&n| n > 0).unwrap_or(default).min(MAX_PLACES);
    Limits {
        talkers: places(talkers, default.talkers),
        audience: match kind {
            ConferenceType::Large => 0,
            ConferenceType::Normal | ConferenceType::Live => places(audience, default.audience),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_is_optional() {
        let plan = Plan::read(b"").unwrap();
        assert_eq!(plan, Plan::read(b"{}").unwrap());
        assert_eq!(plan.kind, ConferenceType::Normal);
        assert_eq!(plan.delay, DEFAULT_DELAY);
        assert_eq!(plan.default_role, Role::Talker);
        assert_eq!(plan.limits, Limits { talkers: 6, audience: 600 });
        assert_eq!((plan.password, plan.creator), (None, None));
    }

    #[test]
    fn the_default_role_follows_the_type() {
        let role = |body: &str| Plan::read(body.as_bytes()).unwrap().default_role;
        assert_eq!(role(r#"{"confrType":11}"#), Role::Talker);
        assert_eq!(role(r#"{"confrType":12}"#), Role::Audience);
        assert_eq!(role(r#"{"confrType":12,"memDefaultRole":7}"#), Role::Admin);
        assert_eq!(role(r#"{"confrType":11,"memDefaultRole":1}"#), Role::Talker);
    }

    #[test]
    fn wrong_types_and_values_are_told_from_what_is_no_json() {
        for body in [
            r#"{"confrType":"10"}"#,
            r#"{"confrType":13}"#,
            r#"{"confrType":10.5}"#,
            r#"{"password":1}"#,
            r#"{"confrDelayMillis":0}"#,
            r#"{"confrDelayMillis":-1}"#,
            r#"{"confrDelayMillis":86400001}"#,
            r#"{"memDefaultRole":2}"#,
            r#"{"allowAudienceTalk":"true"}"#,
            r#"{"creator":"a/b"}"#,
            r#"{"rec":1}"#,
            r#"{"useVCodes":"VP8"}"#,
            r#"{"maxTalkerCount":-1}"#,
            "[]",
            "null",
        ] {
            assert!(matches!(Plan::read(body.as_bytes()), Err(Unreadable::Content(_))), "{body}");
        }
        assert!(matches!(Plan::read(b"{"), Err(Unreadable::Syntax(_))));
    }

    #[test]
    fn limits_can_be_asked_for_up_to_the_bound() {
        let body = br#"{"maxTalkerCount":2,"maxAudienceCount":999999}"#;
        assert_eq!(Plan::read(body).unwrap().limits, Limits { talkers: 2, audience: 10_000 });
        let body = br#"{"confrType":11,"maxAudienceCount":5}"#;
        assert_eq!(Plan::read(body).unwrap().limits.audience, 0);
    }
}
