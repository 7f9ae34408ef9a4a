//! The headers of answers.

use serde_json::{Map, Value, json};

/// A request id for examples: a UUID of version 7.
pub(super) const REQUEST_ID: &str = "0199d7a2-4c11-7e02-9d3c-5b1f0e8a6c44";

/// On every answer there is.
const ALWAYS: [&str; 4] =
    ["X-Request-Id", "Access-Control-Allow-Origin", "Access-Control-Expose-Headers", "Vary"];

/// On every answer but the documents and a preflight's.
const GUARDS: [&str; 3] = ["Proxy-Status", "Cache-Control", "X-Content-Type-Options"];

/// Every header, for `components`.
pub(super) fn all() -> Value {
    json!({
        "X-Request-Id": text(
            "Names the request in the gateway's log and audit trail.",
            REQUEST_ID,
        ),
        "Proxy-Status": text(
            "Whose answer it is (RFC 9209): with `error` the gateway's, without it the conference service's.",
            "confgate; received-status=200",
        ),
        "Cache-Control": text(
            "`no-store`: an answer can hold a conference's password.",
            "no-store",
        ),
        "X-Content-Type-Options": text(
            "`nosniff`: no browser takes the conference service's JSON for a page.",
            "nosniff",
        ),
        "RateLimit-Policy": text(
            "The quotas that apply (IETF draft httpapi-ratelimit-headers): `q` requests at once, and all of them \
             again in `w` seconds. On answers to requests whose token was good.",
            "\"tenant\";q=40;w=2, \"user\";q=5;w=3",
        ),
        "RateLimit": text(
            "What is left of each quota: `r` requests, and one more in `t` seconds.",
            "\"tenant\";r=39;t=1, \"user\";r=4;t=1",
        ),
        "Retry-After": {
            "description": "In how many seconds to try again (RFC 9110, section 10.2.3).",
            "schema": { "type": "integer", "minimum": 0 },
            "example": 1,
        },
        "WWW-Authenticate": text(
            "What is wrong with the token, as RFC 6750 says it; with `insufficient_scope` also the scope.",
            "Bearer realm=\"confgate\", error=\"invalid_token\"",
        ),
        "Allow": text("The methods that the path has.", "GET, DELETE, OPTIONS"),
        "Vary": text("What the answer depends on.", "Origin"),
        "Access-Control-Allow-Origin": text("The page's origin, where it is allowed.", "https://crm.corp.example"),
        "Access-Control-Expose-Headers": text(
            "The headers that a page's script may read.",
            "X-Request-Id, Allow, Retry-After, RateLimit, RateLimit-Policy, WWW-Authenticate, Proxy-Status",
        ),
        "Access-Control-Allow-Methods": text("The methods that a page may use.", "GET, POST, DELETE"),
        "Access-Control-Allow-Headers": text(
            "The headers that a page may send.",
            "Authorization, Content-Type, Accept, Cache-Control, Traceparent, Tracestate",
        ),
        "Access-Control-Max-Age": {
            "description": "For how many seconds a browser need not ask again.",
            "schema": { "type": "integer", "minimum": 0 },
            "example": 600,
        },
    })
}

/// The headers of an answer with a status, as references.
pub(super) fn of(status: u16) -> Value {
    // The conference service may name a time on whatever it answers.
    let about: &[&str] = if status == 401 { &[] } else { &["RateLimit", "RateLimit-Policy", "Retry-After"] };
    let own: &[&str] = match status {
        401 | 403 => &["WWW-Authenticate"],
        405 => &["Allow"],
        _ => &[],
    };
    references(ALWAYS.iter().chain(&GUARDS).chain(about).chain(own))
}

/// The headers of an answer that needs no token.
pub(super) fn of_open_answer(status: u16) -> Value {
    let guards: &[&str] = if status == 200 { &[] } else { &GUARDS };
    let own: &[&str] = if status == 503 { &["Retry-After"] } else { &[] };
    references(ALWAYS.iter().chain(guards).chain(own))
}

/// The headers of an answer to a preflight (Fetch, section 3.3.3).
pub(super) fn of_preflight() -> Value {
    references(
        ["Access-Control-Allow-Methods", "Access-Control-Allow-Headers", "Access-Control-Max-Age"]
            .iter()
            .chain(&ALWAYS),
    )
}

fn references<'a>(names: impl Iterator<Item = &'a &'static str>) -> Value {
    let reference = |name| json!({ "$ref": format!("#/components/headers/{name}") });
    names.map(|name| ((*name).to_owned(), reference(name))).collect::<Map<_, _>>().into()
}

fn text(description: &str, example: &str) -> Value {
    json!({ "description": description, "schema": { "type": "string" }, "example": example })
}
