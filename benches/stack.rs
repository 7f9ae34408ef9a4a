//! What a request costs, stage by stage: the whole stack in process, with everything on and a vendor that answers from
//! memory. Requests that end at one stage after another tell by their differences what each stage adds. No socket and no
//! HTTP is in it; the vendor's connection has none either.
//!
//! `cargo bench` runs it. The figures are for one CPU; the trail's thread writes beside it on another.

#![expect(clippy::expect_used, clippy::panic, reason = "a bench that cannot go on stops")]

use std::convert::Infallible;
use std::fmt::Write as _;
use std::future::{Ready, ready};
use std::path::Path;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use confgate::assembly::{Parts, stack};
use confgate::config::{self, Config};
use confgate::devissuer::{Algorithm, Claims, DevIssuer};
use confgate::domain::Refusal;
use confgate::stages::audit::Desk;
use confgate::stages::identify::Accepted;
use confgate::stages::intent::Recorded;
use confgate::stages::reply::{GateBody, Reply};
use confgate::telemetry::MetricsBuilder;
use confgate::trail::Trail;
use confgate::upstream::{Connector, tls_config};
use criterion::Criterion;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use jiff::SignedDuration;
use mimalloc::MiMalloc;
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio::task::LocalSet;
use tower::{Service, ServiceExt};

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// The vendor's own example of an answer.
const ANSWER: &str = r#"{"error":0,"id":"IM3SKW51SKH4TB80LV45000C7","type":10,"mixed":false,"password":"0.37898245722568236","audienceLimit":600,"talkerLimit":6,"allowAudienceTalk":true}"#;
const CONFERENCE: &str = "/conferences/IM3SKW51SKH4TB80LV45000C7";

/// Makes the next request.
type Next<'a> = &'a dyn Fn() -> Request<Full<Bytes>>;

/// Answers every call at once.
#[derive(Clone)]
struct MemoryVendor;

