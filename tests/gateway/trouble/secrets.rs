//! No secret is written anywhere, at any level: the program itself runs with all of its log on, through good and bad
//! days, and everything that it wrote is searched.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::CREATE;
use crate::support::client;
use crate::support::issuer::{Issuer, Token};
use crate::support::keys::{Alg, strange};
use crate::support::server::Reply;
use crate::support::trail::Trail;
use crate::support::vendor::Vendor;
use crate::support::within;
use crate::support::world::{CLIENT_SECRET, write_configuration};

/// `confgate serve`, in a process of its own.
struct Process {
    child: Child,
    directory: TempDir,
    address: SocketAddr,
    admin: SocketAddr,
}

impl Process {
    async fn start(vendor: &Vendor, issuer: &Issuer) -> Self {
        let directory = TempDir::new().unwrap();
        let config = write_configuration(directory.path(), vendor, issuer);
        let log = log_of(&directory);
        let child = Command::new(env!("CARGO_BIN_EXE_confgate"))
            .args(["serve", "--config"])
            .arg(config)
            .env("CONFGATE__LOG__LEVEL", "trace")
            .env("CONFGATE__AUTHN__ADDRESS_LIMIT__BURST", "1000")
            .env("CONFGATE__VENDOR__MAX_BACKOFF", "20ms")
            .env("CONFGATE__UPSTREAM__FIRST_BYTE_TIMEOUT", "300ms")
            .stderr(File::create(&log).unwrap())
            .spawn()
            .unwrap();
        let serving = async {
            loop {
                let text = fs::read_to_string(&log).unwrap();
                let lines = text.split_inclusive('\n').filter_map(|line| serde_json::from_str(line).ok());
                if let Some(line) = { lines }.find(|line: &Value| line["message"] == "serving") {
                    return line;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let line = within("the program to serve", serving).await;
        let address = |key: &str| line[key].as_str().unwrap().parse().unwrap();
        Self { child, directory, address: address("address"), admin: address("admin") }
    }

    async fn ask(&self, path: &str) -> String {
        client::send(self.admin, "GET", path, &[], "").await.text()
    }

    async fn until_ready(&self) {
        let ready = async {
            while client::send(self.admin, "GET", "/readyz", &[], "").await.status != 200 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        within("/readyz", ready).await;
    }

    /// Ends it as Kubernetes does.
    async fn end(&mut self) -> ExitStatus {
        Command::new("kill").arg(self.child.id().to_string()).status().unwrap();
        let ended = async {
            loop {
                if let Some(status) = self.child.try_wait().unwrap() {
                    return status;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        within("the program to end", ended).await
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // In vain where it has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn log_of(directory: &TempDir) -> PathBuf {
    directory.path().join("stderr")
}

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
async fn strange_requests(process: &Process, issuer: &Issuer, secrets: &mut Secrets) {
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
        let answer = client::send(process.address, "GET", "/conferences/IM3", &headers, "").await;
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
        let answer = client::send(process.address, method, path, &[authorization, json], body).await;
        assert!((400..500).contains(&answer.status), "{method} {path}: {}", answer.text());
    }
    for cookie in ["Cookie", "X-Canary", "Proxy-Authorization"] {
        let headers = [authorization, (cookie, "canary-header")];
        let path = "/conferences/IM3?canary=canary-query";
        assert_eq!(client::send(process.address, "GET", path, &headers, "").await.status, 200);
    }
    let mut broken = client::Connection::open(process.address).await;
    broken.write("GET /canary HTTP/9.9\r\nAuthorization: Bearer canary\r\n\r\n").await;
    assert_eq!(broken.answer("GET").await.status, 400);
}

#[tokio::test]
async fn no_secret_is_written_anywhere() {
    let (vendor, issuer) = (Vendor::start().await, Issuer::start().await);
    vendor.script_token(Reply::json(
        400,
        &json!({"error": "invalid_grant", "error_description": CLIENT_SECRET}),
    ));
    vendor.script_token(Reply::body(200, "application/json", r#"{"access_token":"YWMt-test-cut"#));
    let mut process = Process::start(&vendor, &issuer).await;
    let mut secrets = Secrets::new();
    process.until_ready().await;
    let call = async |bearer: &str, body: &str| {
        let headers = [("Authorization", bearer), ("Content-Type", "application/json")];
        client::send(process.address, "POST", "/conferences?token=canary-query", &headers, body).await
    };
    let bearer = secrets.bearer(issuer.token());
    assert_eq!(call(&bearer, WITH_PASSWORD).await.json()["password"], "sesame");
    vendor.revoke_tokens();
    call(&bearer, WITH_PASSWORD).await;
    for reply in bad_days() {
        vendor.script(reply);
        call(&secrets.bearer(issuer.token()), WITH_PASSWORD).await;
    }
    vendor.script(Reply::status(401)).script(Reply::status(401));
    assert_eq!(call(&bearer, CREATE).await.status, 502);
    strange_requests(&process, &issuer, &mut secrets).await;

    for path in ["/metrics", "/status", "/readyz"] {
        secrets.are_not_in(path, &process.ask(path).await);
    }
    assert!(process.end().await.success());
    let trail = Trail::new(&process.directory.path().join("audit")).lines().join("\n");
    assert!(trail.contains("\"kind\":\"intent\"") && trail.contains("\"kind\":\"stop\""));
    secrets.are_not_in("the trail", &trail);
    let log = fs::read_to_string(log_of(&process.directory)).unwrap();
    assert!(log.contains("\"level\":\"INFO\""));
    secrets.are_not_in("the log", &log);
}
