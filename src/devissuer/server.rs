//! Publishes the issuer's keys: `/jwks.json`, and a minimal `/.well-known/openid-configuration` that leads there.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwapOption;
use bytes::Bytes;
use http::header::{ALLOW, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use serde_json::{Value, json};

use super::DevIssuer;
use crate::smallserver::{BindError, Body, SmallServer, whole};

/// A bound server for key sets. It answers 503 until keys are published.
pub struct JwksServer {
    server: SmallServer,
    publisher: Publisher,
}

impl JwksServer {
    /// Binds `address`; port 0 takes a free one.
    pub async fn bind(address: SocketAddr) -> Result<Self, BindError> {
        let server = SmallServer::bind(address).await?;
        let base_url = format!("http://{}", server.local_addr());
        let shared = Shared { base_url, published: ArcSwapOption::empty(), fetches: AtomicU64::new(0) };
        Ok(Self { server, publisher: Publisher(Arc::new(shared)) })
    }

    /// Where it listens.
    pub fn local_addr(&self) -> SocketAddr {
        self.server.local_addr()
    }

    /// `http://host:port`: a good name for the issuer, too.
    pub fn base_url(&self) -> &str {
        &self.publisher.0.base_url
    }

    /// Where the key set is.
    pub fn jwks_url(&self) -> String {
        self.publisher.0.jwks_url()
    }

    /// What decides which keys are published, now and while it serves.
    pub fn publisher(&self) -> Publisher {
        self.publisher.clone()
    }

    /// Serves until `shutdown` resolves.
    pub async fn serve(self, shutdown: impl Future<Output = ()>) {
        let publisher = self.publisher;
        let handler = move |request: Request<hyper::body::Incoming>| {
            let response = publisher.respond(request.method(), request.uri().path());
            std::future::ready(Ok(response))
        };
        self.server.serve(handler, shutdown).await;
    }
}

/// Decides what a [`JwksServer`] publishes.
#[derive(Clone)]
pub struct Publisher(Arc<Shared>);

struct Shared {
    base_url: String,
    published: ArcSwapOption<Published>,
    fetches: AtomicU64,
}

struct Published {
    key_set: Bytes,
    configuration: Bytes,
}

impl Publisher {
    /// Publishes these issuers' keys in the place of all before; the first one names the issuer.
    pub fn publish(&self, issuers: &[&DevIssuer]) {
        let keys: Vec<Value> = issuers.iter().map(|issuer| issuer.jwk()).collect();
        let algorithms: Vec<&str> = issuers.iter().map(|issuer| issuer.algorithm().as_str()).collect();
        // The required fields of OpenID Connect Discovery 1.0, section 3, as far as they mean something here.
        let configuration = json!({
            "issuer": issuers.first().map(|issuer| issuer.issuer()),
            "jwks_uri": self.0.jwks_url(),
            "response_types_supported": ["token"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": algorithms,
        });
        self.0.published.store(Some(Arc::new(Published {
            key_set: json!({ "keys": keys }).to_string().into(),
            configuration: configuration.to_string().into(),
        })));
    }

    /// Answers 503 until keys are published again.
    pub fn withdraw(&self) {
        self.0.published.store(None);
    }

    /// How often the key set was asked for, whatever was answered.
    pub fn fetches(&self) -> u64 {
        self.0.fetches.load(Ordering::Relaxed)
    }

    fn respond(&self, method: &Method, path: &str) -> Response<Body> {
        let field: fn(&Published) -> &Bytes = match path {
            "/jwks.json" => |published| &published.key_set,
            "/.well-known/openid-configuration" => |published| &published.configuration,
            _ => return bare(StatusCode::NOT_FOUND),
        };
        if method != Method::GET {
            let mut response = bare(StatusCode::METHOD_NOT_ALLOWED);
            response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET"));
            return response;
        }
        if path == "/jwks.json" {
            self.0.fetches.fetch_add(1, Ordering::Relaxed);
        }
        let Some(published) = self.0.published.load_full() else {
            return bare(StatusCode::SERVICE_UNAVAILABLE);
        };
        let mut response = Response::new(whole(field(&published).clone()));
        let json = HeaderValue::from_static("application/json");
        response.headers_mut().insert(CONTENT_TYPE, json);
        response
    }
}

impl Shared {
    fn jwks_url(&self) -> String {
        format!("{}/jwks.json", self.base_url)
    }
}

fn bare(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(whole(Bytes::new()));
    *response.status_mut() = status;
    response
}

#[cfg(test)]
mod tests {
    use http_body_util::{BodyExt, Empty};
    use hyper::client::conn::http1;
    use hyper_util::rt::TokioIo;
    use tokio::net::TcpStream;

    use super::*;
    use crate::devissuer::Algorithm;

    async fn ask(address: SocketAddr, method: &str, path: &str) -> (u16, Value) {
        let stream = TcpStream::connect(address).await.unwrap();
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        let request = Request::builder().method(method).uri(path).header("host", "issuer");
        let answer = sender.send_request(request.body(Empty::<Bytes>::new()).unwrap()).await.unwrap();
        let status = answer.status().as_u16();
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        (status, serde_json::from_slice(&body).unwrap_or_default())
    }

    #[tokio::test]
    async fn keys_are_published_exchanged_and_withdrawn() {
        let server = JwksServer::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let (address, publisher, base_url) =
            (server.local_addr(), server.publisher(), server.base_url().to_owned());
        tokio::spawn(server.serve(std::future::pending()));
        assert_eq!(ask(address, "GET", "/jwks.json").await, (503, Value::Null));

        let first = DevIssuer::generate(&base_url, Algorithm::EdDsa).unwrap();
        let second = DevIssuer::generate(&base_url, Algorithm::Es256).unwrap();
        publisher.publish(&[&first]);
        assert_eq!(ask(address, "GET", "/jwks.json").await, (200, first.jwks()));
        publisher.publish(&[&first, &second]);
        let both = json!({ "keys": [first.jwk(), second.jwk()] });
        assert_eq!(ask(address, "GET", "/jwks.json").await, (200, both));
        publisher.withdraw();
        assert_eq!(ask(address, "GET", "/jwks.json").await.0, 503);
        assert_eq!(publisher.fetches(), 4);
    }

    #[tokio::test]
    async fn discovery_leads_to_the_keys() {
        let server = JwksServer::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let (address, url) = (server.local_addr(), server.jwks_url());
        let issuer = DevIssuer::generate(server.base_url(), Algorithm::Es256).unwrap();
        server.publisher().publish(&[&issuer]);
        tokio::spawn(server.serve(std::future::pending()));
        let (status, body) = ask(address, "GET", "/.well-known/openid-configuration").await;
        assert_eq!((status, &body["jwks_uri"], &body["issuer"]), (200, &json!(url), &json!(issuer.issuer())));
        assert_eq!(ask(address, "POST", "/jwks.json").await.0, 405);
        assert_eq!(ask(address, "GET", "/").await.0, 404);
    }
}
