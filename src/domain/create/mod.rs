//! The body of a create: taken apart field by field and put together anew, so that nothing of a caller's bytes
//! reaches the vendor that was not understood.
//!
//! Every field may be left out, and so may the whole body: no bytes at all mean `{}`. What is absent stays
//! absent, because the vendor's own defaults are not ours to repeat. `null` is no way to leave a field out.

mod members;
mod reader;
mod rules;
#[cfg(test)]
mod tests;

use std::time::Duration;

use bytes::Bytes;
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use self::members::members;
use self::reader::Reader;
use super::{FieldError, UserName};

/// The most characters that a password may have.
pub const MAX_PASSWORD_CHARS: usize = 128;
/// The most codecs that `useVCodes` may name.
pub const MAX_CODECS: usize = 16;
/// The most characters that one codec's name may have.
pub const MAX_CODEC_CHARS: usize = 32;
/// The most that `maxTalkerCount`, `maxVideoCount` and `maxAudienceCount` may say. The vendor publishes no
/// limit; this one only keeps nonsense away.
pub const MAX_COUNT: i64 = 1_000_000;
/// The most faults of one body that are listed, so that a hostile body cannot ask for a huge answer.
pub const MAX_FAULTS: usize = 32;

/// What the operator allows in a create, beyond the vendor's own rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CreateRules {
    /// The least `confrDelayMillis`. It is there to catch seconds sent as milliseconds.
    pub min_delay: Duration,
    /// The greatest `confrDelayMillis`. The vendor advises one hour.
    pub max_delay: Duration,
}

/// For tests. What the gateway goes by is configured.
#[cfg(test)]
impl Default for CreateRules {
    /// 10 seconds to 1 hour.
    fn default() -> Self {
        Self { min_delay: Duration::from_secs(10), max_delay: Duration::from_hours(1) }
    }
}

/// Why a body is not a create. Neither variant repeats a string value of the body, and so never a password;
/// unknown members are named in their pointers.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CreateFault {
    /// No JSON object: says what is wrong, with line and column counted from 1.
    #[error("{0}")]
    Malformed(String),
    /// A JSON object with wrong members: every fault, at most [`MAX_FAULTS`].
    #[error("{} of the body's members are wrong", .0.len())]
    Invalid(Vec<FieldError>),
}

/// A create that the vendor may see.
#[derive(Clone, Debug)]
pub struct CreateConference {
    open: OpenFields,
    password: Option<SecretString>,
}

/// Every field but the password, so that what goes to the trail cannot hold it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct OpenFields {
    #[serde(skip_serializing_if = "Option::is_none")]
    confr_type: Option<ConferenceType>,
    #[serde(skip_serializing_if = "Option::is_none")]
    confr_delay_millis: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mem_default_role: Option<Role>,
    #[serde(skip_serializing_if = "Option::is_none")]
    allow_audience_talk: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    creator: Option<UserName>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rec: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rec_merge: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    support_wechat_mini_program: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    use_v_codes: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_talker_count: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_video_count: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_audience_count: Option<u32>,
    /// Some clients send `""`, and the vendor bears it. An id is the vendor's to give, so nothing else is taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    confr_id: Option<&'static str>,
}

/// `confrType`, by the vendor's numbers.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(into = "u8")]
enum ConferenceType {
    Normal = 10,
    Large = 11,
    Live = 12,
}

/// `memDefaultRole`, by the vendor's numbers.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(into = "u8")]
enum Role {
    Audience = 1,
    Talker = 3,
    Admin = 7,
}

impl From<ConferenceType> for u8 {
    fn from(kind: ConferenceType) -> Self {
        kind as Self
    }
}

impl From<Role> for u8 {
    fn from(role: Role) -> Self {
        role as Self
    }
}

impl CreateConference {
    /// Every field that a body may have, as the vendor spells it.
    pub const FIELDS: [&'static str; 14] = [
        "confrType",
        "password",
        "confrDelayMillis",
        "memDefaultRole",
        "allowAudienceTalk",
        "creator",
        "rec",
        "recMerge",
        "supportWechatMiniProgram",
        "useVCodes",
        "maxTalkerCount",
        "maxVideoCount",
        "maxAudienceCount",
        "confrId",
    ];

    /// Reads a body, whose size the caller has bounded. One pass finds every fault.
    pub fn parse(body: &[u8], rules: &CreateRules) -> Result<Self, CreateFault> {
        let mut body = Reader::new(members(body).map_err(CreateFault::Malformed)?);
        let password = body.field("password", rules::password);
        let open = OpenFields {
            confr_type: body.field("confrType", rules::conference_type),
            confr_delay_millis: body.field("confrDelayMillis", |value| rules::delay(value, rules)),
            mem_default_role: body.field("memDefaultRole", rules::role),
            allow_audience_talk: body.field("allowAudienceTalk", rules::boolean),
            creator: body.field("creator", rules::user_name),
            rec: body.field("rec", rules::boolean),
            rec_merge: body.field("recMerge", rules::boolean),
            support_wechat_mini_program: body.field("supportWechatMiniProgram", rules::boolean),
            use_v_codes: body.list("useVCodes", MAX_CODECS, rules::codec),
            max_talker_count: body.field("maxTalkerCount", rules::count),
            max_video_count: body.field("maxVideoCount", rules::count),
            max_audience_count: body.field("maxAudienceCount", rules::count),
            confr_id: body.field("confrId", rules::no_id),
        };
        body.finish().map_err(CreateFault::Invalid)?;
        Ok(Self { open, password })
    }

    /// Who becomes the conference's administrator, where the body says so.
    pub fn creator(&self) -> Option<&UserName> {
        self.open.creator.as_ref()
    }

    /// The same with another creator.
    pub fn with_creator(mut self, creator: UserName) -> Self {
        self.open.creator = Some(creator);
        self
    }

    /// What the vendor gets: the fields that were given and nothing else, `creator` in lower case.
    pub fn to_json(&self) -> Bytes {
        #[derive(Serialize)]
        struct Sent<'a> {
            #[serde(flatten)]
            open: &'a OpenFields,
            #[serde(skip_serializing_if = "Option::is_none")]
            password: Option<&'a str>,
        }
        let password = self.password.as_ref().map(ExposeSecret::expose_secret);
        let open = &self.open;
        written(serde_json::to_vec(&Sent { open, password })).into()
    }

    /// What the trail gets: the body as sent, less its password.
    pub fn to_json_without_password(&self) -> Box<RawValue> {
        written(to_raw_value(&self.open))
    }
}

#[expect(clippy::expect_used, reason = "numbers, booleans and text go into memory: there is nothing to fail")]
fn written<T>(result: serde_json::Result<T>) -> T {
    result.expect("plain fields serialize")
}
