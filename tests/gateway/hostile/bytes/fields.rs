//! Fields that come twice, fields that others must not name, and those that are about the connection.

use super::case::Answered::{Denied, Refused};
use super::case::End::{Closed, Kept, Over};
use super::case::{BODY, Case, MALFORMED, created, each, get, got, post, request, smuggled};
use super::harness::Harness;

/// A look at a conference with `lines` in place of its credentials.
fn credentials(lines: &str) -> String {
    get("").replace("Authorization: Bearer $TOKEN", lines)
}

/// A look at a conference with `lines` in place of its host.
fn host(lines: &str) -> String {
    get("").replace("Host: gate.test", lines)
}

const NO_TOKENS: &[&str] = &[
    "Authorization: Bearer $TOKEN\r\nAuthorization: Bearer $TOKEN",
    "Authorization: Bearer $TOKEN\r\nauthorization: Basic eDp5",
    "Authorization: Basic eDp5\r\nAuthorization: Bearer $TOKEN",
    "Authorization:\r\nAuthorization: Bearer $TOKEN",
    "Authorization: Bearer $TOKEN, Bearer $TOKEN",
    "Authorization: Bearer $TOKEN,",
    "Authorization: Bearer, $TOKEN",
    "Authorization: Bearer  x $TOKEN",
    "Authorization: Bearer $TOKEN x",
    "Authorization: Bearer\t$TOKEN",
    "Authorization: Bearer=$TOKEN",
    "Authorization: Bearer:$TOKEN",
    "Authorization: Bearer",
    "Authorization: $TOKEN",
    "Authorization:",
    "Authorization: Token $TOKEN",
    "Authorization: Basic $TOKEN",
    "Authorization: Bearer \"$TOKEN\"",
    "Authorization: Bearer <$TOKEN>",
    "Authorization: Bearer $TOKEN.",
    "Authorization: Bearer .$TOKEN",
    "Authorization: Bearer $TOKEN=",
    "Authorization: Bearer %24$TOKEN",
    "Authorization: Bearer $TOKEN;x=y",
    "Authorization: Bearer ",
    "Authorization: BearerBearer $TOKEN",
    "Authorization: Bearer Bearer $TOKEN",
];

const NO_CREDENTIALS: &[&str] = &[
    "X-Authorization: Bearer $TOKEN",
    "Proxy-Authorization: Bearer $TOKEN",
    "Authorisation: Bearer $TOKEN",
    "Authorization_: Bearer $TOKEN",
    "Cookie: Authorization=Bearer $TOKEN",
    "X-Access-Token: $TOKEN",
    "Sec-WebSocket-Protocol: bearer, $TOKEN",
];

#[tokio::test]
async fn a_request_has_one_credential() {
    let mut cases = each("no token", NO_TOKENS, credentials, &[Refused("token_malformed")], Kept);
    cases.extend(each("no credential", NO_CREDENTIALS, credentials, &[Refused("token_missing")], Kept));
    let plain =
        ["authorization: bearer $TOKEN", "AUTHORIZATION: BEARER   $TOKEN  ", "Authorization:Bearer $TOKEN"];
    cases.extend(each("a credential", &plain, credentials, &[got()], Kept));
    let in_query = |query: &str| get("").replace("/$ID", &format!("/$ID?{query}"));
    let queries = ["access_token=$TOKEN", "a=b&access_token=", "access_token"];
    cases.extend(each("a second one in the query", &queries, in_query, &[Refused("token_malformed")], Kept));
    let only_query = request("GET /conferences/$ID?access_token=$TOKEN HTTP/1.1", "Host: gate.test", "")
        .replace("Authorization: Bearer $TOKEN\r\n", "");
    cases.push(Case::new("in the query alone", only_query, &[Refused("token_missing")], Kept));
    Harness::start().await.runs(&cases).await;
}

const NO_HOSTS: &[&str] = &[
    "X: y",
    "Host: gate.test\r\nHost: gate.test",
    "Host: gate.test\r\nhost: elsewhere.test",
    "Host:\r\nHost: gate.test",
    "Host: gate.test, elsewhere.test",
    "Host: gate.test elsewhere.test",
    "Host: gate.test/conferences",
    "Host: gate.test/",
    "Host: http://gate.test",
    "Host: user@gate.test",
    "Host: user:pass@gate.test",
    "Host: gate.test:80:80",
    "Host: gate.test:port",
    "Host: gate.test:-1",
    "Host: gate.test:8 0",
    "Host: gate.test?x",
    "Host: gate.test#x",
    "Host: gate.test\\@elsewhere.test",
    "Host: \"gate.test\"",
    "Host: <gate.test>",
    "Host: [::1",
    "Host: ::1",
    "Host: [::1]x",
    "Host: [gate test]",
    "Host: gate^test",
    "Host: {gate}",
    "Host: gate|test",
    "Host: gate`test",
];

const HOSTS: &[&str] = &[
    "Host:",
    "Host: gate.test:8080",
    "HOST: GATE.TEST",
    "Host: gate.test.",
    "Host: gate.test:",
    "Host: 127.0.0.1:1",
    "Host: [::1]:8080",
    "Host: [fe80::1%25eth0]",
    "Host: elsewhere.test",
    "Host: a_b",
    "Host: xn--bcher-kva.test",
    "Host: %67ate.test",
    "Host: gate.test:99999",
];

