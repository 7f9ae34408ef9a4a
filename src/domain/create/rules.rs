//! One rule per field. Each says what would be right, and none repeats what it was given, except for a number of
//! milliseconds.

use std::fmt;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde_json::value::RawValue;

use super::reader::Checked;
use super::{ConferenceType, CreateRules, MAX_CODEC_CHARS, MAX_COUNT, MAX_PASSWORD_CHARS, Role};
use crate::domain::UserName;

pub(super) fn conference_type(value: &RawValue) -> Checked<ConferenceType> {
    match integer(value)? {
        10 => Ok(ConferenceType::Normal),
        11 => Ok(ConferenceType::Large),
        12 => Ok(ConferenceType::Live),
        _ => Err("must be 10 (normal), 11 (large) or 12 (live)".to_owned()),
    }
}

pub(super) fn role(value: &RawValue) -> Checked<Role> {
    match integer(value)? {
        1 => Ok(Role::Audience),
        3 => Ok(Role::Talker),
        7 => Ok(Role::Admin),
        _ => Err("must be 1 (audience), 3 (talker) or 7 (admin)".to_owned()),
    }
}

/// Catches the unit trap: the vendor's own example sends 3600, as if they were seconds.
pub(super) fn delay(value: &RawValue, rules: &CreateRules) -> Checked<u64> {
    let (min, max) = (rules.min_delay.as_millis(), rules.max_delay.as_millis());
    let given = integer(value)?;
    let millis = u64::try_from(given).unwrap_or(0);
    let range =
        || format!("must be {min} to {max} milliseconds ({:?} to {:?})", rules.min_delay, rules.max_delay);
    if u128::from(millis) > max {
        return Err(range());
    }
    if given < 0 || u128::from(millis) < min {
        return Err(format!("{}; the unit is milliseconds{}", range(), meant(given, min, max)));
    }
    Ok(millis)
}

/// What to send instead, if the number would do as seconds.
fn meant(given: i64, min: u128, max: u128) -> String {
    let Ok(seconds) = u64::try_from(given) else {
        return String::new();
    };
    let duration = Duration::from_millis(seconds);
    let millis = u128::from(seconds) * 1000;
    if (min..=max).contains(&millis) {
        format!(", and {seconds} of them are {duration:?}: for {seconds} seconds send {millis}")
    } else {
        String::new()
    }
}

pub(super) fn boolean(value: &RawValue) -> Checked<bool> {
    match value.get() {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(format!("must be true or false, not {}", Kind::of(value))),
    }
}

/// Empty is allowed: clients send it, and the vendor takes it.
pub(super) fn password(value: &RawValue) -> Checked<SecretString> {
    let password = SecretString::from(text(value)?);
    plain(password.expose_secret(), 0, MAX_PASSWORD_CHARS)?;
    Ok(password)
}

pub(super) fn user_name(value: &RawValue) -> Checked<UserName> {
    UserName::parse(&text(value)?).map_err(|rule| rule.to_string())
}

/// A video codec, such as `H264` or `VP8`. The vendor's list is not known, so any short name is taken.
pub(super) fn codec(value: &RawValue) -> Checked<String> {
    let name = text(value)?;
    plain(&name, 1, MAX_CODEC_CHARS)?;
    Ok(name)
}

pub(super) fn count(value: &RawValue) -> Checked<u32> {
    let count = integer(value)?;
    u32::try_from(count)
        .ok()
        .filter(|_| count <= MAX_COUNT)
        .ok_or_else(|| format!("must be 0 to {MAX_COUNT}"))
}

pub(super) fn no_id(value: &RawValue) -> Checked<&'static str> {
    if text(value)?.is_empty() {
        Ok("")
    } else {
        Err("must be empty or left out: the conference service gives the id".to_owned())
    }
}

/// An integer as JSON writes one: `10`, not `10.0`, `1e1` or `"10"`. What 64 bits cannot hold is pulled to
/// the nearest that they can, which no range here reaches.
fn integer(value: &RawValue) -> Checked<i64> {
    let written = value.get();
    match Kind::of(value) {
        Kind::Number if written.contains(['.', 'e', 'E']) => {
            Err("must be an integer, without fraction or exponent".to_owned())
        }
        Kind::Number if written.starts_with('-') => Ok(written.parse().unwrap_or(i64::MIN)),
        Kind::Number => Ok(written.parse().unwrap_or(i64::MAX)),
        other => Err(format!("must be an integer, not {other}")),
    }
}

fn text(value: &RawValue) -> Checked<String> {
    match Kind::of(value) {
        Kind::Text => serde_json::from_str(value.get())
            .map_err(|_| "must be Unicode text: an escaped surrogate stands alone in it".to_owned()),
        other => Err(format!("must be a string, not {other}")),
    }
}

/// Counts characters as JSON Schema does (RFC 8259, section 8.2): by code point.
fn plain(text: &str, min: usize, max: usize) -> Checked<()> {
    if (min..=max).contains(&text.chars().count()) && !text.contains(char::is_control) {
        Ok(())
    } else {
        Err(format!("must be {min} to {max} characters, none of them a control character"))
    }
}

/// What JSON calls a value (RFC 8259, section 3).
enum Kind {
    Text,
    Number,
    Object,
    Array,
    Boolean,
    Null,
}

impl Kind {
    /// Told by the first byte: the value is known to be JSON.
    fn of(value: &RawValue) -> Self {
        match value.get().as_bytes().first() {
            Some(b'"') => Self::Text,
            Some(b'{') => Self::Object,
            Some(b'[') => Self::Array,
            Some(b't' | b'f') => Self::Boolean,
            Some(b'n') => Self::Null,
            _ => Self::Number,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Text => "a string",
            Self::Number => "a number",
            Self::Object => "an object",
            Self::Array => "an array",
            Self::Boolean => "a boolean",
            Self::Null => "null",
        })
    }
}
