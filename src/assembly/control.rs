//! The control plane: one thread for everything that is not a request.

use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::thread::JoinHandle;

use super::parts::Actor;
use crate::admin::{Overview, handle};
use crate::server::{Phase, PhaseView};
use crate::smallserver::SmallServer;

pub(super) struct Control {
    /// What keeps keys and tokens fresh.
    pub(super) actors: Vec<Actor>,
    /// Where the admin port is served.
    pub(super) admin: TcpListener,
    pub(super) overview: Arc<Overview>,
    pub(super) phase: PhaseView,
}

/// Runs until the gateway is over.
pub(super) fn start(control: Control) -> io::Result<JoinHandle<()>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let Control { actors, admin, overview, mut phase } = control;
    let server = {
        let _context = runtime.enter();
        SmallServer::from_listener(admin)?
    };
    std::thread::Builder::new().name("control".into()).spawn(move || {
        runtime.block_on(async {
            for actor in actors {
                tokio::spawn(actor);
            }
            let handler = move |request| handle(Arc::clone(&overview), request);
            server.serve(handler, phase.reached(Phase::Over)).await;
        });
    })
}
