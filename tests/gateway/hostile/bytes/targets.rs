//! The request target: its four forms, and everything that some decode, join or cut off.

use super::case::Answered::{Public, Refused};
use super::case::End::{Closed, Kept};
use super::case::{Case, MALFORMED, call, created_by_default, each, got, request};
use super::harness::Harness;

fn get_target(target: &str) -> String {
    request(&format!("GET {target} HTTP/1.1"), "Host: gate.test", "")
}

fn delete_target(target: &str) -> String {
    request(&format!("DELETE {target} HTTP/1.1"), "Host: gate.test", "")
}

const UNKNOWN: &[super::case::Answered] = &[Refused("route_unknown")];

/// Paths that lead nowhere, wherever a decoder, a normalizer or a cutter would take them.
const NOWHERE: &[&str] = &[
    "**",
    "/conferences/$ID^",
    "/",
    "//",
    "/conferences/",
    "/conferences//",
    "/conferences//$ID",
    "//conferences/$ID",
    "///conferences/$ID",
    "/conferences/$ID/",
    "/conferences/$ID//",
    "/./conferences/$ID",
    "/conferences/./$ID",
    "/conferences/$ID/.",
    "/conferences/$ID/./x",
    "/x/../conferences/$ID",
    "/conferences/../conferences/$ID",
    "/conferences/$ID/..",
    "/conferences/$ID/../$BAD",
    "/conferences/$ID/../../token",
    "/../conferences/$ID",
    "/../../etc/passwd",
    "/conferences/...",
    "/conferences/.",
    "/conferences/..",
    "/conferences/%2e",
    "/conferences/%2e%2e",
    "/conferences/%2E%2E/$BAD",
    "/conferences/.%2e/token",
    "/conferences/%2e%2e%2ftoken",
    "/conferences/$ID%2f..%2f$BAD",
    "/conferences/$ID%2F$BAD",
    "/conferences%2f$ID",
    "/%63onferences/$ID",
    "/conferences/%63$ID",
    "/conferences/$ID%20",
    "/conferences/$ID%00",
    "/conferences/%00$ID",
    "/conferences/$ID%0d%0aX:%20y",
    "/conferences/$ID%0d%0a%0d%0aGET%20/conferences/$BAD",
    "/conferences/$ID%0a",
    "/conferences/$ID%09",
    "/conferences/$ID%23",
    "/conferences/$ID%3f",
    "/conferences/$ID%3b",
    "/conferences/$ID%5c..",
    "/conferences/$ID%",
    "/conferences/$ID%4",
    "/conferences/$ID%zz",
    "/conferences/$ID%u002f",
    "/conferences/$ID%252f$BAD",
    "/conferences/%252e%252e/$BAD",
    "/conferences/%25%32%65",
    "/conferences/%c0%ae%c0%ae/$BAD",
    "/conferences/$ID%c0%af$BAD",
    "/conferences/%e0%80%ae",
    "/conferences/%f0%80%80%af",
    "/conferences/%ef%bc%8f",
    "/conferences/\u{c3}\u{a4}",
    "/conferences/$ID;a=b",
    "/conferences/$ID;",
    "/conferences;a=b/$ID",
    "/;/conferences/$ID",
    "/conferences/..;/$BAD",
    "/conferences/$ID/..;/..;/token",
    "/conferences/$ID.json",
    "/conferences/$ID,x",
    "/conferences/$ID:80",
    "/conferences/$ID@x",
    "/conferences/$ID&a=b",
    "/conferences/$ID=",
    "/conferences/$ID+x",
    "/conferences/$ID~",
    "/conferences/$ID*",
    "/conferences/$ID'",
    "/conferences/$ID\"",
    "/conferences/$ID|x",
    "/conferences/{$ID}",
    "/conferences/$ID\\..\\x",
    "/\\conferences/$ID",
    "/conferences\\$ID",
    "/Conferences/$ID",
    "/CONFERENCES/$ID",
    "/conferences2/$ID",
    "/conference/$ID",
    "/conferences/room",
    "/conferences/$ID/x/y",
    "/1100181023201864/voicechatroom/token",
    "/1100181023201864/voicechatroom/users",
    "/1100181023201864/voicechatroom/conferences/../token",
    "/1100181023201864/voicechatroom//conferences/$ID",
    "/1100181023201864/../voicechatroom/conferences/$ID",
    "/1100181023201864//conferences/$ID",
    "/1100181023201864/voicechatroom/x/conferences/$ID",
    "/1100181023201864%2fvoicechatroom/conferences/$ID",
    "/management/token",
    "/openapi.json/",
    "/openapi.json%00",
    "/problems/../openapi.json",
    "/problems/",
    "/status",
    "/metrics",
];

/// Targets that are none.
const NO_TARGETS: &[&str] = &[
    "http://gate.test\\conferences/$ID",
    "/conferences/$ID?\u{ff}",
    "/conferences/\u{ff}",
    "/conferences/\u{c0}\u{af}",
    "\\conferences\\$ID",
    "%2fconferences/$ID",
    "conferences/$ID",
    "./conferences/$ID",
    "../conferences/$ID",
    "?x",
    "#x",
    "/conferences/<$ID>",
    "/conferences/$ID`",
    "http://",
    "http:///conferences/$ID",
    "http:/conferences/$ID",
    "http:conferences/$ID",
    "http//gate.test/conferences/$ID",
    "http://gate test/conferences/$ID",
    "http://[::1/conferences/$ID",
    "http://gate.test:port:1/conferences/$ID",
    "*/conferences/$ID",
    "/conferences/$ID?<x>",
];

