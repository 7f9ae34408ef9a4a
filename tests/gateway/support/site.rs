//! A place for gateways that come and go: the vendor, the issuer and the directory stay.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use tokio::process::Command;

use super::admin;
use super::client::{self, Answer};
use super::configuration::{WITHOUT_LIMITS, borrowed, write_configuration};
use super::issuer::Issuer;
use super::program::{Ended, Program, serve};
use super::trail::Trail;
use super::vendor::Vendor;

/// What `confgate serve` needs around it, whenever it is started.
pub(crate) struct Site {
    pub(crate) vendor: Vendor,
    pub(crate) issuer: Issuer,
    pub(crate) trail: Trail,
    audit: PathBuf,
    file: PathBuf,
    changes: Vec<(String, String)>,
    directory: TempDir,
}

impl Site {
    /// With these keys of the configuration changed by the environment, and none of the limits.
    pub(crate) async fn new(changes: &[(&str, &str)]) -> Self {
        let (vendor, issuer) = (Vendor::start().await, Issuer::start().await);
        let directory = TempDir::new().expect("a temporary directory");
        let file = write_configuration(directory.path(), &vendor, &issuer);
        let changes = WITHOUT_LIMITS.iter().chain(changes);
        let changes = changes.map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let audit = directory.path().join("audit");
        Self { vendor, issuer, trail: Trail::new(&audit), audit, file, changes, directory }
    }

    /// For files of the test's own.
    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Where the trail is kept.
    pub(crate) fn audit(&self) -> &Path {
        &self.audit
    }

    /// Keeps the trail elsewhere from now on.
    pub(crate) fn keep_trail_in(&mut self, audit: &Path) {
        audit.clone_into(&mut self.audit);
        self.trail = Trail::new(audit);
    }

    /// Changes a key of the configuration for the next gateway.
    pub(crate) fn change(&mut self, key: &str, value: &str) {
        self.changes.push((key.to_owned(), value.to_owned()));
    }

    /// `confgate serve` in this place.
    pub(crate) fn command(&self) -> Command {
        let audit = self.audit.to_str().expect("a path in Unicode");
        let mut changes = borrowed(&self.changes);
        changes.push(("AUDIT__DIRECTORY", audit));
        serve(&self.file, &changes)
    }

    /// Starts the gateway, and waits until it is ready.
    pub(crate) async fn start(&self) -> Running {
        let program = Program::start(&mut self.command());
        let (address, admin) = program.serving().await;
        self.reached(program, address, admin).await
    }

    /// Waits until a gateway that was started otherwise is ready at these addresses.
    pub(crate) async fn reached(&self, program: Program, address: SocketAddr, admin: SocketAddr) -> Running {
        let running = Running { program, address, admin, bearer: self.issuer.token().bearer() };
        running.until_readyz(200).await;
        running
    }
}

/// A gateway that runs.
pub(crate) struct Running {
    pub(crate) program: Program,
    pub(crate) address: SocketAddr,
    pub(crate) admin: SocketAddr,
    bearer: String,
}

impl Running {
    /// Calls with a good token; a body is sent as JSON.
    pub(crate) async fn call(&self, method: &str, path: &str, body: &str) -> Answer {
        let mut headers = vec![("Authorization", &*self.bearer)];
        if !body.is_empty() {
            headers.push(("Content-Type", "application/json"));
        }
        client::send(self.address, method, path, &headers, body).await
    }

    /// Waits until `/readyz` answers with this status, and returns the answer.
    pub(crate) async fn until_readyz(&self, status: u16) -> Answer {
        admin::until_readyz(self.admin, |answer| answer.status == status).await
    }

    /// The value of a metric; `name` is with its labels.
    pub(crate) async fn metric(&self, name: &str) -> f64 {
        admin::metric(self.admin, name).await
    }

    /// Ends it in good order.
    pub(crate) async fn stopped(mut self) -> Ended {
        self.program.signal("TERM").await;
        let ended = self.program.ended().await;
        assert_eq!(ended.code, Some(0), "{ended:?}");
        ended
    }
}
