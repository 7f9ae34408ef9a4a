//! A caller: exact bytes out and in, and a short way for requests that are as they should be.

use std::io;
use std::net::{IpAddr, SocketAddr};

use futures_util::FutureExt;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite};
use tokio::net::{TcpSocket, TcpStream};

use super::wire::{Head, Headers, Wire};
use super::within;

/// One answer as the caller saw it.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Headers,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    fn new(head: Head, body: Vec<u8>) -> Self {
        let status = head.start_line.split(' ').nth(1).and_then(|status| status.parse().ok());
        Self {
            status: status.unwrap_or_else(|| panic!("no status line: {:?}", head.start_line)),
            headers: head.headers,
            body,
        }
    }

    /// The only value of a header field.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)
    }

    /// Whether the connection ends with it.
    pub(crate) fn is_closing(&self) -> bool {
        self.header("connection").is_some_and(|options| options.eq_ignore_ascii_case("close"))
    }

    /// The id that the answer and the trail have in common.
    pub(crate) fn request_id(&self) -> &str {
        self.header("x-request-id").unwrap_or_else(|| panic!("no id in {self:?}"))
    }

    /// The body as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error} in {self:?}"))
    }

    /// The body as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The `code` of problem details (RFC 9457), after checking that they are some and agree with the status.
    pub(crate) fn problem(&self) -> String {
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{}", self.text());
        let problem = self.json();
        assert_eq!(problem["status"], self.status, "{problem}");
        problem["code"].as_str().unwrap_or_else(|| panic!("no code in {problem}")).to_owned()
    }
}

/// Sends one request on a connection of its own and reads the answer. `Host` and `Content-Length` are added when
/// they are missing.
pub(crate) async fn send(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: impl AsRef<[u8]>,
) -> Answer {
    Connection::open(address).await.send(method, path, headers, body).await
}

/// One connection to a server.
pub(crate) struct Connection<S = TcpStream> {
    wire: Wire<S>,
    address: SocketAddr,
}

impl Connection {
    pub(crate) async fn open(address: SocketAddr) -> Self {
        let opened = Self::to(address, TcpStream::connect(address)).await;
        opened.unwrap_or_else(|error| panic!("cannot connect to {address}: {error}"))
    }

    /// From this address of the machine's own.
    pub(crate) async fn open_from(source: IpAddr, address: SocketAddr) -> Self {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.bind((source, 0).into()).expect("an address of this machine");
        let opened = Self::to(address, socket.connect(address)).await;
        opened.unwrap_or_else(|error| panic!("cannot connect from {source} to {address}: {error}"))
    }

    /// With room for this many bytes that are not read yet, or twice that: left to itself, the kernel may take 32 MiB.
    pub(crate) async fn open_with_room(room: u32, address: SocketAddr) -> Self {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.set_recv_buffer_size(room).expect("a receive buffer");
        let opened = Self::to(address, socket.connect(address)).await;
        opened.unwrap_or_else(|error| panic!("cannot connect to {address}: {error}"))
    }

    /// The connection itself, where nothing of an answer was read yet.
    pub(crate) fn into_stream(self) -> TcpStream {
        self.wire.stream
    }

    /// To a gateway that may have been killed: `None` when it was.
    pub(crate) async fn try_open(address: SocketAddr) -> Option<Self> {
        Self::to(address, TcpStream::connect(address)).await.ok()
    }

    async fn to(
        address: SocketAddr,
        connecting: impl Future<Output = io::Result<TcpStream>>,
    ) -> io::Result<Self> {
        let stream = within("a connection, or none", connecting).await?;
        stream.set_nodelay(true)?;
        Ok(Self::over(stream, address))
    }

    /// Waits until an answer has begun to arrive, and leaves it unread.
    pub(crate) async fn begun(&self) {
        within("the beginning of an answer", self.wire.stream.readable()).await.expect("a connection");
    }

    /// Whether something has arrived, or the end.
    pub(crate) fn has_answer(&self) -> bool {
        self.wire.stream.peek(&mut [0]).now_or_never().is_some()
    }