/// URIs that are none of this service's: of another scheme, of none, or with credentials (RFC 9110, section 4.2.4).
const MISDIRECTED: &[&str] = &[
    "://gate.test/conferences/$ID",
    "ftp://gate.test/conferences/$ID",
    "ws://gate.test/conferences/$ID",
    "file://gate.test/conferences/$ID",
    "httpx://gate.test/conferences/$ID",
    "x-y.z+1://gate.test/conferences/$ID",
    "http://user@gate.test/conferences/$ID",
    "http://user:pass@gate.test/conferences/$ID",
    "http://@gate.test/conferences/$ID",
    "http://gate.test@elsewhere.test/conferences/$ID",
];

/// Targets that lead to the conference and nowhere else. Neither a scheme nor a host is of any account here, and a
/// query and a fragment are no part of the path.
const HERE: &[&str] = &[
    "/conferences/$ID",
    "/conferences/$ID?",
    "/conferences/$ID?a=b&c",
    "/conferences/$ID?/../$BAD",
    "/conferences/$ID?%00%0d%0a",
    "/conferences/$ID??",
    "/conferences/$ID?x=http://elsewhere.test/conferences/$BAD",
    "/conferences/$ID?_method=DELETE",
    "/conferences/$ID?x^",
    "/conferences/$ID?access_tokens=x",
    "/conferences/$ID#",
    "/conferences/$ID#/../$BAD",
    "/conferences/$ID?x#y",
    "/1100181023201864/voicechatroom/conferences/$ID",
    "http://gate.test/conferences/$ID",
    "HTTP://GATE.TEST/conferences/$ID",
    "http://elsewhere.test/conferences/$ID",
    "http://gate.test:8080/conferences/$ID?x",
    "http://127.0.0.1:9090/conferences/$ID",
    "http://[::1]:1/conferences/$ID",
    "https://gate.test/conferences/$ID",
    "https://gate.test/conferences/$ID#x",
];

#[tokio::test]
async fn a_path_leads_here_or_nowhere() {
    let mut cases = each("nowhere", NOWHERE, get_target, UNKNOWN, Kept);
    cases.extend(each("nowhere to be dissolved", &NOWHERE[..70], delete_target, UNKNOWN, Kept));
    cases.extend(each("no target", NO_TARGETS, get_target, &[MALFORMED], Closed));
    cases.extend(each("misdirected", MISDIRECTED, get_target, &[MALFORMED], Kept));
    cases.extend(each("here", HERE, get_target, &[got()], Kept));
    Harness::start().await.runs(&cases).await;
}

#[tokio::test]
async fn a_form_that_names_no_path_leads_nowhere() {
    let line = |line: &str| request(line, "Host: gate.test", "");
    let mut cases = each(
        "no path",
        &[
            "GET http://gate.test HTTP/1.1",
            "GET http://gate.test/ HTTP/1.1",
            "GET http://gate.test?/conferences/$ID HTTP/1.1",
            "GET http://gate.test#/conferences/$ID HTTP/1.1",
            "GET gate.test:80 HTTP/1.1",
            "GET gate.test HTTP/1.1",
            "GET * HTTP/1.1",
            "POST * HTTP/1.1",
            "DELETE * HTTP/1.1",
            "GET http://gate.test//conferences/$ID HTTP/1.1",
            "GET http://gate.test/../conferences/$ID HTTP/1.1",
            "GET http://gate.test/http://gate.test/conferences/$ID HTTP/1.1",
        ],
        line,
        UNKNOWN,
        Kept,
    );
    cases.push(Case::new("any, asterisk", line("OPTIONS * HTTP/1.1"), &[Public(200)], Kept));
    let create = line("POST http://elsewhere.test/conferences HTTP/1.1");
    cases.push(Case::new("a create in absolute form", create, &[created_by_default()], Kept));
    let foreign = line("GET /1100181023201864/other/conferences/$ID HTTP/1.1");
    cases.push(Case::new("another's app", foreign, &[super::case::Answered::Denied("tenant_unknown")], Kept));
    Harness::start().await.runs(&cases).await;
}

#[tokio::test]
async fn an_id_is_64_characters_at_most() {
    let long = |length: usize| format!("$ID{}", "x".repeat(length - 6));
    let at_most = long(64);
    let kick = format!("/conferences/$ID/{}", "U.-_9".repeat(13));
    let cases = [
        Case::new(
            "64",
            get_target(&format!("/conferences/{at_most}")),
            &[call("GET", &format!("/{at_most}"), "")],
            Kept,
        ),
        Case::new("65", get_target(&format!("/conferences/{}", long(65))), UNKNOWN, Kept),
        Case::new("12 KiB", get_target(&format!("/conferences/{}", long(12 << 10))), UNKNOWN, Kept),
        Case::new(
            "a query of 12 KiB",
            get_target(&format!("/conferences/$ID?{}", "x".repeat(12 << 10))),
            &[got()],
            Kept,
        ),
        Case::new("6000 levels", get_target(&"/x".repeat(6000)), UNKNOWN, Kept),
        Case::new("4000 levels up", get_target(&"/..".repeat(4000)), UNKNOWN, Kept),
        Case::new("a user of 65", delete_target(&kick), UNKNOWN, Kept),
        Case::new(
            "a user of 64",
            delete_target(&kick[..kick.len() - 1]),
            &[call("DELETE", &kick[12..kick.len() - 1].replace('U', "u"), "")],
            Kept,
        ),
        Case::new(
            "a user of dots",
            delete_target("/conferences/$ID/..."),
            &[call("DELETE", "/$ID/...", "")],
            Kept,
        ),
        Case::new("a user of two dots", delete_target("/conferences/$ID/.."), UNKNOWN, Kept),
        Case::new("a user in escapes", delete_target("/conferences/$ID/%2e%2e"), UNKNOWN, Kept),
    ];
    Harness::start().await.runs(&cases).await;
}
