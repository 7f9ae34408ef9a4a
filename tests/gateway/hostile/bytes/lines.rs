//! The request line: methods, versions, and what is between them.

use super::case::Answered::{Denied, Public, Refused};
use super::case::End::{Closed, Kept, Over};
use super::case::{BODY, Case, MALFORMED, call, created, each, get, got, post, request, smuggled};
use super::harness::Harness;

fn with_line(line: &str) -> String {
    request(line, "Host: gate.test", "")
}

/// Lines that are none, or that some read otherwise.
const NO_LINES: &[&str] = &[
    "GET",
    "GET ",
    "GET /conferences/$ID",
    "GET /conferences/$ID ",
    " GET /conferences/$ID HTTP/1.1",
    "GET  /conferences/$ID HTTP/1.1",
    "GET\t/conferences/$ID HTTP/1.1",
    "GET\t/conferences/$ID\tHTTP/1.1",
    "GET /conferences/$ID\tHTTP/1.1",
    "GET /conferences/$ID  HTTP/1.1",
    "GET /conferences/$ID HTTP/1.1 ",
    "GET /conferences/$ID HTTP/1.1\t",
    "GET /conferences/$ID HTTP/1.1 HTTP/1.1",
    "GET /conferences/$ID x HTTP/1.1",
    "GET /conferences/$ID HTTP /1.1",
    "GET /conferences/$ID\u{a0}HTTP/1.1",
    "GET/conferences/$ID HTTP/1.1",
    "GET /conferences/$IDHTTP/1.1",
    "/conferences/$ID HTTP/1.1",
    " /conferences/$ID HTTP/1.1",
    "GET: /conferences/$ID HTTP/1.1",
    "\"GET\" /conferences/$ID HTTP/1.1",
    "(GET) /conferences/$ID HTTP/1.1",
    "GET,POST /conferences/$ID HTTP/1.1",
    "G\u{c9}T /conferences/$ID HTTP/1.1",
    "Host: gate.test",
    "HTTP/1.1 200 OK",
];

/// Versions that are none, or none that is spoken here.
const NO_VERSIONS: &[&str] = &[
    "HTTP/0.9",
    "HTTP/1.2",
    "HTTP/1.9",
    "HTTP/1.10",
    "HTTP/1.01",
    "HTTP/01.1",
    "HTTP/1.",
    "HTTP/1",
    "HTTP/.1",
    "HTTP/1,1",
    "HTTP/1.1.1",
    "HTTP/1.-1",
    "HTTP/2",
    "HTTP/2.0",
    "HTTP/3.0",
    "HTTP/11",
    "HTTP/1.1a",
    "http/1.1",
    "Http/1.1",
    "HTTP1.1",
    "HTTP-1.1",
    "HTTP\\1.1",
    "HTTPS/1.1",
    "HTTP",
    "XHTTP/1.1",
    "ICY/1.0",
    "RTSP/1.0",
    "SIP/2.0",
    "HTTP/1.1;x",
    "\u{c8}TTP/1.1",
];

#[tokio::test]
async fn a_line_is_a_method_a_target_and_a_version() {
    let versions = |version: &str| with_line(&format!("GET /conferences/$ID {version}"));
    let mut cases = each("no line", NO_LINES, with_line, &[MALFORMED], Closed);
    cases.extend(each("no version", NO_VERSIONS, versions, &[MALFORMED], Closed));
    let old = request("GET /conferences/$ID HTTP/1.0", "Host: gate.test", "");
    cases.push(Case::new("1.0", old.clone() + &smuggled(), &[got()], Over));
    let kept = request("GET /conferences/$ID HTTP/1.0", "Connection: Keep-Alive", "");
    cases.push(Case::new("1.0 kept", kept, &[got()], Kept));
    cases.push(Case::new("0.9", "GET /conferences/$ID\r\n\r\n", &[MALFORMED], Closed));
    cases.push(Case::new("0.9 with LF", "GET /conferences/$ID\n", &[MALFORMED], Closed));
    Harness::start().await.runs(&cases).await;
}

/// Methods that the path does not have, and some that are close to those it has.
const OTHER_METHODS: &[&str] = &[
    "get",
    "Get",
    "GETT",
    "GE",
    "POST",
    "PUT",
    "PATCH",
    "TRACE",
    "TRACK",
    "DEBUG",
    "PROPFIND",
    "MKCOL",
    "MOVE",
    "PURGE",
    "SEARCH",
    "LINK",
    "HTTP",
    "QUERY",
    "M-SEARCH",
    "!#$%&'*+-.^_`|~",
    "0",
    "GET-",
    "X-HTTP-METHOD-OVERRIDE",
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
];

