//! A gateway put together as [`confgate::assembly::Gateway`] does it, but with one worker and a stack of the test's
//! own.

use std::convert::Infallible;
use std::net::{SocketAddr, TcpListener};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use confgate::assembly::Parts;
use confgate::config::Config;
use confgate::limits::ConnectionsByAddress;
use confgate::listener::Listener;
use confgate::server::{
    CallerBody, Capacity, ConnectionConfig, Front, Outfit, PhaseSwitch, Plan, accept, phases, start,
};
use confgate::stages::audit::Desk;
use confgate::stages::identify::Accepted;
use confgate::stages::reply::Reply;
use confgate::telemetry::{Metrics, MetricsBuilder};
use confgate::trail::{Trail, TrailThread};
use confgate::upstream::{Connector, tls_config};
use tempfile::TempDir;
use tower::Service;

use super::client::{Answer, Connection};
use super::configuration::configuration;
use super::issuer::Issuer;
use super::vendor::Vendor;
use super::{trail, within};

/// The gateway, before a vendor and an issuer.
pub(crate) struct Worker {
    pub(crate) address: SocketAddr,
    pub(crate) trail: trail::Trail,
    pub(crate) issuer: Issuer,
    pub(crate) vendor: Vendor,
    pub(crate) metrics: Metrics,
    /// Dropped with the test's last question; everything ends with them.
    _running: (PhaseSwitch, TrailThread, TempDir),
}

impl Worker {
    /// `build` makes the worker's stack.
    pub(crate) async fn start<S>(build: impl Fn(&Parts, Rc<Desk>) -> S + Send + 'static) -> Self
    where
        S: Service<Accepted<CallerBody>, Response = Reply, Error = Infallible> + Clone + 'static,
    {
        let (vendor, issuer) = (Vendor::start().await, Issuer::start().await);
        let directory = TempDir::new().expect("a temporary directory");
        let config = configuration(directory.path(), &vendor, &issuer, &[]);
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        listener.set_nonblocking(true).expect("a socket");
        let address = listener.local_addr().expect("a bound port");
        let trail = trail::Trail::new(&directory.path().join("audit"));
        let (metrics, switch, thread) = serve(&config, listener, build);
        Self { address, trail, issuer, vendor, metrics, _running: (switch, thread, directory) }
    }

    /// A caller's connection.
    pub(crate) async fn connection(&self) -> Connection {
        Connection::open(self.address).await
    }

    /// Asks until the issuer's keys are there, and gives the first answer then: before, a caller with a token is told
    /// 503.
    pub(crate) async fn answers(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
        let asking = async {
            loop {
                let answer = self.connection().await.send(method, path, headers, "").await;
                if answer.status != 503 {
                    return answer;
                }
            }
        };
        within("the issuer's keys", asking).await
    }
}

fn serve<S>(
    config: &Config,
    listener: TcpListener,
    build: impl Fn(&Parts, Rc<Desk>) -> S + Send + 'static,
) -> (Metrics, PhaseSwitch, TrailThread)
where
    S: Service<Accepted<CallerBody>, Response = Reply, Error = Infallible> + Clone + 'static,
{
    let (tls, _) = tls_config(None).expect("certificate authorities");
    let connector = Connector::new(tls, Duration::from_secs(1));
    let (trail, thread) = Trail::open(&config.trail).expect("a trail");
    let builder = MetricsBuilder::new(
        config.tenants.iter().map(|tenant| tenant.id.clone()).collect(),
        config.apps.iter().map(|app| app.key.clone()).collect(),
    );
    let (parts, actors) = Parts::build(config, &connector, trail.clone(), &builder);
    for actor in actors {
        tokio::spawn(actor);
    }
    let (switch, phase) = phases();
    let outfit =
        Outfit { desk: Desk::new(trail.clone(), builder.worker(), config.audit), phase: phase.clone() };
    let bounds = ConnectionConfig {
        idle_timeout: config.listen.idle_timeout,
        answer_timeout: config.listen.request_timeout,
        max_header_bytes: config.listen.max_header_bytes,
        max_headers: config.listen.max_headers,
        max_streams: 100,
        http2: config.listen.http2,
        front: Front::default(),
    };
    let stacks = move |desk: Rc<Desk>| move |parts: Parts| build(&parts, Rc::clone(&desk));
    let first = Plan { bounds, stack: parts };
    let (worker, _, _) = start("worker-0".into(), outfit, first, stacks, ()).expect("a thread");
    let desk = Desk::new(trail, builder.worker(), config.audit);
    let accepting = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let listener = Listener::from_std(listener).expect("a socket");
            let bounds = (
                Arc::new(Capacity::new(100, ConnectionsByAddress::new(None, Vec::new()))),
                &Front::default(),
            );
            accept(listener, vec![worker], bounds, desk, phase).await;
        });
    };
    std::thread::spawn(accepting);
    (builder.build(), switch, thread)
}
