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

use std::time::Duration;

use super::{Allowance, Denied, Quota, whole_seconds};
use crate::http1::{Fields, Value, ValueWriter};

/// What is allowed: the same on every answer to one tenant.
pub const RATE_LIMIT_POLICY: &str = "ratelimit-policy";
/// What is left of it.
pub const RATE_LIMIT: &str = "ratelimit";

/// Whose quota it is. The name is public, in both fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// All requests of a tenant.
    Tenant,
    /// One user's within the tenant.
    User,
}

impl Policy {
    /// The name, as the string that it is in the fields.
    fn quoted(self) -> &'static str {
        match self {
            Self::Tenant => "\"tenant\"",
            Self::User => "\"user\"",
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

/// What is allowed, as `RateLimit-Policy` says it: written once for a tenant, copied for an answer.
#[derive(Clone, Debug)]
pub struct Policies(Fields);

impl Policies {
    /// Of these quotas.
    pub fn new(quotas: &[(Policy, Quota)]) -> Self {
        let mut fields = Fields::default();
        fields.put(RATE_LIMIT_POLICY, quotas);
        Self(fields)
    }
}

impl Value for [(Policy, Quota)] {
    fn write(&self, line: &mut ValueWriter<'_>) {
        for (index, (policy, quota)) in self.iter().enumerate() {
            item(index, *policy, line);
            line.text(";q=");
            line.number(u32::from(quota.burst()).into());
            line.text(";w=");
            line.number(whole_seconds(quota.refill()));
        }
    }
}

/// Where a caller stands with each policy that was asked; none before.
#[derive(Clone, Copy, Debug, Default)]
pub struct Standings([Option<Standing>; 2]);

impl Standings {
    /// With one policy, and maybe another.
    pub fn new(one: Standing, other: Option<Standing>) -> Self {
        Self([Some(one), other])
    }

    /// How long until each of the policies allows another request.
    pub fn wait(&self) -> Duration {
        self.0.iter().flatten().map(Standing::wait).max().unwrap_or_default()
    }

    /// Puts both fields on an answer, where a policy was asked. `policies` are all of the tenant's.
    pub fn put(&self, policies: &Policies, fields: &mut Fields) {
        if self.0.iter().flatten().next().is_some() {
            fields.put_all(&policies.0);
            fields.put(RATE_LIMIT, self);
        }
    }
}

impl Value for Standings {
    fn write(&self, line: &mut ValueWriter<'_>) {
        for (index, standing) in self.0.iter().flatten().enumerate() {
            item(index, standing.policy, line);
            line.text(";r=");
            line.number(standing.remaining.into());
            line.text(";t=");
            line.number(whole_seconds(standing.reset));
        }
    }
}

/// Begins an item of a list.
fn item(index: usize, policy: Policy, line: &mut ValueWriter<'_>) {
    if index > 0 {
        line.text(", ");
    }
    line.text(policy.quoted());
}

#[cfg(test)]
mod tests {
    use sfv::{BareItem, List, ListEntry, Parser};

    use super::*;

    fn quota(rate: u32, per: Duration, burst: u32) -> Quota {
        Quota::new(rate.try_into().unwrap(), per, burst.try_into().unwrap()).unwrap()
    }

    /// Each item's name and parameters, by a parser of structured fields.
    fn parsed(value: impl Value) -> Vec<(String, Vec<(String, i64)>)> {
        let mut fields = Fields::default();
        fields.put("x", value);
        let list: List = Parser::new(fields.get("x").unwrap()).parse().unwrap();
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
        let quotas = [
            (Policy::Tenant, quota(20, Duration::from_secs(1), 40)),
            (Policy::User, quota(2, Duration::from_secs(1), 5)),
        ];
        assert_eq!(
            parsed(&quotas[..]),
            [item("tenant", [("q", 40), ("w", 2)]), item("user", [("q", 5), ("w", 3)])]
        );
    }

    #[test]
    fn a_standing_is_what_is_left_and_when_there_is_more() {
        let allowed = Ok(Allowance { remaining: 39, reset: Duration::from_millis(50) });
        let denied = Err(Denied { wait: Duration::from_millis(1500) });
        let of_user = Standing::new(Policy::User, denied);
        let standings = Standings::new(Standing::new(Policy::Tenant, allowed), Some(of_user));
        assert_eq!(
            parsed(standings),
            [item("tenant", [("r", 39), ("t", 1)]), item("user", [("r", 0), ("t", 2)])]
        );
        assert_eq!(standings.wait(), Duration::from_millis(1500));
    }

    #[test]
    fn the_largest_numbers_are_still_integers_of_a_structured_field() {
        let quotas = [(Policy::User, quota(1, Duration::from_hours(24), 31))];
        assert_eq!(parsed(&quotas[..]), [item("user", [("q", 31), ("w", 31 * 86400)])]);
        let quotas = [(Policy::Tenant, quota(1_000_000_000, Duration::from_secs(1), u32::MAX))];
        assert_eq!(parsed(&quotas[..]), [item("tenant", [("q", u32::MAX.into()), ("w", 5)])]);
    }
}
