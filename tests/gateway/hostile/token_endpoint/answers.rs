//! What an endpoint may say, or do, that is no token.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::server::{Reply, Step, bytes};

/// What the endpoint does, and what is known of how long it is to be left alone.
pub(super) struct Trouble {
    pub(super) name: &'static str,
    pub(super) reply: Reply,
    /// Whether only a person can cure it, so that asking soon is of no use.
    pub(super) permanent: bool,
    /// How long it asks to be left alone.
    pub(super) asked: Duration,
}

fn passing(name: &'static str, reply: Reply) -> Trouble {
    Trouble { name, reply, permanent: false, asked: Duration::ZERO }
}

fn permanent(name: &'static str, reply: Reply) -> Trouble {
    Trouble { permanent: true, ..passing(name, reply) }
}

fn asking(name: &'static str, reply: Reply, seconds: u64) -> Trouble {
    Trouble { asked: Duration::from_secs(seconds), ..passing(name, reply) }
}

const MIB: usize = 1 << 20;

/// The endpoint answers, and not with a token.
fn refusals() -> Vec<Trouble> {
    let throttled =
        |wait: &str| Reply::json(429, &json!({"error": "reach_limit"})).header("Retry-After", wait);
    vec![
        permanent("400", Reply::json(400, &json!({"error": "invalid_grant"}))),
        permanent("401", Reply::json(401, &json!({"error": "unauthorized"}))),
        permanent("404", Reply::json(404, &json!({"error": "organization_application_not_found"}))),
        passing("403", Reply::status(403)),
        passing("500", Reply::json(500, &json!({"error": "internal"}))),
        passing("502", Reply::body(502, "text/html", "<html>bad gateway</html>")),
        passing("503", Reply::status(503)),
        asking("503 with a wait", Reply::status(503).header("Retry-After", "1"), 1),
        passing("429", Reply::json(429, &json!({"error": "reach_limit"}))),
        asking("429 with a wait", throttled("1"), 1),
        asking("429 with a day's wait", throttled("86400"), 86400),
        asking("429 with a wait beyond measure", throttled(&"9".repeat(50)), 86400),
        passing("429 with a negative wait", throttled("-1")),
        passing("429 with garbage for a wait", throttled("soon")),
        passing("429 with no wait", throttled("0")),
        passing("201", Reply::json(201, &json!({"access_token": "YWMt-x", "expires_in": 60}))),
        passing("204", Reply::status(204)),
        passing("301", Reply::status(301).header("Location", "/elsewhere")),
        passing("307", Reply::status(307).header("Location", "/elsewhere")),
    ]
}

/// It answers 200, and says nothing that could be used.
fn useless() -> Vec<Trouble> {
    let text = |name, text: &str| passing(name, Reply::body(200, "application/json", text));
    let token = |name, token: Value| {
        passing(name, Reply::json(200, &json!({"access_token": token, "expires_in": 60})))
    };
    let life = |name, life: Value| {
        passing(name, Reply::json(200, &json!({"access_token": "YWMt-x", "expires_in": life})))
    };
    vec![
        text("nothing", ""),
        text("no json", "access_token=YWMt-x&expires_in=60"),
        text("half a document", r#"{"access_token":"YWMt-x","expires_"#),
        text("null", "null"),
        text("a list", r#"[{"access_token":"YWMt-x"}]"#),
        text("two tokens", r#"{"access_token":"YWMt-x","access_token":"YWMt-y","expires_in":60}"#),
        text("nested", &"[".repeat(60_000)),
        text("more than is read", &format!(r#"{{"access_token":"YWMt-x","x":"{}"}}"#, "x".repeat(100_000))),
        passing("a page", Reply::body(200, "text/html", "<html>log in</html>")),
        passing(
            "no Unicode",
            Reply::body(200, "application/json", b"{\"access_token\":\"\xff\"}".as_slice()),
        ),
        text("no token", r#"{"expires_in":60,"application":"8be024f0"}"#),
        text("an error inside 200", r#"{"error":"unauthorized"}"#),
        token("a token of null", Value::Null),
        token("a token of digits", json!(7)),
        token("an empty token", json!("")),
        token("a token with a line's end", json!("YWMt\r\nX-Injected: 1")),
        token("a token with a line feed", json!("YWMt\nx")),
        token("a token with a NUL", json!("YWMt\0x")),
        token("a token with a bell", json!("YWMt\u{7}x")),
        token("a token with a space", json!("YWMt x")),
        token("a token with a tab", json!("YWMt\tx")),
        token("a token with an umlaut", json!("YWMt-ä")),
        token("a token of 10 kB", json!("x".repeat(10_000))),
        token("a token of 100 kB", json!("x".repeat(100_000))),
        life("no life", json!(0)),
        life("a negative life", json!(-1)),
        life("a life beyond negative", json!(-1e300)),
        life("no life in a text", json!("0")),
        life("a negative life in a text", json!("-5184000")),
        life("a life of minus nothing", json!(-0.0)),
    ]
}

/// It does not come to an answer.
fn broken() -> Vec<Trouble> {
    let stopping = |name, sent: &str, end: Step| passing(name, Reply::steps([bytes(sent), end]));
    let head = "HTTP/1.1 200 OK\r\nContent-Length: 104857600\r\n\r\n";
    let drops = Step::Trickle(format!("{head}{{\"access_token\"").into(), Duration::from_millis(20));
    let flood = Step::Flood(vec![b' '; MIB].into(), 100);
    vec![
        passing("closed", Reply::close()),
        passing("reset", Reply::reset()),
        passing("hanging before the head", Reply::hang()),
        stopping("hanging within the head", "HTTP/1.1 200 OK\r\nConte", Step::Hang),
        stopping("hanging within the body", &format!("{head}{{\"access_token\":"), Step::Hang),
        stopping("reset within the body", &format!("{head}{{\"access_token\":"), Step::Reset),
        stopping("closed within the body", &format!("{head}{{\"access_token\":\"YWMt-x\"}}"), Step::Close),
        passing("in drops", Reply::steps([drops])),
        passing("100 MB", Reply::steps([bytes(head), flood, Step::Close])),
        passing("no http", Reply::raw("SSH-2.0-OpenSSH_9.6\r\n")),
        passing(
            "two lengths",
            Reply::raw("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{}"),
        ),
    ]
}

pub(super) fn troubles() -> Vec<Trouble> {
    [refusals(), useless(), broken()].into_iter().flatten().collect()
}
