//! By HTTP/1 and HTTP/2, with and without TLS, a request gets the same answer, means the same to the vendor, and
//! leaves the same in the trail.

use serde_json::{Value, json};

use crate::support::CREATE;
use crate::support::certificates::Shown;
use crate::support::client::{Answer, Connection};
use crate::support::configuration::borrowed;
use crate::support::http2::Http2;
use crate::support::server::{Call, Reply};
use crate::support::tally::Tally;
use crate::support::world::World;

const JSON: (&str, &str) = ("content-type", "application/json");

/// What there is to ask: the method, the path, header fields, the body, and whether a token comes with it.
type Question = (&'static str, &'static str, Vec<(&'static str, &'static str)>, String, bool);

fn questions() -> Vec<Question> {
    let plain = |method, path| (method, path, vec![], String::new(), true);
    let create = |path, body: &str| ("POST", path, vec![JSON], body.to_owned(), true);
    let long = format!("{{\"confrType\":10,\"x\":\"{}\"}}", "y".repeat(70_000));
    let preflight = vec![("origin", "https://app.test"), ("access-control-request-method", "POST")];
    vec![
        plain("GET", "/conferences/IM3"),
        plain("GET", "/1100181023201864/voicechatroom/conferences/IM3"),
        plain("GET", "/1100181023201864/other/conferences/IM3"),
        plain("GET", "/conferences/IM3?a=b"),
        plain("GET", "/conferences/IM3?access_token=x"),
        plain("DELETE", "/conferences/IM3"),
        plain("DELETE", "/conferences/IM3/yangss"),
        plain("DELETE", "/conferences/IM3/YangSS"),
        plain("HEAD", "/conferences/IM3"),
        plain("PUT", "/conferences/IM3"),
        plain("TRACE", "/conferences/IM3"),
        plain("GET", "/nothing"),
        plain("GET", "/conferences/../IM3"),
        plain("GET", "/conferences/%49M3"),
        plain("GET", "/openapi.json"),
        plain("POST", "/conferences"),
        create("/conferences", CREATE),
        create("/conferences", "{\"confrType\":99}"),
        create("/conferences", "{\"confrType\":"),
        create("/conferences", &long),
        create("/nothing", CREATE),
        ("POST", "/conferences", vec![("content-type", "text/plain")], CREATE.to_owned(), true),
        ("POST", "/conferences", vec![JSON, ("expect", "100-continue")], CREATE.to_owned(), true),
        ("GET", "/conferences/IM3", vec![], "{}".to_owned(), true),
        ("GET", "/conferences/IM3", vec![("origin", "https://app.test")], String::new(), true),
        ("GET", "/conferences/IM3", vec![("cookie", "a=b"), ("cookie", "c=d")], String::new(), true),
        ("GET", "/conferences/IM3", vec![("authorization", "Basic YTpi")], String::new(), true),
        ("GET", "/conferences/IM3", vec![("authorization", "Bearer x")], String::new(), false),
        ("GET", "/conferences/IM3", vec![], String::new(), false),
        ("OPTIONS", "/conferences", preflight, String::new(), false),
    ]
}

/// A caller by one of the four ways.
enum Caller {
    Http1(Connection),
    Http2(Http2),
    Tls1(Box<Connection<tokio_rustls::client::TlsStream<tokio::net::TcpStream>>>),
}

