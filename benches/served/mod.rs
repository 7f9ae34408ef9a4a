//! A gateway in this process with everything on, before a vendor that answers from memory, and a caller with one
//! connection to it.

mod case;

use std::net::SocketAddr;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use confgate::assembly::Gateway;
use confgate::config;
use confgate::devissuer::{Algorithm, DevIssuer};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio::sync::oneshot;

use crate::sockets::{ask, connect, runtime};
use crate::vendor;
use crate::world::{configuration_text, mint};

pub(crate) use case::Case;

/// Until it is ready; valgrind is slow.
const PATIENCE: Duration = Duration::from_mins(1);

/// One worker on its thread `worker-0`, the trail's on `audit`. Ends in good order when it is dropped.
pub(crate) struct Served {
    address: SocketAddr,
    issuer: DevIssuer,
    /// Dropped to end it.
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
    _directory: TempDir,
}

impl Served {
    /// Ready to be called, with `more` of a configuration.
    pub(crate) fn start(more: &str) -> Self {
        let directory = TempDir::new().expect("a directory");
        let issuer = DevIssuer::generate("https://issuer.test", Algorithm::Es256).expect("a key");
        let more = format!(
            r#"
[listen]
address = "127.0.0.1:0"
workers = 1
max_lag = "10s"
drain_delay = "0s"
[listen.cors]
allowed_origins = ["https://app.corp.example"]
[admin]
address = "127.0.0.1:0"
[reload]
every = "0s"
[log]
level = "off"
{more}"#
        );
        let text = configuration_text(directory.path(), &[&issuer], &vendor::start(), &more);
        let config = config::parse("the gateway", &text).unwrap_or_else(|problems| panic!("{problems}"));
        let gateway = Gateway::start(&config).expect("a gateway");
        let address = gateway.address();
        let started = Instant::now();
        while !gateway.is_ready() {
            assert!(started.elapsed() < PATIENCE, "the gateway is not ready after {PATIENCE:?}");
            std::thread::sleep(Duration::from_millis(1));
        }
        let (stop, stopped) = oneshot::channel::<()>();
        let thread = std::thread::spawn(move || {
            let stop = async {
                let _ = stopped.await;
            };
            runtime().block_on(gateway.run(stop, std::future::pending())).expect("a whole trail");
        });
        Self { address, issuer, stop: Some(stop), thread: Some(thread), _directory: directory }
    }

    /// A good token, unlike any other.
    pub(crate) fn token(&self) -> String {
        mint(&self.issuer, &["conference:create", "conference:get"])
    }

    /// A caller of its own.
    pub(crate) fn caller(&self) -> Caller {
        let runtime = runtime();
        let stream = runtime.block_on(connect(self.address, false)).expect("a connection");
        Caller { runtime, stream }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            let ended = thread.join();
            assert!(ended.is_ok() || std::thread::panicking(), "the gateway panicked");
        }
    }
}

/// Has one connection, which is kept.
pub(crate) struct Caller {
    runtime: Runtime,
    stream: TcpStream,
}

impl Caller {
    /// Sends a request, and waits for the whole of its answer.
    pub(crate) fn ask(&mut self, request: &str, status: u16) {
        let answered = self.runtime.block_on(ask(&mut self.stream, request));
        assert_eq!(answered, Some(status), "{request}");
    }
}
