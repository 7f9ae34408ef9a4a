//! A plain vendor: it answers every call from memory, on the same thread and poll as the callers. What is not one of
//! its calls with its own token is answered 400, so that a contender that rewrites nothing is found out.

use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};

use memchr::memmem;
use mio::event::Event;
use mio::net::{TcpListener, TcpStream};
use mio::{Interest, Registry, Token};
use rustix::net::sockopt::set_socket_reuseport;
use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, listen, socket_with};

use crate::answer::{Read, read};
use crate::world::ANSWER;

/// What it hands out at its token endpoint, and wants to see with each call.
pub(crate) const BEARER: &str = "YWMt-bench";
/// Where its calls are.
pub(crate) const BASE: &str = "/org/app";

/// The token of its listener. Its connections have even ones, callers have odd ones.
const LISTENER: Token = Token(usize::MAX);

pub(crate) struct Vendor {
    listener: TcpListener,
    connections: Vec<Option<Connection>>,
    answers: Answers,
    buffer: Box<[u8]>,
    /// How many connections were ever opened.
    pub(crate) accepted: u64,
}

struct Connection {
    stream: TcpStream,
    /// A request that has not arrived whole.
    begun: Vec<u8>,
}

struct Answers {
    conference: Vec<u8>,
    token: Vec<u8>,
    bad: Vec<u8>,
}

impl Vendor {
    /// At a port of its own, or one that others of this process have, too.
    pub(crate) fn listen(registry: &Registry, port: u16) -> io::Result<Self> {
        let mut listener = TcpListener::from_std(shared_listener(port)?);
        registry.register(&mut listener, LISTENER, Interest::READABLE)?;
        let token = format!(r#"{{"access_token":"{BEARER}","expires_in":5184000}}"#);
        let answers = Answers {
            conference: answer("200 OK", ANSWER),
            token: answer("200 OK", &token),
            bad: answer("400 Bad Request", r#"{"error":"not a call of the vendor's"}"#),
        };
        let buffer = vec![0; 1 << 16].into_boxed_slice();
        Ok(Self { listener, connections: Vec::new(), answers, buffer, accepted: 0 })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.listener.local_addr().expect("an address")
    }

    /// Whether the event was for it; it is dealt with then.
    pub(crate) fn takes(&mut self, registry: &Registry, event: &Event) -> io::Result<bool> {
        match event.token() {
            LISTENER => self.accept(registry).map(|()| true),
            Token(token) if token & 1 == 0 => {
                self.turn(event);
                Ok(true)
            }
            Token(_) => Ok(false),
        }
    }

    /// Takes the connections that wait.
    fn accept(&mut self, registry: &Registry) -> io::Result<()> {
        loop {
            let mut stream = match self.listener.accept() {
                Ok((stream, _)) => stream,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            };
            stream.set_nodelay(true)?;
            let free = self.connections.iter().position(Option::is_none);
            let place = free.unwrap_or_else(|| {
                self.connections.push(None);
                self.connections.len() - 1
            });
            registry.register(&mut stream, Token(place << 1), Interest::READABLE)?;
            self.connections[place] = Some(Connection { stream, begun: Vec::new() });
            self.accepted += 1;
        }
    }

    /// Answers what has arrived on a connection. One that fails is closed, which its other end notices.
    fn turn(&mut self, event: &Event) {
        let place = event.token().0 >> 1;
        let Some(Some(connection)) = self.connections.get_mut(place) else { return };
        match connection.turn(&self.answers, &mut self.buffer, event.is_read_closed()) {
            Ok(true) => {}
            Ok(false) | Err(_) => self.connections[place] = None,
        }
    }
}

impl Connection {
    /// Whether it stays open. A read that does not fill the buffer has emptied the socket, unless it was closed behind.
    fn turn(&mut self, answers: &Answers, buffer: &mut [u8], closed: bool) -> io::Result<bool> {
        loop {
            let length = match self.stream.read(buffer) {
                Ok(0) => return Ok(false),
                Ok(length) => length,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(true),
                Err(error) => return Err(error),
            };
            if self.begun.is_empty() {
                let done = answer_all(&mut self.stream, answers, &buffer[..length])?;
                self.begun.extend_from_slice(&buffer[done..length]);
            } else {
                self.begun.extend_from_slice(&buffer[..length]);
                let done = answer_all(&mut self.stream, answers, &self.begun)?;
                self.begun.drain(..done);
            }
            if length < buffer.len() && !closed {
                return Ok(true);
            }
        }
    }
}

/// Answers every whole request, and gives how many bytes they had.
fn answer_all(stream: &mut TcpStream, answers: &Answers, bytes: &[u8]) -> io::Result<usize> {
    let mut done = 0;
    loop {
        let rest = &bytes[done..];
        match read(rest, true) {
            Read::Whole { head, body } => {
                // An answer is far smaller than what a socket takes at once.
                stream.write_all(answers.to(&rest[..head]))?;
                done += head + body;
            }
            Read::Partial => return Ok(done),
            Read::Unreadable => return Err(io::ErrorKind::InvalidData.into()),
        }
    }
}

impl Answers {
    fn to(&self, head: &[u8]) -> &[u8] {
        let path = memchr::memchr(b' ', head).map_or(&[][..], |space| &head[space + 1..]);
        let Some(call) = path.strip_prefix(BASE.as_bytes()) else { return &self.bad };
        if call.starts_with(b"/token ") {
            return &self.token;
        }
        // The name of the field in whichever case, then our token and the line's end.
        let credential = memmem::find(head, b"uthorization: Bearer YWMt-bench\r\n");
        if call.starts_with(b"/conferences") && credential.is_some() { &self.conference } else { &self.bad }
    }
}

/// The kernel shares connections out among the listeners at one port.
fn shared_listener(port: u16) -> io::Result<std::net::TcpListener> {
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let socket = socket_with(AddressFamily::INET, SocketType::STREAM, flags, None)?;
    set_socket_reuseport(&socket, true)?;
    bind(&socket, &SocketAddrV4::new(Ipv4Addr::LOCALHOST, port))?;
    listen(&socket, 4096)?;
    Ok(socket.into())
}

fn answer(status: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}")
        .into()
}
