use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::upstream::Endpoint;

/// A key server on a loopback port, which answers as it is told and remembers what it was asked.
pub(super) struct JwksServer {
    port: u16,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    status: u16,
    body: String,
    requests: Vec<String>,
}

impl JwksServer {
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::new(Mutex::new(State::default()));
        let serving = Arc::clone(&state);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&serving)));
            }
        });
        Self { port, state }
    }

    pub(super) fn endpoint(&self) -> Endpoint {
        Endpoint::parse(&format!("http://127.0.0.1:{}/keys/jwks.json", self.port)).unwrap()
    }

    pub(super) fn answer(&self, status: u16, body: String) {
        let mut state = self.state.lock().unwrap();
        (state.status, state.body) = (status, body);
    }

    pub(super) fn requests(&self) -> usize {
        self.state.lock().unwrap().requests.len()
    }

    pub(super) fn last_request(&self) -> String {
        self.state.lock().unwrap().requests.last().cloned().unwrap_or_default()
    }
}

async fn serve(mut stream: TcpStream, state: Arc<Mutex<State>>) {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        if stream.read_buf(&mut request).await.unwrap_or(0) == 0 {
            return;
        }
    }
    let answer = {
        let mut state = state.lock().unwrap();
        state.requests.push(String::from_utf8_lossy(&request).into_owned());
        let (status, body) = (state.status, &state.body);
        let length =
            if status == 204 { String::new() } else { format!("content-length: {}\r\n", body.len()) };
        format!("HTTP/1.1 {status} X\r\n{length}connection: close\r\n\r\n{body}")
    };
    let _gone = stream.write_all(answer.as_bytes()).await;
}
