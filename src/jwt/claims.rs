use std::sync::Arc;

use jiff::SignedDuration;
use serde_json::Value;

use super::object::Object;
use super::{IssuerConfig, Rejection};
use crate::domain::{Principal, Scopes, TenantId};

/// The longest accepted subject, user name or `jti`.
const MAX_NAME_BYTES: usize = 256;

/// The last second of the year 9999, which is as far as a date can be written (RFC 3339).
const LAST_SECOND: i64 = 253_402_300_799;

/// The claims of a token with a good signature, typed.
#[derive(Debug)]
pub(super) struct Claims {
    pub(super) principal: Principal,
    /// The three times (RFC 7519, section 4.1.4 to 4.1.6), since the epoch.
    pub(super) expires: SignedDuration,
    pub(super) not_before: Option<SignedDuration>,
    pub(super) issued: Option<SignedDuration>,
}

impl Claims {
    /// Types every claim that matters and compares the audience. Of the times it checks the form only.
    pub(super) fn read(object: &Object, config: &IssuerConfig) -> Result<Self, Rejection> {
        check_audience(object, &config.audiences)?;
        // Required even where another claim names the subject.
        required_name(object, "sub", "sub is missing or not a name")?;
        let tenant = object.get(&*config.tenant_claim).and_then(Value::as_str);
        let tenant = tenant.and_then(|tenant| TenantId::parse(tenant).ok());
        let subject =
            required_name(object, &config.subject_claim, "the subject claim is missing or not a name")?;
        let user = required_name(object, &config.user_claim, "the user claim is missing or not a name")?;
        Ok(Self {
            principal: Principal {
                issuer: Arc::clone(&config.issuer),
                tenant: tenant.ok_or(Rejection::Rejected("the tenant claim is missing or not a tenant"))?,
                subject: subject.into(),
                user: user.into(),
                scopes: scopes(object, &config.scope_claim)?,
                token_id: name(object, "jti", "jti is not a name")?.map(Into::into),
            },
            expires: date(object, "exp", "exp is not a date")?
                .ok_or(Rejection::Rejected("exp is missing"))?,
            not_before: date(object, "nbf", "nbf is not a date")?,
            issued: issued(object)?,
        })
    }
}

/// When the token says that it was issued, since the epoch.
pub(super) fn issued(object: &Object) -> Result<Option<SignedDuration>, Rejection> {
    date(object, "iat", "iat is not a date")
}

/// `aud` is one string or an array of strings, and names one of `accepted` (RFC 7519, section 4.1.3).
fn check_audience(object: &Object, accepted: &[Box<str>]) -> Result<(), Rejection> {
    let audiences = strings(object, "aud", "aud is not a string or an array of strings")?;
    let audiences = audiences.ok_or(Rejection::Rejected("aud is missing"))?;
    if audiences.iter().any(|audience| accepted.iter().any(|name| **name == **audience)) {
        Ok(())
    } else {
        Err(Rejection::Rejected("aud names another audience"))
    }
}

/// Words separated by spaces, or an array of words. Absent, the token grants nothing.
fn scopes(object: &Object, claim: &str) -> Result<Scopes, Rejection> {
    let words = strings(object, claim, "the scope claim is not a string or an array of strings")?;
    let words = words.unwrap_or_default().into_iter();
    Ok(Scopes::new(words.flat_map(|text| text.split(' ')).filter(|word| !word.is_empty())))
}

fn strings<'a>(
    object: &'a Object,
    claim: &str,
    fault: &'static str,
) -> Result<Option<Vec<&'a str>>, Rejection> {
    match object.get(claim) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(vec![text])),
        Some(Value::Array(items)) => {
            let texts: Option<Vec<&str>> = items.iter().map(Value::as_str).collect();
            texts.map(Some).ok_or(Rejection::Rejected(fault))
        }
        Some(_) => Err(Rejection::Rejected(fault)),
    }
}

/// 1 to 256 bytes without control characters, which could forge a line of a log.
fn name<'a>(object: &'a Object, claim: &str, fault: &'static str) -> Result<Option<&'a str>, Rejection> {
    let Some(value) = object.get(claim) else {
        return Ok(None);
    };
    let sound =
        |text: &&str| (1..=MAX_NAME_BYTES).contains(&text.len()) && !text.chars().any(char::is_control);
    let text = value.as_str().filter(sound);
    text.map(Some).ok_or(Rejection::Rejected(fault))
}

fn required_name<'a>(object: &'a Object, claim: &str, fault: &'static str) -> Result<&'a str, Rejection> {
    name(object, claim, fault)?.ok_or(Rejection::Rejected(fault))
}

/// A `NumericDate` (RFC 7519, section 2): seconds since the epoch, whole or not, from 1970 to 9999.
fn date(object: &Object, claim: &str, fault: &'static str) -> Result<Option<SignedDuration>, Rejection> {
    let Some(value) = object.get(claim) else {
        return Ok(None);
    };
    let date = match (value.as_i64(), value.as_f64()) {
        (Some(seconds), _) => Some(SignedDuration::from_secs(seconds)),
        (None, Some(seconds)) => SignedDuration::try_from_secs_f64(seconds).ok(),
        (None, None) => None,
    };
    let possible = SignedDuration::ZERO..=SignedDuration::from_secs(LAST_SECOND);
    date.filter(|date| possible.contains(date)).map(Some).ok_or(Rejection::Rejected(fault))
}
