//! No secret is written anywhere, at any level: the program itself runs with all of its log on, through good and bad
//! days, and everything that it wrote is searched.

use serde_json::json;
use tempfile::TempDir;

use crate::support::CREATE;
use crate::support::client;
use crate::support::configuration::CLIENT_SECRET;
use crate::support::issuer::Token;
use crate::support::keys::{Alg, strange};
use crate::support::program::Served;
use crate::support::receiver::Receiver;
use crate::support::server::Reply;

const TALKATIVE: [(&str, &str); 5] = [
    ("LOG__LEVEL", "trace"),
    // So that there are counts of refusals, too.
    ("AUDIT__FLOODS__INDIVIDUALLY", "1"),
    ("AUTHN__ADDRESS_LIMIT__BURST", "1000"),
    ("VENDOR__MAX_BACKOFF", "20ms"),
    ("UPSTREAM__FIRST_BYTE_TIMEOUT", "2s"),
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

/// What the trail is signed with and shipped with, as files.
struct AuditSecrets {
    _directory: TempDir,
    key: String,
    token: String,
}

impl AuditSecrets {
    fn new(secrets: &mut Secrets) -> Self {
        let directory = TempDir::new().expect("a directory");
        let write = |name: &str, text: &str| {
            let path = directory.path().join(name);
            std::fs::write(&path, text).expect("a file");
            path.to_str().expect("a path in Unicode").to_owned()
        };
        let pem = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).expect("a key").serialize_pem();
        secrets.0.extend(pem.lines().filter(|line| !line.starts_with('-')).map(str::to_owned));
        let (key, token) = (write("key", &pem), write("token", "canary-of-the-receiver\n"));
        Self { _directory: directory, key, token }
    }
}

/// The trail is away for a moment: a change is refused, and what is told of it meanwhile is looked at too.
async fn without_a_trail(served: &Served, bearer: &str) {
    let away = served.trail_directory().with_extension("away");
    std::fs::rename(served.trail_directory(), &away).expect("a directory that moves");
    served.until_readyz(503).await;
    let headers = [("Authorization", bearer), ("Content-Type", "application/json")];
    let answer = client::send(served.address, "POST", "/conferences", &headers, WITH_PASSWORD).await;
    assert_eq!((answer.status, answer.problem().as_str()), (503, "audit_unavailable"));
    std::fs::rename(away, served.trail_directory()).expect("a directory that moves back");
    served.until_readyz(200).await;
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
    let mut secrets = Secrets::new();
    let (audit, receiver) = (AuditSecrets::new(&mut secrets), Receiver::start().await);
    // A receiver with bad days of its own, on which it repeats what it was sent.
    receiver.script(Reply::body(500, "text/plain", "canary-of-the-receiver"));
    receiver.script(Reply::status(302).header("Location", "http://canary-of-the-receiver/"));
    receiver.script(Reply::raw("canary-of-the-receiver is no HTTP\r\n\r\n"));
    let url = receiver.url();
    let settings = [
        ("AUDIT__CHECKPOINTS__KEY_FILE", audit.key.as_str()),
        ("AUDIT__SHIP__SIEM__SINK", "http"),
        ("AUDIT__SHIP__SIEM__FORM", "ecs"),
        ("AUDIT__SHIP__SIEM__URL", &url),
        ("AUDIT__SHIP__SIEM__TOKEN_FILE", &audit.token),
        ("AUDIT__SHIP__SIEM__MAX_BACKOFF", "1s"),
    ];
    let mut served = Served::with(&[&TALKATIVE[..], &settings].concat()).await;
    let (vendor, issuer) = (&served.vendor, &served.issuer);
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
    strange_requests(&served, &mut secrets).await;
    without_a_trail(&served, &bearer).await;

    for path in ["/metrics", "/status", "/readyz"] {
        secrets.are_not_in(path, &client::send(served.admin, "GET", path, &[], "").await.text());
    }
    served.program.signal("TERM").await;
    let ended = served.program.ended().await;
    assert_eq!(ended.code, Some(0));
    let trail = served.trail.lines().join("\n");
    for kind in ["intent", "refusals", "checkpoint", "recovered", "stop"] {
        assert!(trail.contains(&format!("\"kind\":\"{kind}\"")), "there is no {kind}");
    }
    secrets.are_not_in("the trail", &trail);
    let batches = receiver.batches();
    let tokens = batches.iter().filter_map(|batch| batch.headers.get("authorization"));
    assert!(tokens.eq(vec!["Bearer canary-of-the-receiver"; batches.len()]), "the token is for the receiver");
    secrets.are_not_in("what was shipped", &receiver.taken().join("\n"));
    assert!(ended.error.contains("\"level\":\"INFO\""));
    secrets.are_not_in("the log", &ended.error);
    assert_eq!(ended.output, "");
}
