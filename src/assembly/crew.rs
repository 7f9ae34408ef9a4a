//! The threads of the data plane: the workers, and the one that accepts for them.

use std::io;
use std::net::TcpListener;
use std::num::NonZeroUsize;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use tokio::sync::{mpsc, oneshot};

use super::parts::Parts;
use super::stack::stack;
use crate::config::Config;
use crate::limits::Load;
use crate::listener::Listener;
use crate::server::{
    Capacity, ConnectionConfig, Front, Outfit, Phase, PhaseView, Plan, Plans, WorkerHandle, accept, start,
};
use crate::stages::audit::Desk;
use crate::telemetry::Counters;

/// Notices when a thread ends before its time, which it only does by a panic outside of any request.
pub(super) struct Vital {
    pub(super) lost: Arc<AtomicBool>,
    pub(super) phase: PhaseView,
}

impl Vital {
    fn another(&self) -> Self {
        Self { lost: Arc::clone(&self.lost), phase: self.phase.clone() }
    }
}

impl Drop for Vital {
    fn drop(&mut self) {
        if std::thread::panicking() && !self.phase.has_reached(Phase::Over) {
            self.lost.store(true, Ordering::Relaxed);
        }
    }
}

/// The workers.
pub(super) struct Crew {
    pub(super) handles: Vec<WorkerHandle>,
    pub(super) plans: Vec<Plans<Blueprint>>,
    pub(super) threads: Vec<JoinHandle<()>>,
    /// What each worker has to do.
    pub(super) loads: Vec<Arc<Load>>,
    /// Closed when every worker has ended.
    pub(super) end: mpsc::Receiver<()>,
}

impl Crew {
    /// As many as configured, or one for each CPU. A `start` that fails leaves none behind: without a handle a worker
    /// ends by itself.
    pub(super) fn start(
        config: &Config,
        (front, parts): (&Front, &Parts),
        counters: &Counters,
        vital: &Vital,
    ) -> io::Result<Self> {
        let count = workers(config);
        let (alive, end) = mpsc::channel(1);
        let mut crew =
            Self { handles: Vec::new(), plans: Vec::new(), threads: Vec::new(), loads: Vec::new(), end };
        for number in 0..count {
            let desk = Desk::new(parts.trail.clone(), counters.worker(), config.audit);
            crew.loads.push(Arc::clone(desk.load()));
            let outfit = Outfit { desk, phase: vital.phase.clone() };
            let alive = (alive.clone(), vital.another());
            let on_thread = |desk: Rc<Desk>| {
                let mut last = None;
                move |Blueprint { parts, taken }: Blueprint| {
                    let vendor = parts.proxy_after(last.as_ref());
                    last = Some((parts.clone(), vendor.clone()));
                    let stack = stack(&parts, Rc::clone(&desk), vendor);
                    // Whoever waits for it may have given up.
                    taken.map(|taken| taken.send(()));
                    stack
                }
            };
            let first = plan(config, front, Blueprint { parts: parts.clone(), taken: None });
            let (handle, plans, thread) = start(format!("worker-{number}"), outfit, first, on_thread, alive)?;
            crew.handles.push(handle);
            crew.plans.push(plans);
            crew.threads.push(thread);
        }
        Ok(crew)
    }
}

/// What a worker builds its stack from.
pub(super) struct Blueprint {
    pub(super) parts: Parts,
    /// Told when it has.
    pub(super) taken: Option<oneshot::Sender<()>>,
}

/// What a worker serves by.
pub(super) fn plan(config: &Config, front: &Front, blueprint: Blueprint) -> Plan<Blueprint> {
    Plan { bounds: connection_config(config, front), stack: blueprint }
}

/// How many workers there are.
pub(super) fn workers(config: &Config) -> usize {
    config.listen.workers.map_or_else(cpus, NonZeroUsize::get)
}

/// How many workers there are where the configuration names no number.
pub fn cpus() -> usize {
    std::thread::available_parallelism().map_or(1, NonZeroUsize::get)
}

/// What bounds a connection. `front` stays the same for as long as the gateway lives.
fn connection_config(config: &Config, front: &Front) -> ConnectionConfig {
    ConnectionConfig {
        idle_timeout: config.listen.idle_timeout,
        answer_timeout: config.listen.request_timeout,
        max_header_bytes: config.listen.max_header_bytes,
        max_headers: config.listen.max_headers,
        max_streams: config.listen.max_connections.get().div_ceil(workers(config)),
        http2: config.listen.http2,
        front: front.clone(),
    }
}

/// Starts the thread that shares connections out to `workers`.
pub(super) fn accept_thread(
    listener: TcpListener,
    workers: Vec<WorkerHandle>,
    (capacity, front): (Arc<Capacity>, Front),
    desk: Desk,
    vital: Vital,
) -> io::Result<JoinHandle<()>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let listener = {
        let _context = runtime.enter();
        Listener::from_std(listener)?
    };
    let work = move || {
        runtime.block_on(accept(listener, workers, (capacity, &front), desk, vital.phase.clone()));
        drop(vital);
    };
    std::thread::Builder::new().name("accept".into()).spawn(work)
}
