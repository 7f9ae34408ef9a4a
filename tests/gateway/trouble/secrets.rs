//! No secret is written anywhere, at any level: the program itself runs with all of its log on, through good and bad
//! days, and everything that it wrote is searched.

use serde_json::json;

use super::CREATE;
use crate::support::client;
use crate::support::issuer::Token;
use crate::support::keys::{Alg, strange};
use crate::support::program::Served;
use crate::support::server::Reply;
use crate::support::world::CLIENT_SECRET;

const TALKATIVE: [(&str, &str); 4] = [
    ("LOG__LEVEL", "trace"),
    ("AUTHN__ADDRESS_LIMIT__BURST", "1000"),
    ("VENDOR__MAX_BACKOFF", "20ms"),
    ("UPSTREAM__FIRST_BYTE_TIMEOUT", "300ms"),
];

/// A create with a password of its own.
const WITH_PASSWORD: &str = r#"{"confrType":12,"password":"canary-password"}"#;

/// What must be found nowhere. Tokens of callers are added as they are made.
struct Secrets(Vec<String>);

impl Secrets {
    fn new() -> Self {
        let known = ["canary", "YWMt-test-", CLIENT_SECRET, "sesame"];
        Self(known.map(str::to_owned).into())
    }

    /// The value of `Authorization` with this token, which is a secret from now on.
    fn bearer(&mut self, token: Token) -> String {
        let token = token.build();
        let parts = token.split('.').filter(|part| part.len() > 12);
        self.0.extend(parts.map(str::to_owned));
        format!("Bearer {token}")
    }

    fn are_not_in(&self, place: &str, text: &str) {
        assert!(!text.is_empty(), "nothing to look at in {place}");
        for secret in &self.0 {
            let found = text.lines().find(|line| line.contains(secret.as_str()));
            assert_eq!(found, None, "{place} has {secret}");
        }
    }
}

/// Days of the vendor's on which it repeats what it should not.
fn bad_days() -> Vec<Reply> {
    let gossip = json!({
        "error": "canary-error", "id": "canary id", "password": "canary", "access_token": "YWMt-test-1",
        "error_description": CLIENT_SECRET,
    });
    vec![
        Reply::json(200, &json!({"error": 0, "id": "IM1", "password": "canary-of-the-vendor"})),
        Reply::json(403, &gossip),
        Reply::json(500, &gossip),
        Reply::body(502, "text/html", "<html>canary</html>"),
        Reply::status(302).header("Location", "http://canary/YWMt-test-1"),
        Reply::raw("HTTP/1.1 200 canary canary\r\nX-canary: YWMt-test-1\r\nContent-Length: 99\r\n\r\ncanary"),
        Reply::raw("canary YWMt-test-1 is no HTTP\r\n\r\n"),
        Reply::raw("HTTP/1.1 200 OK\r\nContent-Length: canary\r\n\r\n"),
        Reply::reset(),
        Reply::hang(),
    ]
}

/// Requests that are refused, and hold secrets where they do not belong.
async fn strange_requests(served: &Served, secrets: &mut Secrets) {
    let issuer = &served.issuer;
    let good = secrets.bearer(issuer.token());
    let unknown_key = issuer.token().signed_by(&strange(Alg::Es256).named("canary-kid"));
    let credentials = [
        secrets.bearer(issuer.token().broken()),
        secrets.bearer(issuer.token().expires_in(-500)),
        secrets.bearer(issuer.token().claim("aud", "canary-audience")),
        secrets.bearer(issuer.token().header("crit", json!(["canary"]))),
        secrets.bearer(unknown_key),
        "Basic canary-credentials".to_owned(),
        "Bearer canary.canary.canary".to_owned(),
        "canary-without-scheme".to_owned(),
    ];
    for credential in &credentials {
        let headers = [("Authorization", credential.as_str())];
        let answer = client::send(served.address, "GET", "/conferences/IM3", &headers, "").await;
        assert_eq!(answer.status, 401);
    }
    let json = ("Content-Type", "application/json");
    let authorization = ("Authorization", good.as_str());
    for (method, path, body) in [
        ("GET", "/conferences/IM3?access_token=canary-query", ""),
        ("POST", "/conferences", r#"{"password":["canary-in-a-list"]}"#),
        ("POST", "/conferences", r#"{"password":"canary-cut"#),
        ("POST", "/conferences", r#"{"canary-field":"canary"}"#),
        ("POST", "/conferences", r#"{"confrType":"canary","memDefaultRole":"canary"}"#),
        ("POST", "/conferences", "canary=form"),
        ("GET", "/canary/path", ""),
        ("GET", "/conferences/canary%20id", ""),
    ] {
        let answer = client::send(served.address, method, path, &[authorization, json], body).await;
        assert!((400..500).contains(&answer.status), "{method} {path}: {}", answer.text());
    }
    for cookie in ["Cookie", "X-Canary", "Proxy-Authorization"] {
        let headers = [authorization, (cookie, "canary-header")];
        let path = "/conferences/IM3?canary=canary-query";
        assert_eq!(client::send(served.address, "GET", path, &headers, "").await.status, 200);
    }
    let mut broken = client::Connection::open(served.address).await;
    broken.write("GET /canary HTTP/9.9\r\nAuthorization: Bearer canary\r\n\r\n").await;
    assert_eq!(broken.answer("GET").await.status, 400);
}

#[tokio::test]
async fn no_secret_is_written_anywhere() {
    let mut served = Served::with(&TALKATIVE).await;
    let (vendor, issuer) = (&served.vendor, &served.issuer);
    let mut secrets = Secrets::new();
    let address = served.address;
    let call = async |bearer: &str, body: &str| {
        let headers = [("Authorization", bearer), ("Content-Type", "application/json")];
        client::send(address, "POST", "/conferences?token=canary-query", &headers, body).await
    };
    let bearer = secrets.bearer(issuer.token());
    assert_eq!(call(&bearer, WITH_PASSWORD).await.json()["password"], "sesame");
    vendor
        .script_token(Reply::json(400, &json!({"error": CLIENT_SECRET, "error_description": CLIENT_SECRET})));
    vendor.script_token(Reply::body(200, "application/json", r#"{"access_token":"YWMt-test-cut"#));
    vendor.revoke_tokens();
    while call(&bearer, WITH_PASSWORD).await.status != 200 {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    assert!(vendor.fetches_for_crm() > 3, "the token endpoint's bad answers were not read");
    for reply in bad_days() {
        vendor.script(reply);
        call(&secrets.bearer(issuer.token()), WITH_PASSWORD).await;
    }
    vendor.script(Reply::status(401)).script(Reply::status(401));
    assert_eq!(call(&bearer, CREATE).await.status, 502);
    strange_requests(&served, &mut secrets).await;

    for path in ["/metrics", "/status", "/readyz"] {
        secrets.are_not_in(path, &client::send(served.admin, "GET", path, &[], "").await.text());
    }
    served.program.signal("TERM").await;
    let ended = served.program.ended().await;
    assert_eq!(ended.code, Some(0));
    let trail = served.trail.lines().join("\n");
    assert!(trail.contains("\"kind\":\"intent\"") && trail.contains("\"kind\":\"stop\""));
    secrets.are_not_in("the trail", &trail);
    assert!(ended.error.contains("\"level\":\"INFO\""));
    secrets.are_not_in("the log", &ended.error);
    assert_eq!(ended.output, "");
}
