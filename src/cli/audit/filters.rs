//! Which lines of the trail are wanted, as the command line says it.

use std::ops::RangeInclusive;

use anyhow::ensure;
use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::config::parse_duration;
use crate::domain::{Action, Code, ConferenceId, InvalidName, InvalidRequestId, RequestId, TenantId};
use crate::trail::{Decision, Filter, Kind};

/// Filters. Each may be given several times, or several values separated by commas: one of them has to hold, of every
/// filter that is given.
#[derive(Debug, Args)]
#[command(next_help_heading = "Filters (each may be repeated: one value of every filter has to hold)")]
pub(super) struct FilterArgs {
    /// Of this tenant.
    #[arg(long, value_name = "TENANT", value_delimiter = ',', value_parser = tenant)]
    tenant: Vec<TenantId>,
    /// Of this caller: the token's subject.
    #[arg(long, value_name = "SUBJECT", value_parser = subject)]
    subject: Vec<String>,
    /// One of the four calls.
    #[arg(long, value_delimiter = ',', value_parser = one_of(&Action::ALL, Action::as_str))]
    action: Vec<Action>,
    /// About this conference.
    #[arg(long, value_name = "CONFERENCE", value_delimiter = ',', value_parser = conference)]
    conference: Vec<ConferenceId>,
    /// Whether the gateway let it through.
    #[arg(long, value_delimiter = ',', value_parser = one_of(&Decision::ALL, Decision::as_str))]
    decision: Vec<Decision>,
    /// Why the gateway answered by itself: a code such as `scope_missing`.
    #[arg(
        long,
        value_name = "CODE",
        value_delimiter = ',',
        hide_possible_values = true,
        value_parser = one_of(Code::ALL, Code::as_str)
    )]
    reason: Vec<Code>,
    /// The status that the caller got: `429`, or all of a class, `5xx`.
    #[arg(long, value_name = "STATUS", value_delimiter = ',', value_parser = status)]
    status: Vec<RangeInclusive<u16>>,
    /// What the line is about.
    #[arg(long, value_delimiter = ',', value_parser = one_of(&Kind::ALL, Kind::as_str))]
    kind: Vec<Kind>,
    /// About this request.
    #[arg(long, value_name = "REQUEST_ID", value_delimiter = ',', value_parser = request)]
    request_id: Vec<RequestId>,
    /// Written then or later: a time (`2026-11-23T02:47:04Z`), a day in UTC (`2026-11-23`), or how long ago (`15m`,
    /// `2h`, `7d`).
    #[arg(long, value_name = "WHEN", value_parser = when)]
    since: Option<Timestamp>,
    /// Written before then.
    #[arg(long, value_name = "WHEN", value_parser = when)]
    until: Option<Timestamp>,
}

impl FilterArgs {
    pub(super) fn filter(&self) -> anyhow::Result<Filter> {
        if let (Some(since), Some(until)) = (self.since, self.until) {
            ensure!(since < until, "--since {since} is not before --until {until}");
        }
        Ok(Filter {
            kinds: self.kind.clone(),
            tenants: self.tenant.clone(),
            subjects: self.subject.clone(),
            actions: self.action.clone(),
            conferences: self.conference.clone(),
            decisions: self.decision.clone(),
            reasons: self.reason.clone(),
            statuses: self.status.clone(),
            requests: self.request_id.clone(),
            unknown: false,
            since: self.since,
            until: self.until,
        })
    }
}

/// Names of a closed list; clap says which there are, and which one was meant.
fn one_of<T: Copy + Send + Sync + 'static>(
    all: &'static [T],
    name: fn(T) -> &'static str,
) -> impl TypedValueParser<Value = T> {
    PossibleValuesParser::new(all.iter().map(|value| name(*value))).try_map(move |text| {
        all.iter().copied().find(|value| name(*value) == text).ok_or("it is not one of the list")
    })
}

fn tenant(text: &str) -> Result<TenantId, InvalidName> {
    TenantId::parse(text)
}

fn conference(text: &str) -> Result<ConferenceId, InvalidName> {
    ConferenceId::parse(text)
}

pub(super) fn request(text: &str) -> Result<RequestId, InvalidRequestId> {
    RequestId::parse(text)
}

fn subject(text: &str) -> Result<String, &'static str> {
    if (1..=256).contains(&text.len()) { Ok(text.to_owned()) } else { Err("a subject has 1 to 256 bytes") }
}

fn status(text: &str) -> Result<RangeInclusive<u16>, &'static str> {
    let (first, last) = match text.strip_suffix("xx") {
        Some(class) => (format!("{class}00"), format!("{class}99")),
        None => (text.to_owned(), text.to_owned()),
    };
    match (first.parse(), last.parse()) {
        (Ok(first @ 100..=999), Ok(last)) => Ok(first..=last),
        _ => Err("a status is a number such as 429, or a class such as 5xx"),
    }
}

fn when(text: &str) -> Result<Timestamp, &'static str> {
    let ago = parse_duration(text).ok().and_then(|ago| Timestamp::now().checked_sub(ago).ok());
    let day = || Some(text.parse::<Date>().ok()?.to_zoned(TimeZone::UTC).ok()?.timestamp());
    ago.or_else(|| text.parse().ok()).or_else(|| day().filter(|_| text.len() == 10)).ok_or(
        "give a time such as 2026-11-23T02:47:04Z, a day in UTC such as 2026-11-23, or how long ago: 30s, 15m, 2h, 7d",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_absolute_or_as_long_ago() {
        assert_eq!(when("2026-11-23T03:47:04+01:00"), "2026-11-23T02:47:04Z".parse().map_err(|_| ""));
        assert_eq!(when("2026-11-23"), "2026-11-23T00:00:00Z".parse().map_err(|_| ""));
        for (text, seconds) in [("90s", 90), ("15m", 900), ("2h", 7_200), ("7d", 604_800)] {
            let ago = Timestamp::now().duration_since(when(text).unwrap());
            assert!((ago.as_secs() - seconds).abs() < 5, "{text}: {ago}");
        }
        for text in
            ["", "yesterday", "15", "m", "-2h", "+2h", "1.5h", "2026-13-01", "2w", "4294967295d", "20261123"]
        {
            assert!(when(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_status_is_one_or_a_class() {
        assert_eq!(status("429"), Ok(429..=429));
        assert_eq!(status("5xx"), Ok(500..=599));
        for text in ["", "xx", "42", "0xx", "1000", "10xx", "5x", "-1xx"] {
            assert!(status(text).is_err(), "{text}");
        }
    }
}