#[tokio::test]
async fn a_request_has_one_host() {
    let mut cases = each("no host", NO_HOSTS, host, &[MALFORMED], Kept);
    cases.extend(each("a host", HOSTS, host, &[got()], Kept));
    Harness::start().await.runs(&cases).await;
}

#[tokio::test]
async fn a_body_has_one_type() {
    let with =
        |lines: &str| post("Content-Length: 35", BODY).replace("Content-Type: application/json", lines);
    let json = [
        "Content-Type: application/json",
        "content-type:APPLICATION/JSON",
        "Content-Type: application/json; charset=utf-8",
        "Content-Type: application/json;charset=\"UTF-8\"",
        "Content-Type: application/json ; x=y",
        "Content-Type: application/json\r\nContent-Encoding: identity",
    ];
    let others = [
        "X: y",
        "Content-Type:",
        "Content-Type: application/json\r\nContent-Type: application/json",
        "Content-Type: application/json\r\nContent-Type: text/plain",
        "Content-Type: application/json, text/plain",
        "Content-Type: application/json; charset=utf-16",
        "Content-Type: application/json; charset=utf-8; charset=latin1",
        "Content-Type: application/x-www-form-urlencoded",
        "Content-Type: multipart/form-data; boundary=x",
        "Content-Type: text/json",
        "Content-Type: application/json/x",
        "Content-Type: application",
        "Content-Type: \u{ff}",
        "Content-Type: application/json\r\nContent-Encoding: gzip",
        "Content-Type: application/json\r\nContent-Encoding: identity\r\nContent-Encoding: br",
        "Content-Type_: application/json",
    ];
    let mut cases = each("JSON", &json, with, &[created()], Kept);
    cases.extend(each("no JSON", &others, with, &[Denied("media_type_unsupported")], Kept));
    Harness::start().await.runs(&cases).await;
}

/// Options that would have a proxy drop fields that are its own, or ours (RFC 9110, section 7.6.1).
const OPTIONS: &[&str] = &[
    "Connection: authorization",
    "Connection: Authorization, Content-Length, Content-Type, Host",
    "Connection: content-length",
    "Connection: content-type",
    "Connection: transfer-encoding",
    "Connection: host",
    "Connection: accept, user-agent",
    "Connection: traceparent, x-request-id",
    "Connection: x-forwarded-for",
    "Connection: connection",
    "Connection: keep-alive, authorization",
    "Connection: keep-alive\r\nConnection: authorization",
    "Connection:",
    "Connection: ,,,",
    "Connection: \u{ff}",
    "Connection: \"close\"",
    "Connection: closed",
    "Connection: upgrade\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA",
    "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA",
    "Upgrade: h2c",
    "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    "Upgrade: HTTP/2.0",
    "Upgrade: TLS/1.0\r\nConnection: upgrade",
    "Keep-Alive: timeout=0, max=0",
    "Keep-Alive: timeout=99999999999999999999",
    "Proxy-Connection: keep-alive",
    "Proxy-Connection: close",
    "TE: trailers, chunked;q=0.5",
    "Trailer: Authorization, Content-Length, Host",
    "Expect: 100-continue",
    "Expect: 100-Continue, 100-continue",
    "Expect: 200-ok",
    "Expect:",
    "Expect: 100-continue\r\nExpect: x",
    "Max-Forwards: 0",
    "Via: 1.1 confgate",
    "Early-Data: 1",
];

#[tokio::test]
async fn what_is_about_the_connection_stays_with_it() {
    let creates = |lines: &str| post(&format!("Content-Length: 35\r\n{lines}"), BODY);
    let mut cases = each("an option", OPTIONS, get, &[got()], Kept);
    cases.extend(each("an option of a create", OPTIONS, creates, &[created()], Kept));
    let closing = [
        "Connection: close",
        "Connection: CLOSE",
        "Connection: authorization, close",
        "Connection: close, keep-alive",
        "Connection: keep-alive\r\nConnection: close",
        "Connection: close\r\nConnection: keep-alive",
    ];
    let followed = |lines: &str| get(lines) + &smuggled();
    cases.extend(each("closing", &closing, followed, &[got()], Over));
    Harness::start().await.runs(&cases).await;
}

/// Where HTTP/2 is not spoken, its beginning is a request line of a version that nobody knows.
#[tokio::test]
async fn a_preface_of_http_2_is_no_request() {
    let preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\u{4}\0\0\0\0\0";
    let cases = [
        Case::new("the preface", preface, &[MALFORMED], Closed),
        Case::new("after a request", get("") + preface, &[got(), MALFORMED], Closed),
        Case::new(
            "after asking for it",
            get("Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk") + preface,
            &[got(), MALFORMED],
            Closed,
        ),
        Case::new("half of it", "PRI * HTTP/2.0\r\n\r\n", &[MALFORMED], Closed),
        Case::new(
            "as 1.1",
            request("PRI * HTTP/1.1", "Host: gate.test", ""),
            &[Refused("route_unknown")],
            Kept,
        ),
    ];
    Harness::with(&[("LISTEN__HTTP2__ENABLED", "false")]).await.runs(&cases).await;
}
