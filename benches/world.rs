//! What the benches need: a configuration, a vendor that answers from memory, tokens, requests.

use std::convert::Infallible;
use std::fmt::Write as _;
use std::future::{Ready, ready};
use std::marker::PhantomData;
use std::num::NonZeroU32;
use std::path::Path;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use confgate::assembly::Parts;
use confgate::config::{self, Config};
use confgate::devissuer::{Claims, DevIssuer};
use confgate::stages::audit::Desk;
use confgate::stages::authn::Authn;
use confgate::stages::head::{Field, Head};
use confgate::stages::identify::Accepted;
use confgate::stages::reply::{GateBody, Reply};
use confgate::telemetry::MetricsBuilder;
use confgate::trail::Trail;
use confgate::upstream::{Connector, tls_config};
use http::{Method, StatusCode, Version};
use http_body_util::Full;
use jiff::SignedDuration;
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio::task::LocalSet;
use tower::{Service, ServiceExt};

/// The vendor's own example of an answer.
pub(crate) const ANSWER: &str = r#"{"error":0,"id":"IM3SKW51SKH4TB80LV45000C7","type":10,"mixed":false,"password":"0.37898245722568236","audienceLimit":600,"talkerLimit":6,"allowAudienceTalk":true}"#;
pub(crate) const CONFERENCE: &str = "/conferences/IM3SKW51SKH4TB80LV45000C7";

/// Makes the next request.
pub(crate) type Next<'a> = &'a dyn Fn() -> Accepted<Full<Bytes>>;

/// Answers at once, in place of whatever stages are left out.
pub(crate) struct Answer<E>(PhantomData<E>);

impl<E> Answer<E> {
    pub(crate) fn new() -> Self {
        Self(PhantomData)
    }
}

impl<E> Clone for Answer<E> {
    fn clone(&self) -> Self {
        Self::new()
    }
}

impl<T, E> Service<T> for Answer<E> {
    type Response = Reply;
    type Error = E;
    type Future = Ready<Result<Reply, E>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), E>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: T) -> Self::Future {
        ready(Ok(Reply::new(StatusCode::OK, GateBody::Held(ANSWER.into()))))
    }
}

/// A small token endpoint: without a token of the vendor's no call gets to the vendor.
fn token_endpoint() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        use std::io::{Read as _, Write as _};
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut request = [0; 4096];
            let body = r#"{"access_token":"YWMt-bench","expires_in":5184000}"#;
            let length = body.len();
            let answer =
                format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}");
            let _ = stream.read(&mut request);
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    format!("http://{address}")
}

/// `more` is TOML for the end of the configuration.
fn configuration(directory: &Path, issuers: &[&DevIssuer], more: &str) -> Config {
    let text = configuration_text(directory, issuers, &token_endpoint(), more);
    config::parse("the bench", &text).unwrap_or_else(|problems| panic!("{problems}"))
}

/// A configuration for the vendor at `base_url`, with its files in `directory`.
pub(crate) fn configuration_text(
    directory: &Path,
    issuers: &[&DevIssuer],
    base_url: &str,
    more: &str,
) -> String {
    let secret = directory.join("secret");
    std::fs::write(&secret, "secret").expect("a file");
    let quota = r#"{ rate = 1000000, per = "1s", burst = 1000000 }"#;
    let mut text = format!(
        r#"
[apps.meet]
base_url = "{base_url}"
org = "org"
app = "app"
client_id = "id"
client_secret_file = "{}"
budget = {quota}
[tenants.crm]
app = "meet"
rate_limit = {quota}
user_rate_limit = {quota}
max_in_flight = 1000
[audit]
directory = "{}"
"#,
        secret.display(),
        directory.join("audit").display(),
    );
    for issuer in issuers {
        let algorithm = issuer.algorithm();
        let keys = directory.join(format!("{algorithm}.json"));
        std::fs::write(&keys, issuer.jwks().to_string()).expect("a file");
        let entry = format!(
            "[[authn.issuers]]\nissuer = \"{}\"\naudiences = [\"confgate\"]\nalgorithms = [\"{algorithm}\"]\njwks_file = \"{}\"\n",
            issuer.issuer(),
            keys.display(),
        );
        text.write_str(&entry).expect("text");
    }
    text.push_str(more);
    text
}

/// What one worker has, kept for as long as the bench runs.
pub(crate) struct World {
    pub(crate) parts: Parts,
    pub(crate) desk: Rc<Desk>,
    /// Puts each refusal on record, however many there are.
    pub(crate) thorough: Rc<Desk>,
    runtime: Runtime,
    tasks: LocalSet,
    _directory: TempDir,
}

