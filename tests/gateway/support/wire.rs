//! HTTP/1.1 as bytes: as little of it as a test needs, so that what is recorded is what was sent.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// Header fields in order, names as they were written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Headers(pub(crate) Vec<(String, String)>);

impl Headers {
    /// The only value of `name`; `None` without one. Two of them fail the test.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let mut values = self.all(name).into_iter();
        let value = values.next();
        assert_eq!(values.next(), None, "{name} comes twice in {self:?}");
        value
    }

    /// Every value of `name`, in order.
    pub(crate) fn all(&self, name: &str) -> Vec<&str> {
        let named = self.0.iter().filter(|(key, _)| key.eq_ignore_ascii_case(name));
        named.map(|(_, value)| value.as_str()).collect()
    }
}

/// The head of a message: the start line and the fields.
#[derive(Clone, Debug)]
pub(crate) struct Head {
    /// The bytes as they came, with the empty line.
    pub(crate) raw: Vec<u8>,
    pub(crate) start_line: String,
    pub(crate) headers: Headers,
}

impl Head {
    fn parse(raw: Vec<u8>) -> io::Result<Self> {
        let text = String::from_utf8_lossy(&raw).into_owned();
        let mut lines = text.trim_end().split("\r\n");
        let start_line = lines.next().unwrap_or_default().to_owned();
        let field = |line: &str| {
            let (name, value) = line.split_once(':')?;
            Some((name.to_owned(), value.trim().to_owned()))
        };
        let headers: Option<Vec<_>> = lines.map(field).collect();
        let headers = Headers(headers.ok_or_else(|| malformed(&text))?);
        Ok(Self { raw, start_line, headers })
    }
}

/// One end of a connection.
pub(crate) struct Wire<S> {
    pub(crate) stream: S,
    buffer: Vec<u8>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Wire<S> {
    pub(crate) fn new(stream: S) -> Self {
        let buffer = Vec::new();
        Self { stream, buffer }
    }

    pub(crate) async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes).await?;
        self.stream.flush().await
    }

    /// Nothing more will be written.
    pub(crate) async fn finish(&mut self) -> io::Result<()> {
        self.stream.shutdown().await
    }

    /// Reads more into the buffer; 0 when the other end is closed.
    pub(crate) async fn fill(&mut self) -> io::Result<usize> {
        self.stream.read_buf(&mut self.buffer).await
    }

    /// The next message's head; `None` when the other end closed the connection between two messages.
    pub(crate) async fn head(&mut self) -> io::Result<Option<Head>> {
        loop {
            if let Some(end) = self.buffer.windows(4).position(|four| four == b"\r\n\r\n") {
                return Head::parse(self.buffer.drain(..end + 4).collect()).map(Some);
            }
            if self.fill().await? == 0 {
                if self.buffer.is_empty() {
                    return Ok(None);
                }
                return Err(malformed(&String::from_utf8_lossy(&self.buffer)));
            }
        }
    }

    /// The body that belongs to `headers`; `None` when they do not say how long it is.
    pub(crate) async fn framed(&mut self, headers: &Headers) -> io::Result<Option<Vec<u8>>> {
        if headers.get("transfer-encoding").is_some_and(|coding| coding.eq_ignore_ascii_case("chunked")) {
            return self.chunks().await.map(Some);
        }
        let Some(length) = headers.get("content-length") else {
            return Ok(None);
        };
        let length = length.parse().map_err(|_| malformed(length))?;
        self.exactly(length).await.map(Some)
    }

    /// Everything until the other end closes.
    pub(crate) async fn rest(&mut self) -> io::Result<Vec<u8>> {
        while self.fill().await? > 0 {}
        Ok(std::mem::take(&mut self.buffer))
    }

    async fn exactly(&mut self, length: usize) -> io::Result<Vec<u8>> {
        while self.buffer.len() < length {
            if self.fill().await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(self.buffer.drain(..length).collect())
    }

    /// A chunked body without its framing. Trailers are dropped.
    async fn chunks(&mut self) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let line = self.line().await?;
            let size = line.split(';').next().unwrap_or_default().trim();
            let size = usize::from_str_radix(size, 16).map_err(|_| malformed(&line))?;
            if size == 0 {
                while !self.line().await?.is_empty() {}
                return Ok(body);
            }
            body.extend(self.exactly(size).await?);
            self.line().await?;
        }
    }

    async fn line(&mut self) -> io::Result<String> {
        loop {
            if let Some(end) = self.buffer.windows(2).position(|two| two == b"\r\n") {
                let line: Vec<u8> = self.buffer.drain(..end + 2).collect();
                return Ok(String::from_utf8_lossy(&line[..end]).into_owned());
            }
            if self.fill().await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }
}

fn malformed(text: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("no HTTP/1.1: {text:?}"))
}
