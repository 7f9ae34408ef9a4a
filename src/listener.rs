//! A listening socket that outlives a shortage of file descriptors.
//!
//! Without a descriptor a connection can neither be accepted nor turned away: it stays in the kernel's queue, and its
//! caller waits for an answer that nobody is going to give. So one descriptor is kept in reserve. It is given up for
//! the next connection, which is told apart so that it can be turned away at once. Who is done with such a connection
//! gives it back, and its descriptor is the reserve again without having been free in between, when a call to the
//! vendor could have had it.

use std::fs::File;
use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::time::Duration;

use futures_util::FutureExt;
use rustix::io::{DupFlags, Errno, dup3};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep};

/// Between two attempts where the reserve is in use too.
const PAUSE: Duration = Duration::from_millis(50);
/// Between two lines of the log about the same shortage.
const TOLD_EVERY: Duration = Duration::from_secs(10);

/// The socket, with its reserve.
#[derive(Debug)]
pub struct Listener {
    inner: TcpListener,
    reserve: Option<OwnedFd>,
    shortage: Option<Shortage>,
}

/// A connection that was accepted.
#[derive(Debug)]
pub struct Incoming {
    /// The connection.
    pub stream: TcpStream,
    /// Who opened it.
    pub peer: SocketAddr,
    /// Whether there was no descriptor left for it but the reserve. Then [`Listener::give_back`] is for it.
    pub is_last: bool,
}

/// Connections cannot be accepted.
#[derive(Debug)]
struct Shortage {
    failures: u64,
    told: Instant,
}

impl Listener {
    /// Takes over a bound listener that does not block. Needs a tokio runtime around it.
    pub fn from_std(listener: std::net::TcpListener) -> io::Result<Self> {
        Ok(Self::new(TcpListener::from_std(listener)?))
    }

    /// Around a listener of tokio's.
    pub fn new(inner: TcpListener) -> Self {
        Self { inner, reserve: reserve(), shortage: None }
    }

    /// Where it listens.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.inner.local_addr()
    }

    /// The next connection. Nothing is lost where the future is dropped.
    pub async fn accept(&mut self) -> Incoming {
        loop {
            if self.reserve.is_none() {
                self.reserve = reserve();
            }
            match self.inner.accept().await {
                Ok((stream, peer)) => {
                    self.healed();
                    return Incoming { stream, peer, is_last: false };
                }
                Err(error) if is_short(&error) && self.reserve.take().is_some() => {
                    self.failed(&error);
                    if let Some(Ok((stream, peer))) = self.inner.accept().now_or_never() {
                        return Incoming { stream, peer, is_last: true };
                    }
                }
                Err(error) => {
                    self.failed(&error);
                    sleep(PAUSE).await;
                }
            }
        }
    }

    /// Closes a connection. Its descriptor becomes the reserve, if there is none.
    pub fn give_back(&mut self, stream: TcpStream) {
        if self.reserve.is_some() {
            return;
        }
        self.reserve = stream.into_std().ok().and_then(|stream| {
            let mut descriptor = OwnedFd::from(stream);
            // What it is a descriptor of does not matter. This one is at hand.
            dup3(&self.inner, &mut descriptor, DupFlags::CLOEXEC).ok()?;
            Some(descriptor)
        });
    }

    fn failed(&mut self, error: &io::Error) {
        let now = Instant::now();
        let shortage = self.shortage.get_or_insert(Shortage { failures: 0, told: now });
        shortage.failures += 1;
        if shortage.failures == 1 || now.duration_since(shortage.told) >= TOLD_EVERY {
            shortage.told = now;
            tracing::warn!(%error, failures = shortage.failures, "connections cannot be accepted as they should");
        }
    }

    fn healed(&mut self) {
        if self.reserve.is_some()
            && let Some(Shortage { failures, .. }) = self.shortage.take()
        {
            tracing::info!(failures, "connections are accepted again");
        }
    }
}

/// Of this process, or of the whole system.
fn is_short(error: &io::Error) -> bool {
    Errno::from_io_error(error).is_some_and(|errno| matches!(errno, Errno::MFILE | Errno::NFILE))
}

fn reserve() -> Option<OwnedFd> {
    File::open("/dev/null").ok().map(OwnedFd::from)
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsRawFd;

    use tokio::io::AsyncReadExt;

    use super::*;

    #[tokio::test]
    async fn a_connection_given_back_is_closed_and_its_descriptor_the_reserve() {
        let mut listener = Listener::new(TcpListener::bind(("127.0.0.1", 0)).await.unwrap());
        let mut caller = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let incoming = listener.accept().await;
        let descriptor = incoming.stream.as_raw_fd();
        listener.reserve = None;
        listener.give_back(incoming.stream);
        assert_eq!(listener.reserve.as_ref().map(AsRawFd::as_raw_fd), Some(descriptor));
        assert_eq!(caller.read(&mut [0]).await.unwrap(), 0, "the connection goes on");

        let _caller = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let incoming = listener.accept().await;
        listener.give_back(incoming.stream);
        assert_eq!(listener.reserve.as_ref().map(AsRawFd::as_raw_fd), Some(descriptor), "one is enough");
    }
}
