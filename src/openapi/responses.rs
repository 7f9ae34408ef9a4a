//! The gateway's own answers: for each operation the codes that it can give, grouped by status.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::{headers, problem};
use crate::domain::{Action, Code};

/// Whether a request for an action can end with a code: only a create has a body to be wrong.
fn can_answer(action: Action, code: Code) -> bool {
    match code {
        Code::BodyMalformed
        | Code::BodyInvalid
        | Code::BodyTooLarge
        | Code::MediaTypeUnsupported
        | Code::CreatorForbidden => action == Action::Create,
        _ => true,
    }
}

/// What can go wrong with a request that is answered before any token is looked at.
const WITHOUT_TOKEN: [Code; 7] = [
    Code::RequestMalformed,
    Code::RouteUnknown,
    Code::RequestTimeout,
    Code::HeadersTooLarge,
    Code::Internal,
    Code::Overloaded,
    Code::ShuttingDown,
];

/// Every refusal, for `components`. Operations that can answer a status with the same codes share one.
pub(super) fn all() -> Value {
    let mut responses = Map::new();
    for action in Action::ALL {
        for (status, codes) in by_status(codes(action)) {
            let mut response = refusal(status, &codes, &headers::of(status));
            also_the_services(status, &mut response);
            responses.insert(name(status, &codes), response);
        }
    }
    for (status, codes) in by_status(WITHOUT_TOKEN) {
        let response = refusal(status, &codes, &headers::of_open_answer(status));
        responses.insert(open_name(status), response);
    }
    responses.into()
}

/// References to the refusals of an action, by status.
pub(super) fn of(action: Action) -> Map<String, Value> {
    let entry = |(status, codes): (u16, Vec<Code>)| (status.to_string(), reference(&name(status, &codes)));
    by_status(codes(action)).into_iter().map(entry).collect()
}

/// References to the refusals of an operation that needs no token, by status.
pub(super) fn of_open_operation() -> Map<String, Value> {
    let entry = |(status, _)| (u16::to_string(&status), reference(&open_name(status)));
    by_status(WITHOUT_TOKEN).into_iter().map(entry).collect()
}

fn codes(action: Action) -> impl Iterator<Item = Code> {
    Code::ALL.iter().copied().filter(move |code| can_answer(action, *code))
}

fn by_status(codes: impl IntoIterator<Item = Code>) -> BTreeMap<u16, Vec<Code>> {
    let mut statuses: BTreeMap<u16, Vec<Code>> = BTreeMap::new();
    for code in codes {
        statuses.entry(code.status()).or_default().push(code);
    }
    statuses
}

/// `Refused403`, or with the actions' names where not all actions answer it with the same codes.
fn name(status: u16, codes: &[Code]) -> String {
    let same = |action: &Action| by_status(self::codes(*action)).get(&status).is_some_and(|own| own == codes);
    let actions: BTreeSet<_> = Action::ALL.iter().filter(|action| same(action)).map(|a| a.as_str()).collect();
    if actions.len() == Action::ALL.len() {
        format!("Refused{status}")
    } else {
        format!("Refused{status}-{}", actions.into_iter().collect::<Vec<_>>().join("-"))
    }
}

fn open_name(status: u16) -> String {
    format!("Refused{status}-documentation")
}

fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/components/responses/{name}") })
}

fn refusal(status: u16, codes: &[Code], headers: &Value) -> Value {
    let content = json!({ "application/problem+json": {
        "schema": {
            "allOf": [{ "$ref": "#/components/schemas/Problem" }],
            "properties": {
                "status": { "const": status },
                "code": { "enum": codes.iter().map(|code| code.as_str()).collect::<Vec<_>>() },
            },
        },
        "examples": codes.iter().copied().map(example).collect::<Map<_, _>>(),
    } });
    let titles: Vec<_> = codes.iter().map(|code| format!("`{}`: {}.", code.as_str(), code.title())).collect();
    json!({ "description": titles.join("\n\n"), "headers": headers, "content": content })
}

/// The conference service can answer any status too, but for 401, which never gets past the gateway.
fn also_the_services(status: u16, response: &mut Value) {
    if status == 401 {
        return;
    }
    let own = response["description"].as_str().unwrap_or_default();
    response["description"] = format!("{own}\n\n{}", meaning_of_the_service(status)).into();
    if let Some(content) = response["content"].as_object_mut() {
        content.extend(whatever_the_service_says());
    }
}

/// The media types of an error of the conference service: its own, or whatever a proxy in front of it sends.
pub(super) fn whatever_the_service_says() -> Map<String, Value> {
    let mut content = Map::new();
    let error = json!({ "schema": { "$ref": "#/components/schemas/ServiceError" } });
    content.insert("application/json".to_owned(), error);
    content.insert("*/*".to_owned(), json!({}));
    content
}

fn meaning_of_the_service(status: u16) -> &'static str {
    match status {
        403 => "From the conference service: the audio and video service is not opened.",
        404 => "From the conference service: there is no such conference.",
        429 => "From the conference service: its own limit is reached.",
        _ => "As any other media type than `application/problem+json`: from the conference service.",
    }
}

fn example(code: Code) -> (String, Value) {
    let example = json!({ "summary": code.title(), "value": problem::example(code) });
    (code.as_str().to_owned(), example)
}
