//! The `RateLimit-Policy` and `RateLimit` fields, as draft-ietf-httpapi-ratelimit-headers has them since its tenth
//! revision: structured lists (RFC 9651) of a policy's name as a string with parameters.
//!
//! ```text
//! RateLimit-Policy: "tenant";q=40;w=2, "user";q=5;w=3
//! RateLimit: "tenant";r=39;t=1, "user";r=0;t=1
//! ```
//!
//! The draft thinks in windows and the buckets here have none. So `q` is the burst and `w` the seconds in which an
//! empty bucket fills up: no window of that length lets through more than twice `q`, and in the long run it is `q`
//! in each `w`. `r` is what the bucket still holds, and `t` the seconds until it holds one more, which is what the
//! draft asks for ("until additional quota is made available") and never later than `Retry-After`.

use std::fmt::Write as _;
use std::io::Write as _;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};

use super::{Allowance, Denied, Quota, whole_seconds};

/// What is allowed: the same on every answer to one tenant.
pub const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
/// What is left of it.
pub const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");

/// Whose quota it is. The name is public, in both fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// All requests of a tenant.
    Tenant,
    /// One user's within the tenant.
    User,
}

impl Policy {
    /// The name in the fields.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tenant => "tenant",
            Self::User => "user",
        }
    }
}

/// Where a caller stands with one policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    policy: Policy,
    remaining: u32,
    reset: Duration,
}

impl Standing {
    /// What a limiter's decision means for the caller.
    pub fn new(policy: Policy, decision: Result<Allowance, Denied>) -> Self {
        let (remaining, reset) = match decision {
            Ok(allowance) => (allowance.remaining, allowance.reset),
            Err(denied) => (0, denied.wait),
        };
        Self { policy, remaining, reset }
    }

    /// How long until another request is allowed; nothing where one is now.
    fn wait(&self) -> Duration {
        if self.remaining == 0 { self.reset } else { Duration::ZERO }
    }
}

/// The value of `RateLimit-Policy`: made once for a tenant, cloned for an answer without copying.
pub fn policies(policies: &[(Policy, Quota)]) -> HeaderValue {
    list(policies, |text, (policy, quota)| {
        let (name, burst, window) = (policy.as_str(), quota.burst(), whole_seconds(quota.refill()));
        write!(text, "\"{name}\";q={burst};w={window}")
    })
}

/// Both fields of one answer.
#[derive(Debug, Default)]
pub struct Standings {
    fields: Option<(HeaderValue, HeaderValue)>,
    wait: Duration,
}

impl Standings {
    /// `policies` as made by [`policies`], and where the caller stands with them.
    pub fn new(policies: &HeaderValue, standings: &[Standing]) -> Self {
        Self {
            fields: Some((policies.clone(), rate_limit(standings))),
            wait: standings.iter().map(Standing::wait).max().unwrap_or_default(),
        }
    }

    /// How long until each of the policies allows another request.
    pub fn wait(&self) -> Duration {
        self.wait
    }

    /// Puts them on an answer, once.
    pub fn write(&mut self, headers: &mut HeaderMap) {
        if let Some((policies, standing)) = self.fields.take() {
            headers.insert(RATE_LIMIT_POLICY, policies);
            headers.insert(RATE_LIMIT, standing);
        }
    }
}

/// The value of `RateLimit` for one answer. Each has one, so that it is put together by hand and copied once.
fn rate_limit(standings: &[Standing]) -> HeaderValue {
    let mut text = [0; 128];
    let mut rest = &mut text[..];
    let mut digits = itoa::Buffer::new();
    let mut write = |part: &str| rest.write_all(part.as_bytes());
    let mut write_all = || {
        for (index, standing) in standings.iter().enumerate() {
            write(if index > 0 { ", \"" } else { "\"" })?;
            write(standing.policy.as_str())?;
            write("\";r=")?;
            write(digits.format(standing.remaining))?;
            write(";t=")?;
            write(digits.format(whole_seconds(standing.reset)))?;
        }
        std::io::Result::Ok(())
    };
    #[expect(clippy::expect_used, reason = "there are two policies with short names")]
    write_all().expect("room for both");
    let length = 128 - rest.len();
    #[expect(clippy::expect_used, reason = "the names are fixed, and all else is digits")]
    HeaderValue::from_bytes(text.get(..length).unwrap_or_default()).expect("visible ASCII")
}