    /// Breaks the connection off (RST).
    pub(crate) fn reset(self) {
        self.wire.stream.set_zero_linger().expect("a connection");
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<S> {
    /// On whatever carries bytes to `address`.
    pub(crate) fn over(stream: S, address: SocketAddr) -> Self {
        Self { wire: Wire::new(stream), address }
    }

    /// Sends a request and reads its answer; the connection stays open.
    pub(crate) async fn send(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl AsRef<[u8]>,
    ) -> Answer {
        let message = self.message(method, path, headers, body.as_ref());
        self.write(message).await;
        self.answer(method).await
    }

    /// The same to a gateway that may be killed meanwhile: `None` when it was.
    pub(crate) async fn try_send(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl AsRef<[u8]>,
    ) -> Option<Answer> {
        let message = self.message(method, path, headers, body.as_ref());
        let answer = async {
            self.wire.write(&message).await.ok()?;
            self.read(method).await.ok()?
        };
        within(&format!("an answer to {method}, or none"), answer).await
    }

    fn message(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
        let has = |name: &str| headers.iter().any(|(key, _)| key.eq_ignore_ascii_case(name));
        let mut message = format!("{method} {path} HTTP/1.1\r\n").into_bytes();
        if !has("host") {
            message.extend(format!("Host: {}\r\n", self.address).bytes());
        }
        if !has("content-length") && !has("transfer-encoding") && !body.is_empty() {
            message.extend(format!("Content-Length: {}\r\n", body.len()).bytes());
        }
        for (name, value) in headers {
            message.extend(format!("{name}: {value}\r\n").bytes());
        }
        message.extend([b"\r\n", body].concat());
        message
    }

    /// Sends these bytes.
    pub(crate) async fn write(&mut self, bytes: impl AsRef<[u8]>) {
        let written = within("room to write", self.wire.write(bytes.as_ref())).await;
        written.unwrap_or_else(|error| panic!("cannot write to {}: {error}", self.address));
    }

    /// The same to a gateway that may have closed the connection.
    pub(crate) async fn try_write(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        within("room to write", self.wire.write(bytes.as_ref())).await
    }

    /// Ends its own side of the connection; answers can still come.
    pub(crate) async fn finish(&mut self) {
        let finished = within("the end to be sent", self.wire.finish()).await;
        finished.unwrap_or_else(|error| panic!("cannot end the connection to {}: {error}", self.address));
    }

    /// The next answer, to a request with `method`.
    pub(crate) async fn answer(&mut self, method: &str) -> Answer {
        let answer = within(&format!("an answer to {method}"), self.read(method)).await;
        let answer = answer.unwrap_or_else(|error| panic!("no answer to {method}: {error}"));
        answer
            .unwrap_or_else(|| panic!("{} closed the connection without an answer to {method}", self.address))
    }

    /// The same of an answer that may break off: then the error.
    pub(crate) async fn try_answer(&mut self, method: &str) -> io::Result<Option<Answer>> {
        within(&format!("an answer to {method}, or its end"), self.read(method)).await
    }

    /// Reads a little of what there is; 0 at the end, an error where the connection is broken off.
    pub(crate) async fn sip(&mut self) -> io::Result<usize> {
        let mut little = vec![0; 0x10000];
        within("something to read", self.wire.stream.read(&mut little)).await
    }

    /// All bytes until the server closes the connection.
    pub(crate) async fn rest(&mut self) -> Vec<u8> {
        let rest = within("the server to close the connection", self.wire.rest()).await;
        rest.unwrap_or_else(|error| panic!("{} broke the connection: {error}", self.address))
    }

    async fn read(&mut self, method: &str) -> io::Result<Option<Answer>> {
        let Some(head) = self.wire.head().await? else {
            return Ok(None);
        };
        let mut answer = Answer::new(head, Vec::new());
        if method == "HEAD" || answer.status < 200 || matches!(answer.status, 204 | 304) {
            return Ok(Some(answer));
        }
        answer.body = match self.wire.framed(&answer.headers).await? {
            Some(body) => body,
            None => self.wire.rest().await?,
        };
        Ok(Some(answer))
    }
}