impl Caller {
    async fn all(clear: &World, tls: &World, shown: &Shown) -> [(&'static str, Self); 4] {
        let http1 = shown.caller().offering(&["http/1.1"]).open(tls.address).await;
        let http2 = shown.caller().open(tls.address).await;
        [
            ("HTTP/1.1", Self::Http1(Connection::open(clear.address).await)),
            ("HTTP/2", Self::Http2(Http2::open(clear.address).await)),
            ("HTTP/1.1 by TLS", Self::Tls1(Box::new(Connection::over(http1, tls.address)))),
            ("HTTP/2 by TLS", Self::Http2(Http2::over(http2).await.expect("HTTP/2").0)),
        ]
    }

    async fn ask(&mut self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        match self {
            Self::Http1(connection) => connection.send(method, path, headers, body).await,
            Self::Http2(http2) => http2.send(method, path, headers, body).await,
            Self::Tls1(connection) => connection.send(method, path, headers, body).await,
        }
    }
}

/// Header fields that are another one's each time, or belong to the connection.
const OWN: [&str; 10] = [
    "date",
    "x-request-id",
    "connection",
    "ratelimit",
    "traceparent",
    "tracestate",
    "authorization",
    "host",
    "content-length",
    "retry-after",
];

fn fields(headers: &crate::support::wire::Headers) -> Vec<(String, String)> {
    let mut fields: Vec<_> =
        headers.0.iter().map(|(name, value)| (name.to_ascii_lowercase(), value.clone())).collect();
    fields.retain(|(name, _)| !OWN.contains(&name.as_str()));
    fields.sort();
    fields
}

fn body(answer: &Answer) -> Value {
    let mut body: Value = serde_json::from_slice(&answer.body).unwrap_or_else(|_| answer.text().into());
    if let Some(body) = body.as_object_mut() {
        body.remove("request_id");
        body.remove("id");
    }
    body
}

fn seen(calls: &[Call]) -> Value {
    let seen = calls.iter().map(|call| {
        let body = String::from_utf8_lossy(&call.body).into_owned();
        json!([call.method, call.path, fields(&call.headers), body])
    });
    seen.collect()
}

/// What the trail has of a request, as far as it is not another one's each time.
async fn recorded(world: &World, answer: &Answer) -> Value {
    if answer.header("access-control-allow-methods").is_some()
        || answer.header("etag").is_some()
        || answer.text().contains("\"openapi\"")
    {
        return Value::Null;
    }
    let outcome = world.trail.outcome_of(answer.request_id()).await;
    let names = [
        "action",
        "tenant",
        "subject",
        "client",
        "app",
        "decision",
        "reason",
        "detail",
        "status",
        "vendor_status",
        "vendor_error",
        "attempts",
        "outcome_unknown",
        "caller_gone",
        "user",
        "creator",
    ];
    names.iter().map(|name| outcome[*name].clone()).collect()
}

#[tokio::test]
async fn every_way_of_asking_is_answered_the_same() {
    let tally = Tally::of("HTTP/2");
    let shown = Shown::new();
    let (clear, tls) = (World::start().await, World::with(&borrowed(&shown.changes(&[]))).await);
    let mut callers = Caller::all(&clear, &tls, &shown).await;
    for (method, path, headers, text, has_token) in questions() {
        let mut first = None;
        for (way, caller) in &mut callers {
            tally.requests(1);
            let world = if way.ends_with("TLS") { &tls } else { &clear };
            let bearer = world.issuer.token().bearer();
            let mut headers = headers.clone();
            if has_token {
                headers.push(("authorization", &bearer));
            }
            if matches!(caller, Caller::Http1(_)) && headers.contains(&("expect", "100-continue")) {
                // The answer that tells to go on is another one, which this caller would take for the last.
                headers.retain(|(name, _)| *name != "expect");
            }
            if matches!(caller, Caller::Tls1(_)) {
                headers.retain(|(name, _)| *name != "expect");
            }
            let before = world.vendor.calls().len();
            let answer = caller.ask(method, path, &headers, &text).await;
            if answer.header("connection") == Some("close") {
                let http1 = shown.caller().offering(&["http/1.1"]);
                match caller {
                    Caller::Http1(connection) => *connection = Connection::open(clear.address).await,
                    Caller::Tls1(connection) => {
                        **connection = Connection::over(http1.open(tls.address).await, tls.address);
                    }
                    Caller::Http2(_) => tally.expect(false, || format!("{way}: {answer:?}")),
                }
            }
            let calls = world.vendor.calls();
            let all = json!([
                answer.status,
                fields(&answer.headers),
                body(&answer),
                recorded(world, &answer).await,
                seen(&calls[before..])
            ]);
            tally.expect(answer.status != 500, || format!("{way} {method} {path}: {answer:?}"));
            match &first {
                None => first = Some(all),
                Some(first) => {
                    tally.expect(*first == all, || {
                        format!("{way} {method} {path}:\n{all}\ninstead of\n{first}")
                    });
                }
            }
        }
    }
    tally.finish();
}

#[tokio::test]
async fn a_long_answer_comes_whole_through_the_callers_windows() {
    let tally = Tally::of("HTTP/2");
    let shown = Shown::new();
    let (clear, tls) = (World::start().await, World::with(&borrowed(&shown.changes(&[]))).await);
    for (way, mut caller) in Caller::all(&clear, &tls, &shown).await {
        let world = if way.ends_with("TLS") { &tls } else { &clear };
        for length in [0, 1, 16_384, 65_535, 65_536, 200_000, 5 << 20] {
            tally.requests(1);
            let body: Vec<u8> = (0..length).map(|index: usize| u8::try_from(index % 251).unwrap()).collect();
            world.vendor.script(Reply::body(200, "application/octet-stream", body.clone()));
            let bearer = world.issuer.token().bearer();
            let answer = caller.ask("GET", "/conferences/IM3", &[("authorization", &bearer)], "").await;
            tally.expect(answer.status == 200 && answer.body == body, || {
                format!("{way}: {} with {} of {length} bytes", answer.status, answer.body.len())
            });
        }
    }
    tally.finish();
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_not_taken_for_whole() {
    let tally = Tally::of("HTTP/2");
    let world = World::start().await;
    let http2 = Http2::open(world.address).await;
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 1000000\r\n\r\n";
    world.vendor.script(Reply::raw([head.as_bytes(), &vec![b'x'; 300_000]].concat()));
    let bearer = world.issuer.token().bearer();
    let broken = http2.try_send("GET", "/conferences/IM3", &[("authorization", &bearer)], "").await;
    tally.expect(broken.as_ref().is_err_and(h2::Error::is_reset), || format!("{broken:?}"));
    tally.expect(super::get(&http2, &world).await.status == 200, || "the connection is over".to_owned());
    tally.requests(2);
    tally.finish();
}

#[tokio::test]
async fn many_requests_at_once_are_kept_apart() {
    let tally = Tally::of("HTTP/2");
    let world = World::start().await;
    let http2 = Http2::open(world.address).await;
    // From its answer on the caller knows how many streams it may have.
    assert_eq!(super::get(&http2, &world).await.status, 200);
    let bearer = world.issuer.token().bearer();
    let ask = async |number: usize| {
        let path = format!("/conferences/IM{number}");
        let answer = http2.send("GET", &path, &[("authorization", &bearer)], "").await;
        (answer.status, answer.json()["id"] == format!("IM{number}"))
    };
    let answers = futures_util::future::join_all((0..500).map(ask)).await;
    tally.requests(501);
    tally.expect(answers.iter().all(|answer| *answer == (200, true)), || format!("{answers:?}"));
    tally.expect(world.vendor.calls().len() == 501, || "not as many calls as requests".to_owned());
    tally.finish();
}