fn list<T>(items: &[T], item: impl Fn(&mut String, &T) -> std::fmt::Result) -> HeaderValue {
    let mut text = String::with_capacity(32 * items.len());
    for (index, entry) in items.iter().enumerate() {
        if index > 0 {
            text.push_str(", ");
        }
        item(&mut text, entry).unwrap_or_default();
    }
    #[expect(clippy::expect_used, reason = "the names are fixed, and all else is digits")]
    HeaderValue::try_from(text).expect("visible ASCII")
}

#[cfg(test)]
mod tests {
    use sfv::{BareItem, List, ListEntry, Parser};

    use super::*;

    fn quota(rate: u32, per: Duration, burst: u32) -> Quota {
        Quota::new(rate.try_into().unwrap(), per, burst.try_into().unwrap()).unwrap()
    }

    /// Each item's name and parameters, by a parser of structured fields.
    fn parsed(value: &HeaderValue) -> Vec<(String, Vec<(String, i64)>)> {
        let list: List = Parser::new(value.as_bytes()).parse().unwrap();
        let entry = |entry: &ListEntry| {
            let ListEntry::Item(item) = entry else { panic!("{entry:?}") };
            let BareItem::String(name) = &item.bare_item else { panic!("{item:?}") };
            let number = |(key, value): (&sfv::Key, &BareItem)| {
                let BareItem::Integer(number) = value else { panic!("{value:?}") };
                (key.as_str().to_owned(), i64::from(*number))
            };
            (name.as_str().to_owned(), item.params.iter().map(number).collect())
        };
        list.iter().map(entry).collect()
    }

    fn item(name: &str, parameters: [(&str, i64); 2]) -> (String, Vec<(String, i64)>) {
        let owned = |(key, value): (&str, i64)| (key.to_owned(), value);
        (name.to_owned(), parameters.map(owned).to_vec())
    }

    #[test]
    fn policies_name_the_burst_and_the_time_to_refill_it() {
        let value = policies(&[
            (Policy::Tenant, quota(20, Duration::from_secs(1), 40)),
            (Policy::User, quota(2, Duration::from_secs(1), 5)),
        ]);
        assert_eq!(
            parsed(&value),
            [item("tenant", [("q", 40), ("w", 2)]), item("user", [("q", 5), ("w", 3)])]
        );
    }

    #[test]
    fn a_standing_is_what_is_left_and_when_there_is_more() {
        let allowed = Ok(Allowance { remaining: 39, reset: Duration::from_millis(50) });
        let denied = Err(Denied { wait: Duration::from_millis(1500) });
        let value =
            rate_limit(&[Standing::new(Policy::Tenant, allowed), Standing::new(Policy::User, denied)]);
        assert_eq!(
            parsed(&value),
            [item("tenant", [("r", 39), ("t", 1)]), item("user", [("r", 0), ("t", 2)])]
        );
    }

    #[test]
    fn the_largest_numbers_are_still_integers_of_a_structured_field() {
        let value = policies(&[(Policy::User, quota(1, Duration::from_hours(24), 31))]);
        assert_eq!(parsed(&value), [item("user", [("q", 31), ("w", 31 * 86400)])]);
        let value = policies(&[(Policy::Tenant, quota(1_000_000_000, Duration::from_secs(1), u32::MAX))]);
        assert_eq!(parsed(&value), [item("tenant", [("q", u32::MAX.into()), ("w", 5)])]);
    }
}
