//! `[authz]` and `[create]`: what a caller may do, and within which bounds.

use std::sync::Arc;
use std::time::Duration;

use crate::domain::CreateRules;
use crate::stages::authz::ActionScopes;

use super::form::{Span, Text};
use super::reader::{Reading, Section};

/// A `scope-token` of RFC 6749, section 3.3: visible ASCII without `"` and `\`.
const SCOPE: Text<Arc<str>> = Text {
    parse: |text| {
        let allowed = |b: u8| b.is_ascii_graphic() && b != b'"' && b != b'\\';
        if (1..=128).contains(&text.len()) && text.bytes().all(allowed) {
            Ok(text.into())
        } else {
            Err("must be one scope: 1 to 128 visible ASCII characters without spaces, quotes and backslashes"
                .to_owned())
        }
    },
    show: |scope| scope.to_string(),
};

pub(super) fn read(section: &mut Section<'_>) -> Reading<ActionScopes> {
    let mut scopes = section.section("scopes")?;
    let create = scopes.need("create", &SCOPE);
    let get = scopes.need("get", &SCOPE);
    let dissolve = scopes.need("dissolve", &SCOPE);
    let kick = scopes.need("kick", &SCOPE);
    let create_for_others = scopes.need("create_for_others", &SCOPE);
    Ok(ActionScopes {
        create: create?,
        get: get?,
        dissolve: dissolve?,
        kick: kick?,
        create_for_others: create_for_others?,
    })
}

pub(super) fn read_create(section: &mut Section<'_>) -> Reading<CreateRules> {
    let bounds = Duration::ZERO..=Duration::from_hours(24);
    let min_delay = section.need("min_delay", &Span(bounds.clone()));
    let max_delay = section.need("max_delay", &Span(bounds));
    let (min_delay, max_delay) = (min_delay?, max_delay?);
    if min_delay > max_delay {
        let wrong = "is longer than max_delay, so that no delay would be accepted";
        return Err(section.refuse("min_delay", wrong));
    }
    Ok(CreateRules { min_delay, max_delay })
}