#[tokio::test]
async fn a_method_is_one_that_the_path_has() {
    let line = |method: &str| with_line(&format!("{method} /conferences/$ID HTTP/1.1"));
    let mut cases = each("a method", OTHER_METHODS, line, &[Refused("method_not_allowed")], Kept);
    let long = line(&"A".repeat(8000));
    cases.push(Case::new("a long method", long, &[Refused("method_not_allowed")], Kept));
    cases.push(Case::new("dissolve", line("DELETE"), &[call("DELETE", "/$ID", "")], Kept));
    cases.push(Case::new("HEAD", line("HEAD"), &[Refused("method_not_allowed")], Kept).headed());
    let kick = with_line("DELETE /conferences/$ID/Yang.SS HTTP/1.1");
    cases.push(Case::new("kick", kick, &[call("DELETE", "/$ID/yang.ss", "")], Kept));
    let connect = |target: &str| with_line(&format!("CONNECT {target} HTTP/1.1"));
    let targets = ["gate.test:443", "127.0.0.1:80", "/conferences/$ID", "http://gate.test/conferences/$ID"];
    cases.push(Case::new("CONNECT to a host", connect(targets[0]), &[Refused("route_unknown")], Kept));
    cases.push(Case::new("CONNECT to an address", connect(targets[1]), &[Refused("route_unknown")], Kept));
    cases.push(Case::new("CONNECT to a path", connect(targets[2]), &[Refused("method_not_allowed")], Kept));
    cases.push(Case::new("CONNECT to a URI", connect(targets[3]), &[Refused("method_not_allowed")], Kept));
    Harness::start().await.runs(&cases).await;
}

/// Fields by which some servers let a request be another one.
const OVERRIDES: &[&str] = &[
    "X-HTTP-Method-Override: DELETE",
    "X-HTTP-Method: DELETE",
    "X-Method-Override: DELETE",
    "_method: DELETE",
    "X-Original-URL: /conferences/$BAD",
    "X-Rewrite-URL: /conferences/$BAD",
    "X-Original-URI: /conferences/$BAD",
    "X-Forwarded-Host: elsewhere.test",
    "X-Forwarded-Path: /conferences/$BAD",
    "X-Forwarded-Prefix: /conferences/$BAD",
    "X-Forwarded-Proto: https",
    "X-Forwarded-Port: 0",
    "X-Forwarded-For: 10.0.0.1",
    "X-Forwarded-For: \u{ff}, , 1",
    "Forwarded: for=10.0.0.1;host=elsewhere.test",
    "X-Real-IP: 10.0.0.1",
    "X-Tenant: acme",
    "X-Host: elsewhere.test",
    "X-Accel-Redirect: /conferences/$BAD",
    "X-Sendfile: /etc/passwd",
    "Proxy-Authorization: Basic eDp5",
    "Cookie: Authorization=Bearer",
    "Traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    "Traceparent: x\"y",
    "X-Request-Id: $BAD",
    "Accept: text/html\r\nAccept-Encoding: gzip\r\nUser-Agent: $BAD",
    "Range: bytes=0-1\r\nIf-None-Match: *\r\nIf-Match: \"x\"",
    "HTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA",
    "Content-Encoding: gzip",
    "Content-Type: text/html",
];

#[tokio::test]
async fn no_field_makes_it_another_request() {
    let mut cases = each("an override", OVERRIDES, get, &[got()], Kept);
    let creates = |lines: &str| post(&format!("Content-Length: 35\r\n{lines}"), BODY);
    cases.extend(each(
        "an override of a create",
        &OVERRIDES[..OVERRIDES.len() - 2],
        creates,
        &[created()],
        Kept,
    ));
    cases.extend(each(
        "no JSON",
        &[
            "Content-Encoding: gzip",
            "Content-Type: application/json",
            "Content-Type: text/plain",
            "Content-Encoding: identity, gzip",
        ],
        creates,
        &[Denied("media_type_unsupported")],
        Kept,
    ));
    Harness::start().await.runs(&cases).await;
}

/// What anybody may ask for has no body either that could be a request.
#[tokio::test]
async fn a_public_answer_hides_no_request() {
    let body = smuggled();
    let with_body = |line: &str| request(line, "Host: gate.test\r\nContent-Length: 35", BODY);
    let chunked =
        |line: &str| request(line, "Host: gate.test\r\nTransfer-Encoding: chunked", "3\r\nabc\r\n0\r\n\r\n");
    let coded = |line: &str| {
        request(line, "Host: gate.test\r\nTransfer-Encoding: gzip, chunked", "3\r\nabc\r\n0\r\n\r\n") + &body
    };
    let lines = [
        "OPTIONS * HTTP/1.1",
        "OPTIONS /conferences HTTP/1.1",
        "GET /openapi.json HTTP/1.1",
        "GET /problems/internal HTTP/1.1",
    ];
    let mut cases = Vec::new();
    for line in lines {
        cases.push(Case::new(line, request(line, "Host: gate.test", ""), &[Public(200)], Kept));
        cases.push(Case::new(format!("{line} in chunks of a coding"), coded(line), &[Public(200)], Closed));
        cases.push(Case::new(format!("{line} with a body"), with_body(line), &[Public(200)], Kept));
        cases.push(Case::new(format!("{line} in chunks"), chunked(line), &[Public(200)], Kept));
    }
    Harness::start().await.runs(&cases).await;
}
