//! What holds for every refusal.

use std::collections::BTreeSet;

use confgate::domain::Code;
use serde_json::Value;
use sfv::{BareItem, List, ListEntry, Parser};

use super::evidence::Evidence;
use crate::support::configuration::CLIENT_SECRET;

/// Fails the test unless the refusal keeps every rule.
pub(super) fn hold(evidence: &Evidence) {
    problem(evidence);
    challenge(evidence);
    readable_for_pages(evidence);
    told_whose_answer(evidence);
    told_when_to_try_again(evidence);
    on_record(evidence);
    counted(evidence);
    seen_by_the_vendor(evidence);
    nothing_secret(evidence);
    evidence.api.describes(evidence.method, evidence.path, &evidence.answer);
}

/// RFC 9457, with a `type` that leads to a page about the same code.
fn problem(evidence: &Evidence) {
    let (code, answer) = (evidence.code, &evidence.answer);
    assert_eq!(answer.problem(), code.as_str(), "{}", answer.text());
    assert_eq!(answer.status, code.status());
    let problem = answer.json();
    let mut members: BTreeSet<&str> =
        problem.as_object().expect("an object").keys().map(String::as_str).collect();
    assert_eq!(members.remove("errors"), code == Code::BodyInvalid);
    assert_eq!(members, BTreeSet::from(["code", "detail", "request_id", "status", "title", "type"]));
    assert_eq!(problem["title"], code.title());
    assert!(problem["detail"].as_str().is_some_and(|detail| detail.len() > 10), "{problem}");
    assert_eq!(answer.header("x-request-id"), problem["request_id"].as_str());
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert!(answer.header("date").is_some(), "RFC 9110, section 6.6.1");

    assert_eq!(problem["type"], format!("/problems/{}", code.as_str()));
    let page = evidence.page.json();
    assert_eq!((evidence.page.status, &page["code"]), (200, &problem["code"]));
    assert_eq!((&page["type"], &page["status"]), (&problem["type"], &problem["status"]));
}

/// RFC 6750, section 3.
fn challenge(evidence: &Evidence) {
    let challenge = evidence.answer.header("www-authenticate");
    match evidence.code {
        Code::TokenMissing => assert_eq!(challenge, Some("Bearer realm=\"confgate\"")),
        code if code.status() == 401 => {
            let expected = "Bearer realm=\"confgate\", error=\"invalid_token\", error_description=";
            assert!(challenge.is_some_and(|challenge| challenge.starts_with(expected)), "{challenge:?}");
        }
        Code::ScopeMissing | Code::CreatorForbidden => {
            let scope = match evidence.code {
                Code::ScopeMissing => "conference:create",
                _ => "conference:create_for_others",
            };
            let expected =
                format!("Bearer realm=\"confgate\", error=\"insufficient_scope\", scope=\"{scope}\"");
            assert_eq!(challenge, Some(&*expected));
        }
        _ => assert_eq!(challenge, None),
    }
}

/// The Fetch standard's CORS protocol: the page may read the answer, and every header that means something to it.
fn readable_for_pages(evidence: &Evidence) {
    let answer = &evidence.answer;
    assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
    let exposed = answer.header("access-control-expose-headers").expect("exposed headers").to_lowercase();
    let exposed: Vec<&str> = exposed.split(',').map(str::trim).collect();
    let meant_for_pages = [
        "allow",
        "proxy-status",
        "ratelimit",
        "ratelimit-policy",
        "retry-after",
        "www-authenticate",
        "x-request-id",
    ];
    for (name, _) in &answer.headers.0 {
        let name = name.to_lowercase();
        assert!(
            !meant_for_pages.contains(&&*name) || exposed.contains(&&*name),
            "{name} is hidden from pages"
        );
    }
}

/// Of the error types of RFC 9209, section 2.3, those that can be meant here.
const REGISTERED: [&str; 10] = [
    "connection_limit_reached",
    "connection_terminated",
    "destination_unavailable",
    "http_protocol_error",
    "http_request_denied",
    "http_request_error",
    "http_response_incomplete",
    "http_response_timeout",
    "proxy_internal_error",
    "proxy_internal_response",
];

/// RFC 9209: an answer of the gateway's own, with the kind of error.
fn told_whose_answer(evidence: &Evidence) {
    let value = evidence.answer.header("proxy-status").expect("Proxy-Status");
    let list: List = Parser::new(value).parse().expect("a structured field");
    let [ListEntry::Item(item)] = list.as_slice() else { panic!("{list:?}") };
    assert!(matches!(&item.bare_item, BareItem::Token(name) if name.as_str() == "confgate"), "{item:?}");
    let error = item.params.iter().find(|(key, _)| key.as_str() == "error").map(|(_, error)| error);
    let Some(BareItem::Token(error)) = error else { panic!("no error in {item:?}") };
    assert!(REGISTERED.contains(&error.as_str()), "{error:?}");
}

fn told_when_to_try_again(evidence: &Evidence) {
    let wait = evidence.answer.header("retry-after");
    let expected = matches!(evidence.code.status(), 429 | 503);
    assert_eq!(wait.is_some(), expected, "{wait:?}");
    if let Some(wait) = wait {
        assert!(wait.parse().is_ok_and(|seconds: u64| seconds >= 1), "{wait}");
    }
}

fn on_record(evidence: &Evidence) {
    let (outcome, status) = (&evidence.outcome, evidence.code.status());
    assert_eq!(outcome["reason"], evidence.code.as_str(), "{outcome}");
    assert_eq!(outcome["status"], status);
    let all_checks_passed = outcome["attempts"] != 0 || !outcome["intent"].is_null();
    let decision = if all_checks_passed { "allowed" } else { "refused" };
    assert_eq!((&outcome["decision"], &outcome["caller_gone"]), (&decision.into(), &false.into()));
}

/// As often as the trail says.
fn counted(evidence: &Evidence) {
    let label = format!("code=\"{}\"", evidence.code.as_str());
    let of_code = |line: &&str| line.starts_with("confgate_requests_total{") && line.contains(&label);
    let counts = evidence.metrics.lines().filter(of_code).filter_map(|line| line.rsplit_once(' '));
    let total: usize = counts.map(|(_, count)| count.parse::<usize>().expect("a count")).sum();
    assert!(total >= 1, "{label} is not counted");
    assert_eq!(total, evidence.recorded, "{label}");
}

/// Nothing, unless it is about what the vendor did.
fn seen_by_the_vendor(evidence: &Evidence) {
    let attempts = evidence.outcome["attempts"].as_u64();
    assert_eq!(attempts, u64::try_from(evidence.calls.len()).ok());
    let asked = matches!(
        evidence.code,
        Code::VendorUnreachable
            | Code::VendorBadAnswer
            | Code::VendorRefusedCredentials
            | Code::VendorTimeout
    );
    assert_eq!(attempts > Some(0), asked, "{}", evidence.outcome);
    assert_eq!(evidence.outcome["vendor_us"] == Value::Null, !asked);
}

/// Neither the vendor's token nor the client's secret.
fn nothing_secret(evidence: &Evidence) {
    let told = format!("{:?} {} {}", evidence.answer.headers, evidence.answer.text(), evidence.outcome);
    for secret in ["YWMt", CLIENT_SECRET] {
        assert!(!told.contains(secret) && !evidence.metrics.contains(secret), "{secret} in {told}");
    }
}