impl Service<Recorded> for MemoryVendor {
    type Response = Reply;
    type Error = Refusal;
    type Future = Ready<Result<Reply, Refusal>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Refusal>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Recorded) -> Self::Future {
        ready(Ok(Reply::from(Response::new(GateBody::full(ANSWER)))))
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

fn configuration(directory: &Path, issuers: &[&DevIssuer]) -> Config {
    let secret = directory.join("secret");
    std::fs::write(&secret, "secret").expect("a file");
    let quota = r#"{ rate = 1000000, per = "1s", burst = 1000000 }"#;
    let mut text = format!(
        r#"
[apps.meet]
base_url = "{}"
org = "org"
app = "app"
client_id = "id"
client_secret_file = "{}"
budget = {quota}
[tenants.crm]
app = "meet"
rate_limit = {quota}
user_rate_limit = {quota}
[audit]
directory = "{}"
"#,
        token_endpoint(),
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
    config::parse("the bench", &text).unwrap_or_else(|problems| panic!("{problems}"))
}

/// The whole stack on a thread of its own, kept for as long as the bench runs.
struct Bench<S> {
    runtime: Runtime,
    tasks: LocalSet,
    stack: S,
    _directory: TempDir,
}

impl<S> Bench<S>
where
    S: Service<Accepted<Full<Bytes>>, Response = Response<GateBody>, Error = Infallible> + Clone,
{
    async fn answer(&self, request: Request<Full<Bytes>>) -> StatusCode {
        let peer = ([127, 0, 0, 1], 40000).into();
        let Ok(response) = self.stack.clone().oneshot(Accepted { peer, request }).await;
        response.status()
    }

    /// Sends requests one after another, and returns how long they took. `next` makes one, outside of the time.
    fn run(&self, times: u64, expected: StatusCode, next: Next<'_>) -> Duration {
        let work = async {
            let mut took = Duration::ZERO;
            for _ in 0..times {
                let request = next();
                let started = Instant::now();
                let status = self.answer(request).await;
                took += started.elapsed();
                assert_eq!(status, expected);
                // The runtime's other tasks get their turn where a connection would wait for the next request.
                tokio::task::yield_now().await;
            }
            took
        };
        self.runtime.block_on(self.tasks.run_until(work))
    }

    /// Waits until keys and the vendor's token are there.
    fn warm_up(&self, token: &str) {
        let work = async {
            while self.answer(request(Method::GET, CONFERENCE, Some(token), "")).await != StatusCode::OK {
                tokio::task::yield_now().await;
            }
        };
        self.runtime.block_on(self.tasks.run_until(work));
    }
}

fn bench(
    issuers: &[&DevIssuer],
) -> Bench<
    impl Service<Accepted<Full<Bytes>>, Response = Response<GateBody>, Error = Infallible> + Clone + use<>,
> {
    let directory = TempDir::new().expect("a directory");
    let config = configuration(directory.path(), issuers);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let (tls, _) = tls_config(None).expect("certificate authorities");
    let connector = Connector::new(tls, Duration::from_secs(1));
    // The trail closes by itself when the last handle is dropped.
    let (trail, _) = Trail::open(&config.audit).expect("a trail");
    let tenants = config.tenants.iter().map(|tenant| tenant.id.clone()).collect();
    let apps = config.apps.iter().map(|app| app.key.clone()).collect();
    let mut metrics = MetricsBuilder::new(tenants, apps);
    let (parts, actors) = Parts::build(&config, &connector, trail.clone(), &metrics);
    let desk = Rc::new(Desk::new(trail, metrics.worker()));
    let tasks = LocalSet::new();
    for actor in actors {
        tasks.spawn_local(actor);
    }
    let stack = stack(&parts, desk, MemoryVendor);
    Bench { runtime, tasks, stack, _directory: directory }
}

fn request(method: Method, path: &str, token: Option<&str>, body: &'static str) -> Request<Full<Bytes>> {
    let mut request = Request::builder()
        .method(method)
        .uri(path)
        .header(header::HOST, "gateway.corp.example")
        .header(header::USER_AGENT, "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36")
        .header(header::ACCEPT, "application/json")
        .header(header::ORIGIN, "https://app.corp.example");
    if let Some(token) = token {
        request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
    }
    if !body.is_empty() {
        request = request.header(header::CONTENT_TYPE, "application/json");
    }
    request.body(Full::new(Bytes::from_static(body.as_bytes()))).expect("a request")
}

fn mint(issuer: &DevIssuer, scopes: &[&str]) -> String {
    let claims = Claims::new("crm", "huangcl", "confgate").lifetime(SignedDuration::from_hours(1));
    issuer.mint(&claims.scopes(scopes.iter().copied())).expect("a token")
}

/// Requests that end at one stage after another.
fn stages(criterion: &mut Criterion) {
    let issuer = DevIssuer::generate("https://issuer.test", Algorithm::Es256).expect("a key");
    let good = mint(&issuer, &["conference:create", "conference:get"]);
    let poor = mint(&issuer, &[]);
    let bench = bench(&[&issuer]);
    bench.warm_up(&good);

    let body = r#"{"confrType":10,"confrDelayMillis":60000}"#;
    let get = |token| request(Method::GET, CONFERENCE, token, "");
    let ends: [(&str, StatusCode, Next<'_>); 6] = [
        ("1 preflight", StatusCode::OK, &|| request(Method::OPTIONS, CONFERENCE, None, "")),
        ("2 route_unknown", StatusCode::NOT_FOUND, &|| request(Method::GET, "/nowhere", Some(&good), "")),
        ("3 token_missing", StatusCode::UNAUTHORIZED, &|| get(None)),
        ("4 scope_missing", StatusCode::FORBIDDEN, &|| get(Some(&poor))),
        ("5 get", StatusCode::OK, &|| get(Some(&good))),
        ("6 create", StatusCode::OK, &|| request(Method::POST, "/conferences", Some(&good), body)),
    ];
    let mut group = criterion.benchmark_group("stage");
    for (name, status, next) in ends {
        group.bench_function(name, |bencher| bencher.iter_custom(|times| bench.run(times, status, next)));
    }
    group.finish();
}

/// A get whose token was never seen before.
fn new_tokens(criterion: &mut Criterion) {
    let generate = |algorithm| DevIssuer::generate(format!("https://{algorithm}.test"), algorithm);
    let issuers = Algorithm::ALL.map(|algorithm| generate(algorithm).expect("a key"));
    let bench = bench(&issuers.each_ref());
    let mut group = criterion.benchmark_group("new token");
    for issuer in &issuers {
        let next = || request(Method::GET, CONFERENCE, Some(&mint(issuer, &["conference:get"])), "");
        bench.warm_up(&mint(issuer, &["conference:get"]));
        group.bench_function(issuer.algorithm().as_str(), |bencher| {
            bencher.iter_custom(|times| bench.run(times, StatusCode::OK, &next));
        });
    }
    group.finish();
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    stages(&mut criterion);
    new_tokens(&mut criterion);
    criterion.final_summary();
}
