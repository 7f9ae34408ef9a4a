//! Callers that speak HTTP/2: one by the book, and one that sends whatever frames it is told to.

use std::net::SocketAddr;

use bytes::Bytes;
use h2::client::{SendRequest, handshake};
use http::{Request, Response};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use super::client::Answer;
use super::wire::Headers;
use super::within;

pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A well-behaved caller on one connection. Clones share it.
#[derive(Clone)]
pub(crate) struct Http2 {
    requests: SendRequest<Bytes>,
}

/// The other end of a caller's connection; how it ended.
pub(crate) type Driven = JoinHandle<Result<(), h2::Error>>;

impl Http2 {
    /// In clear text, by prior knowledge.
    pub(crate) async fn open(address: SocketAddr) -> Self {
        Self::try_open(address).await.expect("HTTP/2").0
    }

    /// The same of a gateway that may be ending.
    pub(crate) async fn try_open(address: SocketAddr) -> Option<(Self, Driven)> {
        let stream = TcpStream::connect(address).await.ok()?;
        stream.set_nodelay(true).ok()?;
        Self::over(stream).await.ok()
    }

    /// On whatever carries bytes.
    pub(crate) async fn over<T>(stream: T) -> Result<(Self, Driven), h2::Error>
    where
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (requests, connection) = within("HTTP/2", handshake(stream)).await?;
        Ok((Self { requests }, tokio::spawn(connection)))
    }

    /// Sends a request and reads its answer.
    pub(crate) async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Answer {
        let answer = self.try_send(method, path, headers, body).await;
        answer.unwrap_or_else(|error| panic!("no answer to {method} {path}: {error}"))
    }

    /// The same, where there may be none.
    pub(crate) async fn try_send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Result<Answer, h2::Error> {
        let mut request = Request::builder().method(method).uri(format!("http://gate.test{path}"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if !body.is_empty() {
            request = request.header("content-length", body.len());
        }
        let request = request.body(()).expect("a request");
        let sent = async {
            let mut requests = self.requests.clone().ready().await?;
            let (response, mut stream) = requests.send_request(request, body.is_empty())?;
            if !body.is_empty() {
                // Where the answer comes early, the rest of the body is not wanted.
                let _ = stream.send_data(Bytes::copy_from_slice(body.as_bytes()), true);
            }
            read(response.await?).await
        };
        within(&format!("an answer to {method} {path}"), sent).await
    }

    /// Begins a request whose body is sent as the test likes.
    pub(crate) async fn begin(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
    ) -> (h2::client::ResponseFuture, h2::SendStream<Bytes>) {
        let mut request = Request::builder().method(method).uri(format!("http://gate.test{path}"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut requests = self.requests.clone().ready().await.expect("a connection");
        requests.send_request(request.body(()).expect("a request"), false).expect("a stream")
    }
}

/// The whole answer.
pub(crate) async fn read(response: Response<h2::RecvStream>) -> Result<Answer, h2::Error> {
    let (head, mut body) = response.into_parts();
    let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let headers = head.headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect();
    let mut answer = Answer { status: head.status.as_u16(), headers: Headers(headers), body: Vec::new() };
    while let Some(data) = body.data().await {
        let data = data?;
        body.flow_control().release_capacity(data.len())?;
        answer.body.extend_from_slice(&data);
    }
    Ok(answer)
}

/// One frame, as it is on the wire (RFC 9113, section 4.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) kind: u8,
    pub(crate) flags: u8,
    pub(crate) stream: u32,
    pub(crate) payload: Vec<u8>,
}

impl Frame {
    pub(crate) const DATA: u8 = 0;
    pub(crate) const HEADERS: u8 = 1;
    pub(crate) const PRIORITY: u8 = 2;
    pub(crate) const RST_STREAM: u8 = 3;
    pub(crate) const SETTINGS: u8 = 4;
    pub(crate) const PUSH_PROMISE: u8 = 5;
    pub(crate) const PING: u8 = 6;
    pub(crate) const GO_AWAY: u8 = 7;
    pub(crate) const WINDOW_UPDATE: u8 = 8;
    pub(crate) const CONTINUATION: u8 = 9;
    pub(crate) const END_STREAM: u8 = 1;
    pub(crate) const ACK: u8 = 1;
    pub(crate) const END_HEADERS: u8 = 4;

    pub(crate) fn new(kind: u8, flags: u8, stream: u32, payload: impl Into<Vec<u8>>) -> Self {
        Self { kind, flags, stream, payload: payload.into() }
    }

    pub(crate) fn settings(settings: &[(u16, u32)]) -> Self {
        let setting = |(id, value): &(u16, u32)| [&id.to_be_bytes()[..], &value.to_be_bytes()].concat();
        Self::new(Self::SETTINGS, 0, 0, settings.iter().flat_map(setting).collect::<Vec<u8>>())
    }

    /// A whole head; the stream ends with it if `ends`.
    pub(crate) fn headers(stream: u32, fields: &[(&str, &str)], ends: bool) -> Self {
        let flags = Self::END_HEADERS | if ends { Self::END_STREAM } else { 0 };
        Self::new(Self::HEADERS, flags, stream, block(fields))
    }

    pub(crate) fn data(stream: u32, data: impl Into<Vec<u8>>, ends: bool) -> Self {
        Self::new(Self::DATA, u8::from(ends), stream, data)
    }

    pub(crate) fn window_update(stream: u32, by: u32) -> Self {
        Self::new(Self::WINDOW_UPDATE, 0, stream, by.to_be_bytes())
    }

    pub(crate) fn reset(stream: u32) -> Self {
        Self::new(Self::RST_STREAM, 0, stream, 8_u32.to_be_bytes())
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let length = u32::try_from(self.payload.len()).expect("a length").to_be_bytes();
        let header = [&length[1..], &[self.kind, self.flags], &self.stream.to_be_bytes()].concat();
        [header, self.payload.clone()].concat()
    }

    /// The error code of `RST_STREAM` or GOAWAY.
    pub(crate) fn error(&self) -> Option<u32> {
        let code = match self.kind {
            Self::RST_STREAM => self.payload.get(..4),
            Self::GO_AWAY => self.payload.get(4..8),
            _ => None,
        };
        code.map(|code| u32::from_be_bytes(code.try_into().expect("four bytes")))
    }
}

/// Header fields in HPACK, each spelt out (RFC 7541, section 6.2.2).
pub(crate) fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    let fields = fields.iter().map(|(name, value)| literal(name.as_bytes(), value.as_bytes()));
    fields.collect::<Vec<_>>().concat()
}

/// One field, whatever its bytes.
pub(crate) fn literal(name: &[u8], value: &[u8]) -> Vec<u8> {
    [vec![0], length(name.len()), name.to_vec(), length(value.len()), value.to_vec()].concat()
}

/// A length with a prefix of seven bits (RFC 7541, section 5.1).
fn length(length: usize) -> Vec<u8> {
    if length < 127 {
        return vec![u8::try_from(length).expect("seven bits")];
    }
    let (mut bytes, mut rest) = (vec![127], length - 127);
    while rest >= 128 {
        bytes.push(u8::try_from(rest % 128).expect("seven bits") | 128);
        rest /= 128;
    }
    bytes.push(u8::try_from(rest).expect("seven bits"));
    bytes
}

/// A caller that sends frames, or other bytes, as the test likes.
pub(crate) struct Frames {
    stream: TcpStream,
}

impl Frames {
    /// Connected, with nothing said.
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        let stream = within("a connection", TcpStream::connect(address)).await.expect("a connection");
        stream.set_nodelay(true).expect("TCP_NODELAY");
        Self { stream }
    }

    /// With the preface and these settings said.
    pub(crate) async fn open(address: SocketAddr, settings: &[(u16, u32)]) -> Self {
        let mut frames = Self::connect(address).await;
        frames.write([PREFACE, &Frame::settings(settings).bytes()].concat()).await;
        frames
    }

    pub(crate) async fn write(&mut self, bytes: impl AsRef<[u8]>) {
        assert!(self.try_write(bytes).await, "the connection is closed");
    }

    /// Whether the other side took it.
    pub(crate) async fn try_write(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        within("room to write", self.stream.write_all(bytes.as_ref())).await.is_ok()
    }

    pub(crate) async fn send(&mut self, frame: &Frame) {
        self.write(frame.bytes()).await;
    }

    /// The next frame; None when the connection has ended.
    pub(crate) async fn next(&mut self) -> Option<Frame> {
        within("a frame, or the end", async {
            let mut header = [0; 9];
            self.stream.read_exact(&mut header).await.ok()?;
            let [a, b, c, kind, flags, stream @ ..] = header;
            let mut payload = vec![0; usize::try_from(u32::from_be_bytes([0, a, b, c])).expect("24 bits")];
            self.stream.read_exact(&mut payload).await.ok()?;
            Some(Frame { kind, flags, stream: u32::from_be_bytes(stream), payload })
        })
        .await
    }

    /// The next frame of this kind.
    pub(crate) async fn until(&mut self, kind: u8) -> Option<Frame> {
        loop {
            let frame = self.next().await?;
            if frame.kind == kind {
                return Some(frame);
            }
        }
    }

    /// All frames until the end of the connection.
    pub(crate) async fn rest(&mut self) -> Vec<Frame> {
        let mut frames = Vec::new();
        while let Some(frame) = self.next().await {
            frames.push(frame);
        }
        frames
    }

    /// The error code of the GOAWAY that the connection ends with; None when it ends without one.
    pub(crate) async fn farewell(&mut self) -> Option<u32> {
        self.rest()
            .await
            .iter()
            .filter(|frame| frame.kind == Frame::GO_AWAY)
            .filter_map(Frame::error)
            .next_back()
    }

    /// Reads and writes at the same time.
    pub(crate) fn into_stream(self) -> TcpStream {
        self.stream
    }
}