impl World {
    /// With more of a configuration.
    pub(crate) fn with(issuers: &[&DevIssuer], more: &str) -> Self {
        let directory = TempDir::new().expect("a directory");
        let config = configuration(directory.path(), issuers, more);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let (tls, _) = tls_config(None).expect("certificate authorities");
        let connector = Connector::new(tls, Duration::from_secs(1));
        // The trail closes by itself when the last handle is dropped.
        let (trail, _) = Trail::open(&config.trail).expect("a trail");
        let tenants = config.tenants.iter().map(|tenant| tenant.id.clone()).collect();
        let apps = config.apps.iter().map(|app| app.key.clone()).collect();
        let metrics = MetricsBuilder::new(tenants, apps);
        let (parts, actors) = Parts::build(&config, &connector, trail.clone(), &metrics);
        let desk = Rc::new(Desk::new(trail.clone(), metrics.worker(), config.audit));
        let mut each = config.audit;
        each.floods.individually = NonZeroU32::MAX;
        let thorough = Rc::new(Desk::new(trail, metrics.worker(), each));
        let tasks = LocalSet::new();
        for actor in actors {
            tasks.spawn_local(actor);
        }
        Self { parts, desk, thorough, runtime, tasks, _directory: directory }
    }

    /// The verified callers' stage, with a cache of its own.
    pub(crate) fn authn(&self) -> Authn {
        let Parts { keyring, tenancy, addresses, config, .. } = &self.parts;
        Authn::new(keyring.clone(), config.cache_capacity, tenancy.clone(), addresses.clone())
    }

    /// Runs `work` beside what keeps keys and tokens fresh.
    pub(crate) fn block_on<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(self.tasks.run_until(work))
    }

    /// Waits until keys and the vendor's token are there.
    pub(crate) fn warm_up<S: Stack>(&self, stack: &S, next: Next<'_>) {
        let work = async {
            while answer(stack, next()).await != StatusCode::OK {
                tokio::task::yield_now().await;
            }
        };
        self.block_on(work);
    }

    /// Sends requests one after another, and returns how long they took. `next` makes one, outside of the time.
    pub(crate) fn run<S: Stack>(
        &self,
        stack: &S,
        times: u64,
        status: StatusCode,
        next: Next<'_>,
    ) -> Duration {
        let work = async {
            let mut took = Duration::ZERO;
            for _ in 0..times {
                let request = next();
                let started = Instant::now();
                let answered = answer(stack, request).await;
                took += started.elapsed();
                assert_eq!(answered, status);
                // The runtime's other tasks get their turn where a connection would wait for the next request.
                tokio::task::yield_now().await;
            }
            took
        };
        self.block_on(work)
    }
}

/// Some or all of the stages.
pub(crate) trait Stack:
    Service<Accepted<Full<Bytes>>, Response = Reply, Error = Infallible> + Clone
{
}

impl<S> Stack for S where S: Service<Accepted<Full<Bytes>>, Response = Reply, Error = Infallible> + Clone {}

pub(crate) async fn answer(stack: &impl Stack, request: Accepted<Full<Bytes>>) -> StatusCode {
    let Ok(reply) = stack.clone().oneshot(request).await;
    reply.status
}

/// As a connection of HTTP/1 hands it on.
pub(crate) fn request(
    method: Method,
    path: &str,
    token: Option<&str>,
    body: &'static str,
) -> Accepted<Full<Bytes>> {
    let mut head = Head::new(method, Version::HTTP_11, path.as_bytes(), 1024).expect("a path");
    head.push(Field::Host, b"gateway.corp.example");
    head.push(Field::Origin, b"https://app.corp.example");
    if let Some(token) = token {
        head.push(Field::Authorization, format!("Bearer {token}").as_bytes());
    }
    if !body.is_empty() {
        head.push(Field::ContentType, b"application/json");
    }
    let (peer, body) = (([127, 0, 0, 1], 40000).into(), Full::new(Bytes::from_static(body.as_bytes())));
    Accepted { peer, head: Box::new(head), body }
}

pub(crate) fn mint(issuer: &DevIssuer, scopes: &[&str]) -> String {
    let claims = Claims::new("crm", "huangcl", "confgate").lifetime(SignedDuration::from_hours(1));
    issuer.mint(&claims.scopes(scopes.iter().copied())).expect("a token")
}
