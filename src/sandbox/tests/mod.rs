//! The sandbox over real sockets.

use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpStream;

use super::*;

mod control;
mod faults;
mod vendor;

const ORG: &str = "1100181023201864";
const DEADLINE: Duration = Duration::from_secs(10);

/// A sandbox of two applications, `meet` and `class`, that runs as long as the test.
struct Running {
    address: SocketAddr,
    token: String,
}

struct Reply {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Reply {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("no JSON: {:?}", self.body))
    }

    /// The status and the body's `error`.
    fn error(&self) -> (u16, Value) {
        (self.status.as_u16(), self.json()["error"].clone())
    }
}

fn app(name: &str) -> SandboxApp {
    SandboxApp {
        org: OrgName::parse(ORG).unwrap(),
        app: AppName::parse(name).unwrap(),
        client_id: format!("id-{name}"),
        client_secret: SecretString::from(format!("secret-{name}")),
    }
}

async fn start() -> Running {
    let config = SandboxConfig::new("127.0.0.1:0".parse().unwrap(), vec![app("meet"), app("class")]);
    let bound = Sandbox::bind(config).await.unwrap();
    let address = bound.local_addr();
    tokio::spawn(bound.serve(std::future::pending()));
    let mut running = Running { address, token: String::new() };
    running.token = running.fetch_token("meet").await;
    running
}

impl Running {
    async fn send(&self, request: Request<Full<Bytes>>) -> hyper::Result<Reply> {
        let stream = TcpStream::connect(self.address).await.unwrap();
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        let (head, body) = sender.send_request(request).await?.into_parts();
        Ok(Reply { status: head.status, headers: head.headers, body: body.collect().await?.to_bytes() })
    }

    async fn call(&self, method: Method, path: &str, token: &str, body: &str) -> hyper::Result<Reply> {
        let path = format!("/{ORG}/meet{path}");
        let request = Request::builder().method(method).uri(path).header("host", "sandbox");
        let request = request.header("authorization", format!("Bearer {token}"));
        self.send(request.body(Full::from(body.to_owned())).unwrap()).await
    }

    async fn create(&self, body: &str) -> Reply {
        self.call(Method::POST, "/conferences", &self.token, body).await.unwrap()
    }

    async fn conference(&self, body: Value) -> String {
        let reply = self.create(&body.to_string()).await;
        reply.json()["id"].as_str().unwrap().to_owned()
    }

    async fn get(&self, id: &str) -> Reply {
        self.call(Method::GET, &format!("/conferences/{id}"), &self.token, "").await.unwrap()
    }

    async fn delete(&self, path: &str) -> Reply {
        self.call(Method::DELETE, &format!("/conferences/{path}"), &self.token, "").await.unwrap()
    }

    async fn control(&self, method: &str, path: &str, body: Value) -> Reply {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let request = Request::builder().method(method).uri(format!("/_sandbox{path}"));
        self.send(request.header("host", "sandbox").body(Full::from(body)).unwrap()).await.unwrap()
    }

    async fn order(&self, order: Value) {
        assert_eq!(self.control("POST", "/faults", order).await.status, 201);
    }

    async fn join(&self, id: &str, user: &str) -> Reply {
        self.control("POST", &format!("/conferences/{id}/members"), json!({ "user": user })).await
    }

    async fn token_reply(&self, app: &str, body: &str) -> Reply {
        let request = Request::post(format!("/{ORG}/{app}/token")).header("host", "sandbox");
        self.send(request.body(Full::from(body.to_owned())).unwrap()).await.unwrap()
    }

    async fn fetch_token(&self, app: &str) -> String {
        let reply = self.token_reply(app, &credentials(app).to_string()).await;
        reply.json()["access_token"].as_str().unwrap().to_owned()
    }

    /// Waits until so many calls of that kind have come in.
    async fn until_seen(&self, kind: &str, count: u64) {
        let began = Instant::now();
        while self.control("GET", "/calls", Value::Null).await.json()[kind]["seen"] != count {
            assert!(began.elapsed() < DEADLINE, "{count} calls of {kind} did not come in");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Asks until the answer has that status.
    async fn eventually(&self, id: &str, status: u16) -> Reply {
        let began = Instant::now();
        loop {
            let reply = self.get(id).await;
            if reply.status == status {
                return reply;
            }
            assert!(began.elapsed() < DEADLINE, "still {}", reply.status);
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

fn credentials(app: &str) -> Value {
    json!({
        "grant_type": "client_credentials",
        "client_id": format!("id-{app}"),
        "client_secret": format!("secret-{app}"),
    })
}

/// The names of the fields in the order in which they were sent.
fn fields(body: &Bytes) -> Vec<String> {
    let text = std::str::from_utf8(body).unwrap();
    let inner = text.trim_matches(['{', '}']);
    inner.split(',').map(|field| field.split('"').nth(1).unwrap().to_owned()).collect()
}
