//! Problem details (RFC 9457): their schema, an example for each code, and the pages that their `type` leads to.

use bytes::Bytes;
use serde_json::{Value, json};

use super::advice::advice;
use crate::domain::Code;

/// The `type` of a problem: a path on the data port, where its page is.
pub fn problem_type(code: Code) -> String {
    format!("/problems/{}", code.as_str())
}

/// The page at `GET /problems/{code}`: JSON, laid out to be read by people as well.
pub fn problem_page(code: Code) -> Bytes {
    format!("{:#}\n", page(code)).into()
}

pub(super) fn page(code: Code) -> Value {
    let advice = advice(code);
    json!({
        "type": problem_type(code),
        "code": code.as_str(),
        "status": code.status(),
        "title": code.title(),
        "meaning": advice.meaning,
        "remedy": advice.remedy,
    })
}

pub(super) fn page_schema() -> Value {
    json!({
        "type": "object",
        "description": "What a problem means and what to do about it.",
        "required": ["type", "code", "status", "title", "meaning", "remedy"],
        "properties": {
            "type": { "$ref": "#/components/schemas/ProblemType" },
            "code": { "$ref": "#/components/schemas/Code" },
            "status": { "type": "integer", "description": "The HTTP status that comes with it." },
            "title": { "type": "string" },
            "meaning": { "type": "string", "description": "What happened." },
            "remedy": { "type": "string", "description": "What to do." },
        },
    })
}

pub(super) fn type_schema() -> Value {
    json!({
        "type": "string",
        "format": "uri-reference",
        "pattern": "^/problems/[a-z_]+$",
        "description": "A path on this server, where the problem is explained.",
    })
}

pub(super) fn code_schema() -> Value {
    json!({
        "type": "string",
        "enum": Code::ALL.iter().map(|code| code.as_str()).collect::<Vec<_>>(),
        "description": "The reason, out of a closed list. Decide by this, not by the texts.",
    })
}

pub(super) fn schema() -> Value {
    json!({
        "type": "object",
        "description": "An answer of the gateway's own (RFC 9457).",
        "required": ["type", "title", "status", "detail", "code", "request_id"],
        "properties": {
            "type": { "$ref": "#/components/schemas/ProblemType" },
            "title": { "type": "string", "description": "One line for people, the same for every occurrence." },
            "status": { "type": "integer", "minimum": 400, "maximum": 599 },
            "detail": { "type": "string", "description": "What to do about this occurrence." },
            "code": { "$ref": "#/components/schemas/Code" },
            "request_id": { "$ref": "#/components/schemas/RequestId" },
            "errors": {
                "type": "array",
                "description": "Every fault of the body, with `body_invalid`.",
                "maxItems": crate::domain::create::MAX_FAULTS,
                "items": { "$ref": "#/components/schemas/FieldError" },
            },
        },
    })
}

pub(super) fn field_error_schema() -> Value {
    json!({
        "type": "object",
        "required": ["pointer", "detail"],
        "properties": {
            "pointer": {
                "type": "string",
                "format": "json-pointer",
                "description": "Where (RFC 6901); empty for the body as a whole.",
            },
            "detail": { "type": "string", "description": "What is wrong and what would be right." },
        },
    })
}

/// One problem as it could be met.
pub(super) fn example(code: Code) -> Value {
    let mut problem = json!({
        "type": problem_type(code),
        "title": code.title(),
        "status": code.status(),
        "detail": advice(code).remedy,
        "code": code.as_str(),
        "request_id": super::headers::REQUEST_ID,
    });
    if let (Code::BodyInvalid, Some(members)) = (code, problem.as_object_mut()) {
        let detail = "must be 10 (normal), 11 (large) or 12 (live)";
        members.insert("errors".to_owned(), json!([{ "pointer": "/confrType", "detail": detail }]));
    }
    problem
}
