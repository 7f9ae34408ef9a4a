//! Callers at a fixed rate.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::{LocalSet, spawn_local};
use tokio::time::{Instant, sleep_until};

use super::gateway::{Running, runtime};

/// Who call, and how.
pub(crate) struct Callers {
    address: SocketAddr,
    request: Rc<[u8]>,
}

/// How long each answer took.
#[derive(Default)]
pub(crate) struct Figures {
    pub(crate) served: Vec<Duration>,
    pub(crate) shed: Vec<Duration>,
}

impl Figures {
    pub(crate) fn served(&self, quantile: f64) -> Duration {
        of(&self.served, quantile)
    }

    pub(crate) fn shed(&self, quantile: f64) -> Duration {
        of(&self.shed, quantile)
    }
}

fn of(all: &[Duration], quantile: f64) -> Duration {
    let mut sorted = all.to_vec();
    sorted.sort_unstable();
    let index = (sorted.len() as f64 * quantile) as usize;
    sorted.get(index).copied().unwrap_or_default()
}

impl Callers {
    pub(crate) fn of(gateway: &Running) -> Self {
        let Running { address, bearer, .. } = gateway;
        let request =
            format!("DELETE /conferences/IM3 HTTP/1.1\r\nHost: a\r\nAuthorization: {bearer}\r\n\r\n");
        Self { address: *address, request: request.into_bytes().into() }
    }

    /// Over so many connections, at `rate` requests a second over all of them, or as fast as they are answered.
    pub(crate) fn run(&self, connections: usize, rate: Option<f64>, lasts: Duration) -> Figures {
        let figures = Rc::new(RefCell::new(Figures::default()));
        let tasks = LocalSet::new();
        tasks.block_on(&runtime(), async {
            let every = rate.map(|rate| Duration::from_secs_f64(connections as f64 / rate));
            let begin = Instant::now() + Duration::from_secs(1);
            let calls = (0..connections).map(|number| {
                let offset = every.unwrap_or_default().mul_f64(number as f64 / connections as f64);
                let call = Call {
                    address: self.address,
                    request: Rc::clone(&self.request),
                    first: begin + offset,
                    every,
                    last: begin + lasts,
                };
                spawn_local(call.repeat(Rc::clone(&figures)))
            });
            for call in calls.collect::<Vec<_>>() {
                call.await.expect("no panic");
            }
        });
        Rc::into_inner(figures).expect("no call any more").into_inner()
    }
}

struct Call {
    address: SocketAddr,
    request: Rc<[u8]>,
    first: Instant,
    every: Option<Duration>,
    last: Instant,
}

impl Call {
    async fn repeat(self, figures: Rc<RefCell<Figures>>) {
        let mut stream = TcpStream::connect(self.address).await.expect("a connection");
        stream.set_nodelay(true).expect("a socket");
        let mut due = self.first;
        while due < self.last && Instant::now() < self.last {
            sleep_until(due).await;
            stream.write_all(&self.request).await.expect("a kept connection");
            let status = status(&mut stream).await;
            let mut figures = figures.borrow_mut();
            match status {
                // Its scope is missing, which only a token that was checked can tell.
                403 => figures.served.push(due.elapsed()),
                503 => figures.shed.push(due.elapsed()),
                other => panic!("an answer {other}"),
            }
            due = self.every.map_or_else(Instant::now, |every| due + every);
        }
    }
}

/// Reads one answer.
async fn status(stream: &mut TcpStream) -> u16 {
    let mut answer = Vec::with_capacity(2048);
    loop {
        let read = stream.read_buf(&mut answer).await.expect("a kept connection");
        assert!(read > 0, "the connection was closed");
        let Some(end) = answer.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(&answer[..end]).to_ascii_lowercase();
        let length = head.split("content-length: ").nth(1).and_then(|rest| rest.split("\r\n").next());
        let length: usize = length.and_then(|length| length.parse().ok()).expect("a length");
        if answer.len() >= end + 4 + length {
            return head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
        }
    }
}
