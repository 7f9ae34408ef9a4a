//! Passes over most lines that a filter does not want without parsing them.

use memchr::memmem::Finder;
use serde::Serialize;

use super::filter::Filter;
use crate::trail::record::{Decision, Kind};

/// Pieces of text that a line must have to be wanted: one of each group. Kinds are told from a line's
/// beginning, without it. This program writes a member in one way only, so
/// that a line without the text does not have the member; a line with it may still have it elsewhere, as in a body.
pub(super) struct Sieve(Vec<Vec<Finder<'static>>>);

impl Sieve {
    pub(super) fn of(filter: &Filter) -> Self {
        let mut decisions = members("decision", &filter.decisions);
        if filter.decisions.contains(&Decision::Refused) {
            decisions.push(member("kind", &Kind::Refusals));
        }
        let codes: Vec<_> = filter.reasons.iter().map(|code| code.as_str()).collect();
        let groups = [
            members("tenant", &filter.tenants),
            members("subject", &filter.subjects),
            members("action", &filter.actions),
            members("conference", &filter.conferences),
            decisions,
            members("reason", &codes),
            filter.requests.iter().map(|id| finder(&id.to_string())).collect(),
            if filter.unknown {
                vec![member("outcome_unknown", &true), member("kind", &Kind::Recovered)]
            } else {
                Vec::new()
            },
        ];
        Self(groups.into_iter().filter(|group| !group.is_empty()).collect())
    }

    pub(super) fn lets_through(&self, line: &[u8]) -> bool {
        self.0.iter().all(|group| group.iter().any(|finder| finder.find(line).is_some()))
    }
}

fn members(name: &str, values: &[impl Serialize]) -> Vec<Finder<'static>> {
    values.iter().map(|value| member(name, value)).collect()
}

fn member(name: &str, value: &impl Serialize) -> Finder<'static> {
    // Names, numbers and enums: none fails. An empty text would be found everywhere, and so pass over nothing.
    finder(&serde_json::to_string(value).map(|value| format!("\"{name}\":{value}")).unwrap_or_default())
}

fn finder(text: &str) -> Finder<'static> {
    Finder::new(text.as_bytes()).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::TenantId;

    #[test]
    fn a_line_needs_one_piece_of_each_group() {
        let tenants = ["crm", "acme"].map(|name| TenantId::parse(name).unwrap()).to_vec();
        let subjects = vec!["a\"\u{1b}b".to_owned()];
        let sieve = Sieve::of(&Filter { tenants, subjects, ..Filter::default() });
        assert!(sieve.lets_through(br#"{"tenant":"crm","subject":"a\"\u001bb"}"#));
        assert!(sieve.lets_through(br#"{"tenant":"acme","subject":"a\"\u001bb"}"#));
        assert!(!sieve.lets_through(br#"{"tenant":"crm","subject":"a"}"#));
        assert!(!sieve.lets_through(br#"{"tenant":"c","subject":"a\"\u001bb"}"#));
        assert!(Sieve::of(&Filter::default()).lets_through(b""));
    }
}
