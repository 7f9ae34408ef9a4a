//! Publishes an issuer's key: `/jwks.json`, and a minimal `/.well-known/openid-configuration` that leads there.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{ALLOW, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use serde_json::json;

use super::DevIssuer;
use crate::smallserver::{BindError, Body, SmallServer, whole};

/// A bound server for a key set. It has an address, which may become the issuer's name, before it has a key.
pub struct JwksServer {
    server: SmallServer,
}

impl JwksServer {
    /// Binds `address`; port 0 takes a free one.
    pub async fn bind(address: SocketAddr) -> Result<Self, BindError> {
        Ok(Self { server: SmallServer::bind(address).await? })
    }

    /// `http://host:port`: a good name for the issuer, too.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.server.local_addr())
    }

    /// Where the key set is.
    pub fn jwks_url(&self) -> String {
        format!("{}/jwks.json", self.base_url())
    }

    /// Serves the key of `issuer` until `shutdown` resolves.
    pub fn serve<S>(self, issuer: &DevIssuer, shutdown: S) -> impl Future<Output = ()> + use<S>
    where
        S: Future<Output = ()>,
    {
        let documents = Arc::new(Documents::new(issuer, &self.jwks_url()));
        let handler = move |request: Request<hyper::body::Incoming>| {
            let response = documents.respond(request.method(), request.uri().path());
            std::future::ready(Ok(response))
        };
        self.server.serve(handler, shutdown)
    }
}

struct Documents {
    key_set: Bytes,
    configuration: Bytes,
}

impl Documents {
    fn new(issuer: &DevIssuer, jwks_url: &str) -> Self {
        // The required fields of OpenID Connect Discovery 1.0, section 3, as far as they mean something here.
        let configuration = json!({
            "issuer": issuer.issuer(),
            "jwks_uri": jwks_url,
            "response_types_supported": ["token"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": [issuer.algorithm().as_str()],
        });
        Self { key_set: issuer.jwks().to_string().into(), configuration: configuration.to_string().into() }
    }

    fn respond(&self, method: &Method, path: &str) -> Response<Body> {
        let document = match path {
            "/jwks.json" => &self.key_set,
            "/.well-known/openid-configuration" => &self.configuration,
            _ => return bare(StatusCode::NOT_FOUND),
        };
        if method != Method::GET {
            let mut response = bare(StatusCode::METHOD_NOT_ALLOWED);
            response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET"));
            return response;
        }
        let mut response = Response::new(whole(document.clone()));
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        response
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
    use serde_json::Value;
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
    async fn the_key_is_published_and_discovery_leads_to_it() {
        let server = JwksServer::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let (address, url) = (server.server.local_addr(), server.jwks_url());
        let issuer = DevIssuer::generate(server.base_url(), Algorithm::Es256).unwrap();
        tokio::spawn(server.serve(&issuer, std::future::pending()));
        assert_eq!(ask(address, "GET", "/jwks.json").await, (200, issuer.jwks()));
        let (status, body) = ask(address, "GET", "/.well-known/openid-configuration").await;
        assert_eq!((status, &body["jwks_uri"], &body["issuer"]), (200, &json!(url), &json!(issuer.issuer())));
        assert_eq!(ask(address, "POST", "/jwks.json").await.0, 405);
        assert_eq!(ask(address, "GET", "/").await.0, 404);
    }
}
