//! `internal` is a fault of the gateway's own, which no caller can provoke: here the last stage has one.

use std::convert::Infallible;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use confgate::assembly::{Parts, stack};
use confgate::config::Config;
use confgate::domain::{Code, Refusal};
use confgate::limits::ConnectionsByAddress;
use confgate::listener::Listener;
use confgate::server::{Capacity, ConnectionConfig, Front, Outfit, Plan, accept, phases, start};
use confgate::stages::audit::Desk;
use confgate::stages::intent::Recorded;
use confgate::stages::reply::Reply;
use confgate::telemetry::{Metrics, MetricsBuilder};
use confgate::trail::Trail;
use confgate::upstream::{Connector, tls_config};
use tempfile::TempDir;
use tokio::net::TcpListener;

use super::causes::ORIGIN;
use super::evidence::{self, Evidence};
use crate::support::client::{self, Answer};
use crate::support::issuer::Issuer;
use crate::support::vendor::Vendor;
use crate::support::world::configuration;
use crate::support::{trail, within};

/// Stands where the vendor's call would be made.
async fn broken(_: Recorded) -> Result<Reply, Refusal> {
    panic!("on purpose, to see what becomes of the request")
}

pub(super) async fn gathered() -> Evidence {
    let (vendor, issuer) = (Vendor::start().await, Issuer::start().await);
    let directory = TempDir::new().expect("a temporary directory");
    let config = configuration(directory.path(), &vendor, &issuer, &[]);
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("a bound port");
    let (metrics, serving) = serve(&config, listener);
    let asking = async {
        let (api, page) = evidence::documents(address, Code::Internal).await;
        (api, page, create(address, &issuer.token().bearer()).await)
    };
    let (api, page, answer) = tokio::select! {
        _ = serving => panic!("the gateway ended by itself"),
        asked = asking => asked,
    };
    let trail = trail::Trail::new(&directory.path().join("audit"));
    let (outcome, recorded) = evidence::on_record(&trail, Code::Internal, &answer).await;
    assert_eq!(
        outcome["intent"],
        trail.intent_of(answer.header("x-request-id").expect("an id")).await["seq"]
    );
    Evidence {
        code: Code::Internal,
        method: "POST",
        path: "/conferences",
        calls: evidence::of_trace(vendor.calls(), &outcome),
        metrics: metrics.render(),
        answer,
        outcome,
        recorded,
        api,
        page,
    }
}

/// Asks until the issuer's keys are there.
async fn create(address: std::net::SocketAddr, bearer: &str) -> Answer {
    let asking = async {
        loop {
            let headers = [("Origin", ORIGIN), ("Authorization", bearer)];
            let answer = client::send(address, "POST", "/conferences", &headers, "").await;
            if answer.status != 503 {
                return answer;
            }
        }
    };
    within("the issuer's keys", asking).await
}

/// The gateway as [`confgate::assembly::Gateway`] puts it together, but for the stage at its end.
fn serve(config: &Config, listener: TcpListener) -> (Metrics, impl Future<Output = Infallible>) {
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
    let desk = Desk::new(trail.clone(), builder.worker(), config.audit);
    let bounds = ConnectionConfig {
        idle_timeout: config.listen.idle_timeout,
        answer_timeout: config.listen.request_timeout,
        max_header_bytes: config.listen.max_header_bytes,
        max_headers: config.listen.max_headers,
        max_streams: 100,
        http2: config.listen.http2,
        front: Front::default(),
    };
    let stacks =
        |desk: Rc<Desk>| move |parts: Parts| stack(&parts, Rc::clone(&desk), tower::service_fn(broken));
    let outfit = Outfit { desk, phase: phase.clone() };
    let first = Plan { bounds, stack: parts };
    let worker = start("worker".into(), outfit, first, stacks, ()).expect("a thread");
    let desk = Desk::new(trail, builder.worker(), config.audit);
    let serving = async move {
        // Dropped with the test's last question, and everything ends with them.
        let _ends = (switch, thread);
        let by_address = ConnectionsByAddress::new(None, Vec::new());
        let capacity = Arc::new(Capacity::new(100, by_address));
        accept(Listener::new(listener), vec![worker.0], (capacity, &Front::default()), desk, phase).await;
        std::future::pending().await
    };
    (builder.build(), serving)
}
