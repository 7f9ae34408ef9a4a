//! What the gateway says of itself on the data port: the OpenAPI 3.1 document of `GET /openapi.json` and the
//! pages of `GET /problems/{code}`.
//!
//! Codes, bounds and names come from [`crate::domain`], so the document cannot fall behind them; the rest is
//! checked by tests against the parser and the OpenAPI schema.

mod advice;
mod headers;
mod operations;
mod parameters;
mod problem;
mod responses;
mod schemas;
#[cfg(test)]
mod tests;

use bytes::Bytes;
use serde_json::{Value, json};

pub use self::problem::{problem_page, problem_type};
use crate::domain::CreateRules;

/// The OpenAPI document of the public API, as JSON. To be built once: the rules change only with the
/// configuration.
pub fn document(rules: &CreateRules) -> Bytes {
    // Without the spare room that writing has left behind it, which is kept for as long as the document.
    description(rules).to_string().into_boxed_str().into_boxed_bytes().into()
}

fn description(rules: &CreateRules) -> Value {
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "confgate",
            "version": env!("CARGO_PKG_VERSION"),
            "summary": "Conferences for company frontends, by the company's own token",
            "description": INTRODUCTION,
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "servers": [{ "url": "/", "description": "The gateway that served this document" }],
        "tags": [
            { "name": "conferences", "description": "The four calls" },
            { "name": "vendor path",
              "description": "The same calls at the conference service's own paths, so that a client of it \
                              changes its host and its token and nothing else" },
            { "name": "documentation", "description": "This document and what it refers to; no token needed" },
        ],
        "security": [{ "jwt": [] }],
        "paths": operations::paths(),
        "components": {
            "securitySchemes": { "jwt": {
                "type": "http",
                "scheme": "bearer",
                "bearerFormat": "JWT",
                "description": "A token of the company's identity provider (RFC 7519, RFC 6750), in the \
                                `Authorization` header and nowhere else. Each call needs a scope; the names \
                                given here are the defaults.",
            } },
            "parameters": parameters::all(),
            "headers": headers::all(),
            "schemas": schemas::all(rules),
            "responses": responses::all(),
        },
    })
}

const INTRODUCTION: &str = "\
Creates, reads and ends audio and video conferences. The gateway checks the caller's token, decides what the \
caller may do, and passes the call on to the conference service, whose answer comes back as it is: status, body \
and `Content-Type`.

**Whose answer is it?** `Proxy-Status` (RFC 9209) says: with `error` the answer is the gateway's, without it the \
conference service's. The gateway's own errors are `application/problem+json` \
(RFC 9457) with a `code` out of a closed list; the conference service's are not. A 401 is always the gateway's.

**A 200 can hide a failure.** The conference service can answer 200 with an `error` other than 0 in the body.

**Trying again.** `Retry-After` says when; waiting so long works. A create has no idempotency key: after 502 \
`vendor_unreachable` or `vendor_bad_answer`, or 504, the conference may exist all the same.

**Browsers.** Preflight requests need no token and use up no quota. Every answer carries the CORS headers, \
errors included.";
