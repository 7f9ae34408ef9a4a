//! The paths and what can be done at each.

use serde_json::{Map, Value, json};

use super::{headers, parameters, responses, schemas};
use crate::domain::{Action, Code};

/// What is said of one of the four calls, wherever its path is.
struct Call {
    action: Action,
    method: &'static str,
    id: &'static str,
    summary: &'static str,
    description: &'static str,
    answer: &'static str,
}

const CREATE: Call = Call {
    action: Action::Create,
    method: "post",
    id: "createConference",
    summary: "Create a conference",
    description: "Needs the scope `conference:create`. The caller becomes the conference's administrator.",
    answer: "CreatedConference",
};

const GET: Call = Call {
    action: Action::Get,
    method: "get",
    id: "readConference",
    summary: "Read a conference",
    description: "Needs the scope `conference:get`.",
    answer: "Conference",
};

const DISSOLVE: Call = Call {
    action: Action::Dissolve,
    method: "delete",
    id: "dissolveConference",
    summary: "Dissolve a conference",
    description: "Needs the scope `conference:dissolve`. Every member is sent away.",
    answer: "Done",
};

const KICK: Call = Call {
    action: Action::Kick,
    method: "delete",
    id: "kickMember",
    summary: "Send a member away",
    description: "Needs the scope `conference:kick`.",
    answer: "Done",
};

/// Every path.
pub(super) fn paths() -> Value {
    json!({
        "/conferences": item(&[], &[&CREATE], OWN),
        "/conferences/{confrId}": item(&["confrId"], &[&GET, &DISSOLVE], OWN),
        "/conferences/{confrId}/{userName}": item(&["confrId", "userName"], &[&KICK], OWN),
        "/{org}/{app}/conferences": item(&["org", "app"], &[&CREATE], VENDOR),
        "/{org}/{app}/conferences/{confrId}": item(&["org", "app", "confrId"], &[&GET, &DISSOLVE], VENDOR),
        "/{org}/{app}/conferences/{confrId}/{userName}":
            item(&["org", "app", "confrId", "userName"], &[&KICK], VENDOR),
        "/openapi.json": { "get": open_operation("readDescription", "Read this document", description_answer()) },
        "/problems/{code}": {
            "parameters": parameters::references(&["code"]),
            "get": open_operation("readProblem", "Read what a problem means", page_answer()),
        },
    })
}

/// One of the two families of paths to the same calls.
#[derive(Clone, Copy)]
struct Family {
    tag: &'static str,
    suffix: &'static str,
}

const OWN: Family = Family { tag: "conferences", suffix: "" };
const VENDOR: Family = Family { tag: "vendor path", suffix: "AtVendorPath" };

fn item(in_path: &[&str], calls: &[&Call], family: Family) -> Value {
    let mut item = Map::new();
    if !in_path.is_empty() {
        item.insert("parameters".to_owned(), parameters::references(in_path));
    }
    for call in calls {
        item.insert(call.method.to_owned(), operation(call, family));
    }
    let calls: String = calls.iter().map(|call| call.id).collect();
    item.insert("options".to_owned(), preflight(&calls, family));
    item.into()
}

/// What a browser asks on its own before it lets a page's script call (Fetch, section 3.3).
fn preflight(calls: &str, family: Family) -> Value {
    json!({
        "operationId": format!("{calls}{}Preflight", family.suffix),
        "tags": [family.tag],
        "summary": "Preflight of a browser",
        "description": "Needs no token and uses up no quota.",
        "security": [],
        "responses": { "2XX": { "description": "What pages may do.", "headers": headers::of_preflight() } },
    })
}

fn operation(call: &Call, family: Family) -> Value {
    let mut responses = responses::of(call.action);
    responses.insert("200".to_owned(), answer(call.answer));
    responses.insert("default".to_owned(), anything_else());
    let mut operation = json!({
        "operationId": format!("{}{}", call.id, family.suffix),
        "tags": [family.tag],
        "summary": call.summary,
        "description": call.description,
        "parameters": parameters::references(&["traceparent"]),
        "responses": responses,
    });
    if let (Action::Create, Some(members)) = (call.action, operation.as_object_mut()) {
        members.insert("requestBody".to_owned(), create_body());
    }
    operation
}

fn create_body() -> Value {
    json!({
        "description": "May be left out altogether, which means `{}`.",
        "required": false,
        "content": { "application/json": {
            "schema": { "$ref": "#/components/schemas/CreateConference" },
            "examples": {
                "some": { "summary": "A normal conference that waits ten minutes", "value": schemas::create_example() },
                "none": { "summary": "Everything by default", "value": {} },
            },
        } },
    })
}

fn answer(schema: &str) -> Value {
    json!({
        "description": "The conference service's answer. `error` can tell of a failure all the same.",
        "headers": headers::of(200),
        "content": {
            "application/json": { "schema": { "$ref": format!("#/components/schemas/{schema}") } },
            "*/*": {},
        },
    })
}

/// The conference service's answer is passed on whatever it is.
fn anything_else() -> Value {
    json!({
        "description": "Whatever else the conference service answers, passed on as it came.",
        "headers": headers::of(200),
        "content": responses::whatever_the_service_says(),
    })
}

fn open_operation(id: &str, summary: &str, answer: Value) -> Value {
    let mut responses = responses::of_open_operation();
    responses.insert("200".to_owned(), answer);
    json!({
        "operationId": id,
        "tags": ["documentation"],
        "summary": summary,
        "security": [],
        "responses": responses,
    })
}

fn description_answer() -> Value {
    json!({
        "description": "An OpenAPI 3.1 document.",
        "headers": headers::of_open_answer(200),
        "content": { "application/json": { "schema": { "type": "object" } } },
    })
}

fn page_answer() -> Value {
    json!({
        "description": "What the problem means and what to do about it.",
        "headers": headers::of_open_answer(200),
        "content": { "application/json": {
            "schema": { "$ref": "#/components/schemas/ProblemPage" },
            "example": super::problem::page(Code::TokenExpired),
        } },
    })
}
