//! The vendor, emulated: its token endpoint and its four calls, conferences that live and end by its rules, and a
//! control API that joins members and orders faults. For development and tests: nothing survives the process.
//!
//! A request comes in by `server`, which reads it as one of the vendor's `call`s or hands it to `control`. The
//! `world` decides between a `fault` and the call's own answer, which `vendor` gives by the `rules` of the vendor's
//! page. What the page leaves open is decided here, and `help.txt` says so to whoever works against it.

mod answer;
mod call;
mod conference;
mod conferences;
mod control;
mod counts;
mod fault;
mod generate;
mod orders;
mod rules;
mod server;
#[cfg(test)]
mod tests;
mod token;
mod vendor;
mod world;

use std::collections::HashSet;
use std::net::SocketAddr;
use std::time::Duration;

use secrecy::SecretString;

use self::server::Shared;
use self::world::World;
use crate::domain::{AppName, OrgName};
use crate::smallserver::{BindError, SmallServer};

/// What the sandbox emulates.
#[derive(Debug)]
pub struct SandboxConfig {
    /// Where it listens; port 0 takes a free one.
    pub address: SocketAddr,
    /// The applications that exist.
    pub apps: Vec<SandboxApp>,
    /// How long a token lives where its request does not ask for less: 1 s to 100 years, whole seconds.
    pub token_lifetime: Duration,
    /// Whether a get lists the members in `mems`, as newer servers of the vendor do.
    pub members_in_get: bool,
}

impl SandboxConfig {
    /// With the vendor's token lifetime of 60 days, and members listed.
    pub fn new(address: SocketAddr, apps: Vec<SandboxApp>) -> Self {
        Self { address, apps, token_lifetime: Duration::from_hours(60 * 24), members_in_get: true }
    }
}

/// An application at the emulated vendor.
#[derive(Clone, Debug)]
pub struct SandboxApp {
    /// `orgName`
    pub org: OrgName,
    /// `appName`
    pub app: AppName,
    /// Who may fetch a token.
    pub client_id: String,
    /// And the proof of it.
    pub client_secret: SecretString,
}

/// Why the sandbox does not start.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// The address cannot be had.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// Two applications have one name.
    #[error("the sandbox's app {0:?} is named twice")]
    DuplicateApp(String),
}

/// The way in: [`Sandbox::bind`].
#[derive(Debug)]
pub struct Sandbox;

impl Sandbox {
    /// Binds the address. Connections wait from here on until [`Bound::serve`] takes them.
    pub async fn bind(config: SandboxConfig) -> Result<Bound, SandboxError> {
        let mut names = HashSet::new();
        for app in &config.apps {
            let name = format!("{}/{}", app.org, app.app);
            if !names.insert(name.clone()) {
                return Err(SandboxError::DuplicateApp(name));
            }
        }
        let server = SmallServer::bind(config.address).await?;
        Ok(Bound { server, shared: Shared::new(World::new(config)) })
    }
}

/// A sandbox that has its address and does not serve yet.
pub struct Bound {
    server: SmallServer,
    shared: Shared,
}

impl Bound {
    /// Where it listens.
    pub fn local_addr(&self) -> SocketAddr {
        self.server.local_addr()
    }

    /// Serves until `shutdown` resolves. The future is `Send` if `shutdown` is, and is happy with a runtime of
    /// one thread.
    pub async fn serve(self, shutdown: impl Future<Output = ()>) {
        let shared = self.shared;
        self.server.serve(move |request| shared.clone().respond(request), shutdown).await;
    }
}
