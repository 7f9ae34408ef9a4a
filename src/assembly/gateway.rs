//! Starts the gateway and ends it.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread::JoinHandle;
use std::time::Duration;

use arc_swap::ArcSwap;
use jiff::Timestamp;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until, timeout};

use super::budgets::warn_of_small_budgets;
use super::control::{self, Control};
use super::crew::{Crew, Vital, accept_thread};
use super::descriptors;
use super::parts::Parts;
use super::reload::{self, Reached, Reloader};
use super::series::{Sources, metrics};
use crate::admin::{Drain, Overview, Reloads};
use crate::config::Config;
use crate::limits::{ConnectionsByAddress, Loads};
use crate::server::tls::Certificates;
use crate::server::{Capacity, ConnectionCount, Front, Misbehaviour, Phase, PhaseSwitch, phases};
use crate::shipping::Shipping;
use crate::stages::audit::Desk;
use crate::telemetry::Counters;
use crate::trail::{Keeper, Trail, TrailError, TrailThread, Unflushed};
use crate::upstream::{Connector, RootSource, TlsError, tls_config};

/// What idle connections need to be closed, when nothing is to be waited for.
const AT_ONCE: Duration = Duration::from_millis(100);
/// How long the end may wait for the trail's disk.
const CLOSE_PATIENCE: Duration = Duration::from_secs(15);

