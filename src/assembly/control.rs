//! The control plane: one thread for everything that is not a request.

use std::convert::Infallible;
use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::thread::JoinHandle;

use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::parts::Actor;
use crate::admin::Overview;
use crate::server::{Phase, PhaseView};
use crate::smallserver::SmallServer;

pub(super) struct Control {
    /// What keeps keys and tokens fresh.
    pub(super) actors: Vec<Actor>,
    /// What a reload adds to them.
    pub(super) later: mpsc::UnboundedReceiver<Actor>,
    /// Where the admin port is served.
    pub(super) admin: TcpListener,
    pub(super) overview: Arc<Overview>,
    pub(super) phase: PhaseView,
}

/// Runs the actors. One ends when a reload has taken the last use from it; one that has panicked leaves what it kept
/// fresh to go stale, which nothing but a new start mends.
async fn keep_alive(
    actors: Vec<Actor>,
    mut later: mpsc::UnboundedReceiver<Actor>,
    overview: &Overview,
) -> Infallible {
    let mut tasks: JoinSet<()> = actors.into_iter().collect();
    loop {
        tokio::select! {
            Some(actor) = later.recv() => drop(tasks.spawn(actor)),
            Some(ended) = tasks.join_next() => if let Err(error) = ended {
                overview.lose_a_part();
                tracing::error!(%error, "a part of the control plane has ended");
            },
            else => std::future::pending().await,
        }
    }
}

/// Runs until the gateway is over.
pub(super) fn start(control: Control) -> io::Result<JoinHandle<()>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let Control { actors, later, admin, overview, mut phase } = control;
    let server = {
        let _context = runtime.enter();
        SmallServer::from_listener(admin)?
    };
    std::thread::Builder::new().name("control".into()).spawn(move || {
        runtime.block_on(async {
            let answering = Arc::clone(&overview);
            let handler = move |request| std::future::ready(Ok(answering.answer(&request)));
            tokio::select! {
                () = server.serve(handler, phase.reached(Phase::Over)) => {}
                never = keep_alive(actors, later, &overview) => match never {},
            }
        });
    })
}
