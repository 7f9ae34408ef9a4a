//! One request's story on one screen.

use std::fmt;

use jiff::SignedDuration;

use super::text::{millis, visible};
use crate::domain::Action;
use crate::trail::{Decision, Entry, Kind, Line};

/// How much of a body is shown, in characters.
const BODY: usize = 600;

/// What the trail has of one request.
pub(super) struct Story<'a> {
    id: String,
    lines: Vec<(Line<'a>, Entry<'a>)>,
}

impl<'a> Story<'a> {
    /// `lines` in the order of the trail.
    pub(super) fn new(id: String, lines: Vec<(Line<'a>, Entry<'a>)>) -> Self {
        Self { id, lines }
    }

    fn of(&self, kind: Kind) -> Option<&Entry<'a>> {
        self.lines.iter().map(|(_, entry)| entry).find(|entry| entry.kind == kind)
    }
}

impl fmt::Display for Story<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:10}{}", "request", self.id)?;
        let (intent, outcome) = (self.of(Kind::Intent), self.of(Kind::Outcome));
        let (refusals, recovered) = (self.of(Kind::Refusals), self.of(Kind::Recovered));
        if let Some(known) = outcome.or(intent).or(refusals) {
            item(f, "who", &who(known))?;
            item(f, "what", &what(known))?;
        }
        if let Some(body) = intent.and_then(|intent| intent.body) {
            item(f, "body", &shortened(body.get()))?;
        }
        if let Some(outcome) = outcome {
            item(f, "decision", &decision(outcome))?;
            item(f, "answer", &answer(outcome))?;
            item(f, "vendor", &vendor(outcome))?;
            item(f, "took", &took(outcome))?;
        } else if let Some(refusals) = refusals {
            item(f, "decision", &decision(refusals))?;
            item(f, "counted", &counted(refusals, &self.id))?;
        } else if let Some(recovered) = recovered {
            let from = recovered.fault.as_deref().unwrap_or("the gateway ended without a stop");
            item(f, "outcome", &format!("unknown: it may have been done or not ({from})"))?;
        } else if intent.is_some() {
            item(f, "outcome", "none yet: it is still going on, or the gateway ended without a stop")?;
        }
        self.places(f)
    }
}

impl Story<'_> {
    /// Where each line stands, and how long after the first.
    fn places(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let first = self.lines.first().map(|(_, entry)| entry.time);
        for (index, (line, entry)) in self.lines.iter().enumerate() {
            let file = line.file.file_name().unwrap_or_default().to_string_lossy();
            let place = format!("{}  seq {}  {file}:{}", entry.time, line.sequence, line.number);
            let after = first.filter(|_| index > 0).and_then(|first| entry.since(first)).map(gap);
            item(f, entry.kind.as_str(), &format!("{place}{}", after.unwrap_or_default()))?;
        }
        Ok(())
    }
}

fn item(f: &mut fmt::Formatter<'_>, name: &str, text: &str) -> fmt::Result {
    write!(f, "\n{name:10}{}", visible(text))
}

fn who(entry: &Entry<'_>) -> String {
    let who = match (entry.subject.as_deref(), entry.tenant) {
        (Some(subject), Some(tenant)) => format!("{subject} of tenant {tenant}"),
        (Some(subject), None) => subject.to_owned(),
        (None, Some(tenant)) => format!("several callers of tenant {tenant}"),
        (None, None) => "a caller who is not known".to_owned(),
    };
    let issuer = entry.issuer.as_deref().map(|issuer| format!(", says {issuer}"));
    let token = entry.token_id.as_deref().map(|token| format!(" (token {token})"));
    let client = entry.client.map(|client| format!(", from {client}"));
    [Some(who), issuer, token, client].into_iter().flatten().collect()
}

fn what(entry: &Entry<'_>) -> String {
    let action = entry.action.map_or("none of the four calls", Action::as_str);
    let named = [
        ("user", entry.user),
        ("creator", entry.creator),
        ("conference", entry.conference),
        ("app", entry.app),
    ];
    let named = named.into_iter().filter_map(|(name, value)| Some(format!("{name} {}", value?)));
    std::iter::once(action.to_owned()).chain(named).collect::<Vec<_>>().join(", ")
}

fn decision(entry: &Entry<'_>) -> String {
    let decision = entry.decision();
    let reason = entry.reason.filter(|_| decision == Some(Decision::Refused));
    let reason = reason.map(|reason| format!(": {reason}"));
    let detail = entry.detail.as_deref().map(|detail| format!(" ({detail})"));
    let decision = decision.map_or("unknown", Decision::as_str).to_owned();
    [Some(decision), reason, detail].into_iter().flatten().collect()
}

fn answer(entry: &Entry<'_>) -> String {
    let status =
        entry.status.map_or_else(|| "none: the caller had gone".to_owned(), |status| status.to_string());
    let reason = entry.reason.map_or_else(String::new, |reason| format!(" {reason}"));
    let unknown = "; the outcome is unknown: the vendor may have done it or not";
    status + &reason + if entry.outcome_unknown { unknown } else { "" }
}

fn vendor(entry: &Entry<'_>) -> String {
    let status = entry.vendor_status.map_or_else(|| "no answer".to_owned(), |status| status.to_string());
    let error = entry.vendor_error.map_or_else(String::new, |error| format!(", error {}", error.get()));
    match entry.attempts {
        0 => "was not asked".to_owned(),
        1 => format!("{status}{error}, asked once"),
        times => format!("{status}{error}, asked {times} times"),
    }
}

fn took(entry: &Entry<'_>) -> String {
    let all = entry.duration_us.unwrap_or_default();
    let Some(vendor) = entry.vendor_us else { return format!("{} ms", millis(all)) };
    let rest = millis(all.saturating_sub(vendor));
    format!("{} ms: the vendor {} ms, the gateway {rest} ms", millis(all), millis(vendor))
}

fn counted(entry: &Entry<'_>, id: &str) -> String {
    let which = if entry.first_request_id == Some(id) { "first" } else { "last" };
    let (first, last) = (entry.first_time.unwrap_or("?"), entry.last_time.unwrap_or("?"));
    let status = entry.status.map_or_else(String::new, |status| format!(" answered {status}"));
    format!("the {which} of {} equal refusals{status}, from {first} to {last}", entry.requests())
}

fn gap(gap: SignedDuration) -> String {
    let sign = if gap.is_negative() { "-" } else { "+" };
    let micros = u64::try_from(gap.unsigned_abs().as_micros()).unwrap_or(u64::MAX);
    format!("  {sign}{} ms", millis(micros))
}

fn shortened(body: &str) -> String {
    match body.char_indices().nth(BODY) {
        Some((end, _)) => format!("{}… (--json prints all of it)", body.get(..end).unwrap_or_default()),
        None => body.to_owned(),
    }
}