/// Why the gateway did not start. Nothing of it is left running.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A port that cannot be had.
    #[error(
        "cannot listen on {address} ({key}): {error}; choose another address, or end the program that has it"
    )]
    Listen {
        /// The address as configured.
        address: SocketAddr,
        /// The key that names it.
        key: &'static str,
        /// What the system said.
        error: io::Error,
    },
    /// No certificate authorities.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The trail cannot be opened.
    #[error(transparent)]
    Trail(#[from] TrailError),
    /// A thread could not be started.
    #[error("a thread could not be started; raise the limits on processes and open files")]
    Thread(#[from] io::Error),
}

/// The gateway, serving.
#[derive(Debug)]
pub struct Gateway {
    address: SocketAddr,
    admin_address: SocketAddr,
    roots: RootSource,
    overview: Arc<Overview>,
    phase: PhaseSwitch,
    threads: Vec<JoinHandle<()>>,
    /// Closed when every worker has ended.
    workers_end: mpsc::Receiver<()>,
    trail: TrailThread,
    keeper: Keeper,
    shipping: Shipping,
    reload: ReloadHandle,
}

/// Has a gateway read its configuration again.
#[derive(Clone, Debug)]
pub struct ReloadHandle(mpsc::Sender<()>);

impl ReloadHandle {
    /// At once, or after the reading that is under way. What comes of it is logged, recorded and shown by `/status`.
    pub fn ask(&self) {
        // Where somebody has asked already, that is asked for as well.
        let _ = self.0.try_send(());
    }
}

impl Gateway {
    /// Binds its ports, opens the trail, and serves. Blocks until the start is on record, or cannot be for want of
    /// room; keys and tokens are fetched meanwhile and after.
    pub fn start(config: &Config) -> Result<Self, StartError> {
        warn_of_small_budgets(config);
        let (tls, roots) = tls_config(config.upstream.ca_file.as_deref())?;
        let connector = Connector::new(tls, config.upstream.connect_timeout);
        let listener = bind(config.listen.address, "listen.address")?;
        let admin = bind(config.admin.address, "admin.address")?;
        let (address, admin_address) = (listener.local_addr()?, admin.local_addr()?);
        let (trail_handle, trail) = Trail::open(&config.trail)?;
        let shipping = Shipping::new(&config.shipping);
        let shipped = shipping.shipped();
        let keeper = Keeper::start(&config.trail, trail_handle.clone(), move || shipped.up_to())?;

        let counters = Counters::default();
        let names = metrics(&counters, config);
        let (parts, actors) = Parts::build(config, &connector, trail_handle, &names);
        let (switch, phase) = phases();
        let broken = Arc::new(AtomicBool::new(false));
        let vital = Vital { lost: Arc::clone(&broken), phase: phase.clone() };
        let tls = config.listen.tls.clone().map(Certificates::new);
        let front = Front { tls, misbehaviour: Misbehaviour::default() };
        let mut crew = Crew::start(config, (&front, &parts), &counters, &vital)?;
        let connections = ConnectionCount::of(&crew.handles);
        let loads = Loads::of(crew.loads);
        let desk = Desk::new(parts.trail.clone(), counters.worker(), config.audit);
        let synced = parts.trail.synced();
        let reloads = Arc::new(Reloads::default());
        let capacity = Arc::new(capacity(config));
        let started = Timestamp::now();
        let sources = Sources {
            counters,
            capacity: Arc::clone(&capacity),
            phase: phase.clone(),
            started,
            checkpoints: config.trail.checkpoints.every,
            retention: config.trail.retention,
            front: front.clone(),
            connections: connections.clone(),
            loads: loads.clone(),
            shipped: shipping.shipped(),
            reloads: Arc::clone(&reloads),
        };
        let overview = Arc::new(Overview {
            in_service: ArcSwap::from_pointee(sources.in_service(names, &parts)),
            reloads,
            trail: parts.trail.clone(),
            shipped: shipping.shipped(),
            phase: phase.clone(),
            connections,
            loads,
            drain: Drain::new(config.listen.drain_delay, config.listen.drain_timeout),
            certificates: front.tls.clone(),
            started,
            broken,
        });
        let bounds = (Arc::clone(&capacity), front);
        crew.threads.push(accept_thread(listener, crew.handles, bounds, desk, vital)?);
        let (tasks, later) = mpsc::unbounded_channel();
        let control = Control { actors, later, admin, overview: Arc::clone(&overview), phase: phase.clone() };
        crew.threads.push(control::start(control)?);
        let plans = crew.plans;
        let (reload, asked) = mpsc::channel(1);
        let reached = Reached { plans, tasks, overview: Arc::clone(&overview), sources, capacity };
        reload::start(Reloader::new(config, parts, reached), asked, phase)?;
        shipping.start(&config.trail.directory, &synced, &connector)?;
        Ok(Self {
            address,
            admin_address,
            roots,
            overview,
            phase: switch,
            threads: crew.threads,
            workers_end: crew.end,
            trail,
            keeper,
            shipping,
            reload: ReloadHandle(reload),
        })
    }

    /// Where callers connect.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where probes and people look.
    pub fn admin_address(&self) -> SocketAddr {
        self.admin_address
    }

    /// Where the certificate authorities come from that the vendor and the issuers are checked against.
    pub fn roots(&self) -> &RootSource {
        &self.roots
    }

    /// Whether callers can be served: the same that `/readyz` says.
    pub fn is_ready(&self) -> bool {
        self.overview.is_ready()
    }

    /// What has it read its configuration again.
    pub fn reload(&self) -> ReloadHandle {
        self.reload.clone()
    }

    /// Serves until `stop` resolves (not ready from the order to drain on, if there is one), then ends in good order:
    /// not ready, but serving, for the drain delay; then idle
    /// connections close and requests in flight finish, within the drain timeout. When `now` resolves, what is left
    /// of that is skipped. Returns whether requests were cut off; fails when the trail could not be written to its
    /// end.
    pub async fn run(
        mut self,
        stop: impl Future<Output = ()>,
        now: impl Future<Output = ()>,
    ) -> Result<bool, Unflushed> {
        let drain = &self.overview.drain;
        tokio::pin!(stop);
        tokio::select! {
            () = &mut stop => {}
            () = drain.ordered() => {
                tracing::info!("draining, by order");
                self.phase.advance(Phase::Draining);
                stop.await;
            }
        }
        let delay = drain.begin().saturating_duration_since(Instant::now());
        tracing::info!(?delay, timeout = ?drain.timeout(), "shutting down");
        let in_time = tokio::select! {
            // Before anybody can see that the end has begun, `now` listens: whoever sees it may ask for haste.
            biased;
            () = now => self.finished_within(AT_ONCE).await,
            in_time = self.drain() => in_time,
        };
        let cut_off = !in_time;
        if cut_off {
            tracing::warn!("requests in flight are cut off");
        }
        self.phase.advance(Phase::Over);
        for thread in self.threads {
            if thread.join().is_err() {
                tracing::error!("a thread had panicked");
            }
        }
        let closed = close(self.keeper, self.trail).await;
        // After the trail's last line, so that it can arrive too.
        self.shipping.close().await;
        closed.map(|()| cut_off)
    }

    /// Returns whether all requests finished in time.
    async fn drain(&mut self) -> bool {
        self.phase.advance(Phase::Draining);
        // An order may have begun it before.
        sleep_until(self.overview.drain.begin()).await;
        let timeout = self.overview.drain.timeout();
        self.finished_within(timeout).await
    }

    /// Closes what is idle, and returns whether everything else has ended after `limit` at the latest.
    async fn finished_within(&mut self, limit: Duration) -> bool {
        self.phase.advance(Phase::Closing);
        timeout(limit, self.workers_end.recv()).await.is_ok()
    }
}

/// Closes the trail. A disk that hangs holds up nobody for longer than `CLOSE_PATIENCE`.
async fn close(keeper: Keeper, trail: TrailThread) -> Result<(), Unflushed> {
    let (done, closed) = oneshot::channel();
    std::thread::spawn(move || {
        keeper.stop();
        done.send(trail.close())
    });
    match timeout(CLOSE_PATIENCE, closed).await {
        Ok(Ok(result)) => result,
        _ => Err(Unflushed {
            records: 0,
            reason: format!("the disk did not answer within {CLOSE_PATIENCE:?}"),
        }),
    }
}

fn bind(address: SocketAddr, key: &'static str) -> Result<TcpListener, StartError> {
    TcpListener::bind(address)
        .and_then(|listener| listener.set_nonblocking(true).map(|()| listener))
        .map_err(|error| StartError::Listen { address, key, error })
}

fn capacity(config: &Config) -> Capacity {
    let listen = &config.listen;
    let exempt = listen.trusted_proxies.clone();
    let by_address = ConnectionsByAddress::new(listen.max_connections_per_address, exempt);
    Capacity::new(descriptors::max_connections(config), by_address)
}
