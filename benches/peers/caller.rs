//! One kept connection to the contender, with one request at a time.

use std::io::{self, Read as _, Write as _};
use std::net::SocketAddr;
use std::time::Instant;

use mio::net::TcpStream;
use mio::{Interest, Registry, Token};

use crate::answer::{Read, read, status};

pub(crate) struct Caller {
    stream: TcpStream,
    /// When what is asked was sent, or should have been.
    asked: Option<Instant>,
    /// How much of it has been sent.
    sent: usize,
    /// An answer that has not arrived whole.
    begun: Vec<u8>,
}

/// What became of a request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: usize,
    pub(crate) asked: Instant,
}

impl Caller {
    /// Not connected yet, perhaps: the first write tells.
    pub(crate) fn connect(registry: &Registry, address: SocketAddr, token: Token) -> io::Result<Self> {
        let mut stream = TcpStream::connect(address)?;
        registry.register(&mut stream, token, Interest::READABLE | Interest::WRITABLE)?;
        Ok(Self { stream, asked: None, sent: 0, begun: Vec::new() })
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.asked.is_none()
    }

    /// Once it is connected: `TCP_NODELAY`, or why it is not.
    pub(crate) fn connected(&self) -> io::Result<bool> {
        if let Some(error) = self.stream.take_error()? {
            return Err(error);
        }
        match self.stream.peer_addr() {
            Ok(_) => self.stream.set_nodelay(true).map(|()| true),
            Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Begins a request, the time of which counts from `due`.
    pub(crate) fn ask(&mut self, request: &[u8], due: Instant) -> io::Result<()> {
        self.asked = Some(due);
        self.sent = 0;
        self.go_on(request)
    }

    /// Sends what the socket takes.
    pub(crate) fn go_on(&mut self, request: &[u8]) -> io::Result<()> {
        while self.sent < request.len() {
            match self.stream.write(&request[self.sent..]) {
                Ok(length) => self.sent += length,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// The answer, once it is there whole.
    pub(crate) fn answer(&mut self, buffer: &mut [u8]) -> io::Result<Option<Answer>> {
        loop {
            let length = match self.stream.read(buffer) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(length) => length,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
                Err(error) => return Err(error),
            };
            let bytes = if self.begun.is_empty() {
                &buffer[..length]
            } else {
                self.begun.extend_from_slice(&buffer[..length]);
                &self.begun
            };
            let (Some(asked), whole) = (self.asked, read(bytes, false)) else {
                return Err(io::Error::other("an answer that nobody asked for"));
            };
            match whole {
                Read::Whole { head, body } if head + body == bytes.len() => {
                    let status = status(bytes).unwrap_or_default();
                    self.begun.clear();
                    self.asked = None;
                    return Ok(Some(Answer { status, body, asked }));
                }
                Read::Partial if self.begun.is_empty() => self.begun.extend_from_slice(&buffer[..length]),
                Read::Partial => {}
                Read::Whole { .. } | Read::Unreadable => return Err(io::ErrorKind::InvalidData.into()),
            }
            if length < buffer.len() {
                return Ok(None);
            }
        }
    }
}
