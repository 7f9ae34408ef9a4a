use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use serde_json::json;

use crate::support::client::{Connection, send};
use crate::support::server::{Gate, Reply};
use crate::support::vendor::Vendor;
use crate::support::wire::Wire;

const CONFERENCES: &str = "/1100181023201864/voicechatroom/conferences";
const TOKEN: &str = "/1100181023201864/voicechatroom/token";

/// Fetches a token; gives it as a header field.
async fn authorization(vendor: &Vendor) -> String {
    let answer =
        send(vendor.server().address(), "POST", TOKEN, &[], r#"{"grant_type":"client_credentials"}"#);
    let token = answer.await.json()["access_token"].as_str().unwrap().to_owned();
    format!("Bearer {token}")
}

#[tokio::test]
async fn the_vendor_answers_by_the_book() {
    let vendor = Vendor::start().await;
    let address = vendor.server().address();
    let bearer = authorization(&vendor).await;
    assert_eq!(bearer, "Bearer YWMt-test-1");
    let headers = [("Authorization", bearer.as_str())];

    let created = send(address, "POST", CONFERENCES, &headers, r#"{"confrType":12}"#).await.json();
    assert_eq!((&created["error"], &created["type"]), (&json!(0), &json!(12)));
    let one = format!("{CONFERENCES}/{}", created["id"].as_str().unwrap());
    let got = send(address, "GET", &one, &headers, "").await.json();
    assert_eq!((&got["id"], got.get("expireDate")), (&created["id"], None));
    assert_eq!(send(address, "DELETE", &one, &headers, "").await.json(), json!({"error": 0}));
    let member = format!("{one}/yangss");
    assert_eq!(send(address, "DELETE", &member, &headers, "").await.status, 200);
    assert_eq!(send(address, "GET", "/elsewhere", &headers, "").await.status, 404);

    let calls = vendor.wait_for(5).await;
    assert_eq!(calls[0].json(), json!({"confrType": 12}));
    assert_eq!((calls[3].method.as_str(), &calls[3].path), ("DELETE", &member));
    assert_eq!(vendor.wait_for_tokens(1).await.len(), 1);
}

#[tokio::test]
async fn the_vendor_knows_its_tokens() {
    let vendor = Vendor::start().await;
    let address = vendor.server().address();
    let bearer = authorization(&vendor).await;
    vendor.revoke_tokens();
    let refused = send(address, "GET", &format!("{CONFERENCES}/X"), &[("authorization", &bearer)], "").await;
    assert_eq!((refused.status, &refused.json()["error"]), (401, &json!("unauthorized")));
    vendor.set_expires_in(3);
    let token = send(address, "POST", TOKEN, &[], "{}").await.json();
    assert_eq!((&token["access_token"], &token["expires_in"]), (&json!("YWMt-test-2"), &json!(3)));
    vendor.script_token(Reply::json(400, &json!({"error": "invalid_grant"})));
    assert_eq!(send(address, "POST", TOKEN, &[], "{}").await.status, 400);
    assert_eq!(send(address, "POST", TOKEN, &[], "{}").await.status, 200);
    assert_eq!((vendor.calls().len(), vendor.token_calls().len()), (1, 4));
}

#[tokio::test]
async fn bytes_are_recorded_as_they_came() {
    let vendor = Vendor::start().await;
    let head = "POST /a/b/conferences HTTP/1.1\r\nhost: x\r\nX-Odd:  two\r\nx-odd:words \r\nTransfer-Encoding: chunked\r\n\r\n";
    let mut connection = Connection::open(vendor.server().address()).await;
    connection.write(format!("{head}4;ext=1\r\n{{\"a\"\r\n3\r\n:1}}\r\n0\r\nTrailer: x\r\n\r\n")).await;
    assert_eq!(connection.answer("POST").await.status, 401);
    let calls = vendor.calls();
    assert_eq!(calls[0].head, head.as_bytes());
    assert_eq!(calls[0].json(), json!({"a": 1}));
    assert_eq!(calls[0].headers.all("x-odd"), ["two", "words"]);

    connection.send("GET", "/a/b/conferences/c", &[], "").await;
    send(vendor.server().address(), "GET", "/a/b/conferences/c", &[("Host", "other")], "").await;
    let connections: Vec<usize> = vendor.calls().iter().map(|call| call.connection).collect();
    assert_eq!(connections, [0, 0, 1]);
    assert_eq!(vendor.server().connections(), 2);
}

#[tokio::test]
async fn replies_come_in_sequence_and_as_scripted() {
    let vendor = Vendor::start().await;
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n";
    vendor
        .script(Reply::status(204))
        .script(Reply::body(502, "text/html", "<html>").header("Retry-After", "7"))
        .script(Reply::status(503).header("Connection", "close"))
        .script(Reply::raw(chunked));
    let mut connection = Connection::open(vendor.server().address()).await;
    assert_eq!(connection.send("GET", "/", &[], "").await.status, 204);
    let answer = connection.send("GET", "/", &[], "").await;
    assert_eq!(
        (answer.status, answer.header("retry-after"), answer.text().as_str()),
        (502, Some("7"), "<html>")
    );
    assert_eq!(connection.send("GET", "/", &[], "").await.status, 503);
    assert_eq!(connection.rest().await, b"");
    assert_eq!(send(vendor.server().address(), "GET", "/", &[], "").await.text(), "hi");
}

#[tokio::test]
async fn connections_end_as_scripted() {
    let vendor = Vendor::start().await;
    vendor.script(Reply::close()).script(Reply::reset()).script(Reply::raw("garbage")).script(Reply::hang());
    let mut ends = Vec::new();
    for _ in 0..3 {
        let mut stream = tokio::net::TcpStream::connect(vendor.server().address()).await.unwrap();
        tokio::io::AsyncWriteExt::write_all(&mut stream, b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
        let mut end = String::new();
        let read = tokio::io::AsyncReadExt::read_to_string(&mut stream, &mut end).await;
        ends.push(read.map(|_| end).map_err(|error| error.kind()));
    }
    let reset = Err(std::io::ErrorKind::ConnectionReset);
    assert_eq!(ends, [Ok(String::new()), reset, Ok("garbage".to_owned())]);

    let mut hanging = Connection::open(vendor.server().address()).await;
    hanging.write("GET / HTTP/1.1\r\n\r\n").await;
    vendor.wait_for(4).await;
    drop(hanging);
    vendor.server().wait_for_hangups(1).await;
}

#[tokio::test]
async fn a_gate_holds_an_answer_until_it_is_opened() {
    let vendor = Vendor::start().await;
    let gate = Gate::closed();
    vendor.script(Reply::status(200).behind(&gate)).script(Reply::status(200).behind(&gate));
    let address = vendor.server().address();
    let waiting = tokio::spawn(send(address, "GET", "/", &[], ""));
    let mut leaving = Connection::open(address).await;
    leaving.write("GET / HTTP/1.1\r\n\r\n").await;
    vendor.wait_for(2).await;
    drop(leaving);
    vendor.server().wait_for_hangups(1).await;
    assert!(!waiting.is_finished());
    gate.open();
    assert_eq!(waiting.await.unwrap().status, 200);
}

#[tokio::test]
async fn the_vendor_speaks_tls_to_those_who_trust_it() {
    let vendor = Vendor::start_tls().await;
    assert!(vendor.base_url().starts_with("https://localhost:"));
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(Vendor::certificate_pem().as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = tokio::net::TcpStream::connect(vendor.server().address()).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let stream = tokio_rustls::TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap();
    let mut wire = Wire::new(stream);
    wire.write(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    assert_eq!(wire.head().await.unwrap().unwrap().start_line, "HTTP/1.1 401 Scripted");
}

#[tokio::test]
async fn a_problem_names_its_code() {
    let vendor = Vendor::start().await;
    let problem = json!({"status": 404, "code": "route_unknown"}).to_string();
    vendor.script(Reply::body(404, "application/problem+json", problem));
    assert_eq!(send(vendor.server().address(), "GET", "/", &[], "").await.problem(), "route_unknown");
}
