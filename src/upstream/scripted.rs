//! For tests: a server on a real socket that does to each connection what the test says, byte by byte.

use std::cell::{Cell, RefCell};
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::ServerConfig;
use tempfile::NamedTempFile;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::{LocalSet, spawn_local, yield_now};
use tokio_rustls::TlsAcceptor;

use super::{Connector, tls_config};

const LONG: Duration = Duration::from_mins(1);

/// Runs a test on one thread in real time, as a worker does. A test that hangs fails.
pub(crate) fn on_a_worker(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let limited = async { tokio::time::timeout(Duration::from_secs(20), test).await };
    runtime.block_on(LocalSet::new().run_until(limited)).expect("the test hangs");
}

/// Lets everybody else run until `condition` holds.
pub(crate) async fn until(condition: impl Fn() -> bool) {
    while !condition() {
        yield_now().await;
    }
}

/// A certificate authority and the file that makes it trusted.
pub(crate) struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    file: NamedTempFile,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let mut file = NamedTempFile::new().unwrap();
        file.write_all(issuer.pem().as_bytes()).unwrap();
        Self { issuer, file }
    }

    pub(crate) fn acceptor(&self, name: &str) -> TlsAcceptor {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.into()], key.into())
            .unwrap();
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        TlsAcceptor::from(Arc::new(config))
    }

    pub(crate) fn connector(&self) -> Connector {
        let (tls, _) = tls_config(Some(self.file.path())).unwrap();
        Connector::new(tls, LONG)
    }
}

/// What the server counts and records.
#[derive(Default)]
pub(crate) struct Record {
    /// Connections accepted.
    pub(crate) accepted: Cell<usize>,
    /// Connections that the script has not let go.
    pub(crate) open: Cell<usize>,
    /// The most that were open at a time.
    pub(crate) most_open: Cell<usize>,
    /// Every request that arrived whole, with the number of its connection, from 0.
    pub(crate) requests: RefCell<Vec<(usize, String)>>,
}

pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) record: Rc<Record>,
}

trait Io: AsyncRead + AsyncWrite + Unpin {}
impl<T: AsyncRead + AsyncWrite + Unpin> Io for T {}

/// A connection as the script sees it. Dropped, it is closed; with unread bytes, it is reset.
pub(crate) struct Wire {
    stream: Box<dyn Io>,
    number: usize,
    record: Rc<Record>,
}

impl Server {
    /// Hands each connection to `script`, with its number, from 0.
    pub(crate) async fn start<F: Future<Output = ()> + 'static>(
        script: impl Fn(usize, Wire) -> F + 'static,
    ) -> Self {
        Self::start_with(None, script).await
    }

    pub(crate) async fn start_with<F: Future<Output = ()> + 'static>(
        tls: Option<TlsAcceptor>,
        script: impl Fn(usize, Wire) -> F + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let record = Rc::<Record>::default();
        let server = Self { address, record: Rc::clone(&record) };
        spawn_local(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let stream: Box<dyn Io> = match &tls {
                    None => Box::new(stream),
                    Some(acceptor) => match acceptor.accept(stream).await {
                        Ok(stream) => Box::new(stream),
                        Err(_) => continue,
                    },
                };
                spawn_local(script(record.accepted.get(), Wire::new(stream, &record)));
            }
        });
        server
    }

    /// A server that answers every request with 200 and the body `ok`.
    pub(crate) async fn obliging() -> Self {
        Self::start(|_, mut wire| async move { while wire.serve("ok").await {} }).await
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The number of the connection and the path of every request, in order.
    pub(crate) fn paths(&self) -> Vec<(usize, String)> {
        let path = |request: &str| request.split(' ').nth(1).unwrap().to_owned();
        let requests = self.record.requests.borrow();
        requests.iter().map(|(number, request)| (*number, path(request))).collect()
    }
}

impl Wire {
    fn new(stream: Box<dyn Io>, record: &Rc<Record>) -> Self {
        let number = record.accepted.replace(record.accepted.get() + 1);
        record.open.set(record.open.get() + 1);
        record.most_open.set(record.most_open.get().max(record.open.get()));
        Self { stream, number, record: Rc::clone(record) }
    }

    /// Reads one request, with the body that its `Content-Length` announces. `None` at the end.
    pub(crate) async fn request(&mut self) -> Option<String> {
        let mut request = String::new();
        let mut missing = usize::MAX;
        while missing > 0 {
            request.push(char::from(self.stream.read_u8().await.ok()?));
            missing -= 1;
            if request.ends_with("\r\n\r\n") && missing > 1 << 30 {
                let length = |line: &str| line.strip_prefix("content-length: ")?.parse().ok();
                missing = request.lines().find_map(length).unwrap_or(0);
            }
        }
        self.record.requests.borrow_mut().push((self.number, request.clone()));
        Some(request)
    }

    /// Reads a single byte and no more.
    pub(crate) async fn first_byte(&mut self) {
        self.stream.read_u8().await.unwrap();
    }

    pub(crate) async fn write(&mut self, text: &str) {
        self.try_write(text).await.unwrap();
    }

    pub(crate) async fn try_write(&mut self, text: &str) -> io::Result<()> {
        self.stream.write_all(text.as_bytes()).await?;
        self.stream.flush().await
    }

    pub(crate) async fn answer(&mut self, status: &str, body: &str) {
        let length = body.len();
        self.write(&format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\n\r\n{body}")).await;
    }

    /// One request, one answer of status 200. False at the end.
    pub(crate) async fn serve(&mut self, body: &str) -> bool {
        let some = self.request().await.is_some();
        if some {
            self.answer("200 OK", body).await;
        }
        some
    }

    /// Waits until the client closes, whatever it sends before.
    pub(crate) async fn until_closed(&mut self) {
        while self.stream.read_u8().await.is_ok() {}
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.record.open.set(self.record.open.get() - 1);
    }
}
