//! Everything that one test needs: a vendor, an issuer, and the gateway between them, started as `confgate serve` does,
//! on threads of its own.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;

use confgate::assembly::{Gateway, ReloadHandle};
use confgate::config::Config;
use tempfile::TempDir;
use tokio::sync::oneshot;

use super::admin;
use super::client::{self, Answer};
use super::configuration::configuration;
use super::issuer::Issuer;
use super::trail::Trail;
use super::vendor::Vendor;
use super::{PATIENCE, within};

/// A gateway in its world. Ends in good order when it is dropped.
pub(crate) struct World {
    pub(crate) vendor: Vendor,
    pub(crate) issuer: Issuer,
    pub(crate) address: SocketAddr,
    pub(crate) admin: SocketAddr,
    config: Config,
    running: Running,
    /// After the gateway, so that its last lines are looked at too.
    pub(crate) trail: Trail,
    directory: TempDir,
}

impl World {
    /// Ready to be called.
    pub(crate) async fn start() -> Self {
        Self::with(&[]).await
    }

    /// Ready to be called, with these keys of the configuration changed: `("LISTEN__WORKERS", "1")` is
    /// `CONFGATE__LISTEN__WORKERS=1` in the environment.
    pub(crate) async fn with(changes: &[(&str, &str)]) -> Self {
        let world = Self::around(Vendor::start().await, Issuer::start().await, changes).await;
        world.until_ready().await;
        world
    }

    /// Around a vendor and an issuer that may be in trouble; not waited for.
    pub(crate) async fn around(vendor: Vendor, issuer: Issuer, changes: &[(&str, &str)]) -> Self {
        let directory = TempDir::new().expect("a temporary directory");
        let config = configuration(directory.path(), &vendor, &issuer, changes);
        Self::run(vendor, issuer, config, directory).await
    }

    async fn run(vendor: Vendor, issuer: Issuer, config: Config, directory: TempDir) -> Self {
        let running = Running::start(config.clone()).await;
        let trail = Trail::new(&directory.path().join("audit"));
        let (address, admin) = (running.address, running.admin);
        Self { vendor, issuer, address, admin, config, running, trail, directory }
    }

    /// The same world with the gateway ended and started once more, ready to be called.
    pub(crate) async fn restarted(mut self) -> Self {
        assert!(!self.ended().await, "requests were cut off");
        self.started_again().await
    }

    /// The same world, whose gateway has [`ended`](Self::ended), with the gateway started once more, ready to be
    /// called.
    pub(crate) async fn started_again(self) -> Self {
        let Self { vendor, issuer, config, directory, running, .. } = self;
        drop(running);
        let world = Self::run(vendor, issuer, config, directory).await;
        world.until_ready().await;
        world
    }

    /// Waits until `/readyz` has nothing to complain of: every app can be served.
    pub(crate) async fn until_ready(&self) {
        let all_well = |answer: &Answer| {
            let checks = answer.json();
            checks.as_object().unwrap().values().all(|check| check == "ok" || check == true)
        };
        admin::until_readyz(self.admin, all_well).await;
    }

    /// Waits until `/readyz` answers with this status, and returns the answer.
    pub(crate) async fn until_readyz(&self, status: u16) -> Answer {
        admin::until_readyz(self.admin, |answer| answer.status == status).await
    }

    /// Calls with a good token of tenant `crm`; a body is sent as JSON.
    pub(crate) async fn call(&self, method: &str, path: &str, body: &str) -> Answer {
        self.call_as(&self.issuer.token().bearer(), method, path, body).await
    }

    /// Calls with this value of `Authorization`.
    pub(crate) async fn call_as(&self, bearer: &str, method: &str, path: &str, body: &str) -> Answer {
        let mut headers = vec![("Authorization", bearer)];
        if !body.is_empty() {
            headers.push(("Content-Type", "application/json"));
        }
        client::send(self.address, method, path, &headers, body).await
    }

    /// What `/status` says.
    pub(crate) async fn status(&self) -> serde_json::Value {
        admin::get(self.admin, "/status").await.json()
    }

    /// Waits until `/status` says what `enough` looks for.
    pub(crate) async fn until_status(&self, what: &str, enough: impl Fn(&serde_json::Value) -> bool) {
        admin::until_status(self.admin, what, enough).await;
    }

    /// Waits until a tenant has so many requests in flight.
    pub(crate) async fn until_in_flight(&self, tenant: &str, count: usize) {
        admin::until_in_flight(self.admin, tenant, count).await;
    }

    /// Waits until so many callers are connected.
    pub(crate) async fn until_connections(&self, count: usize) {
        admin::until_connections(self.admin, count).await;
    }

    /// Waits until the vendor's tokens are old enough to be replaced after a 401: `vendor.min_interval` must be over.
    pub(crate) async fn until_tokens_have_aged(&self) {
        let old = |app: &serde_json::Value| app["token"]["age_seconds"].as_f64() > Some(0.02);
        self.until_status("older tokens", |status| status["apps"].as_array().unwrap().iter().all(old)).await;
    }

    /// The value of a metric; `name` is with its labels.
    pub(crate) async fn metric(&self, name: &str) -> f64 {
        admin::metric(self.admin, name).await
    }

    /// What `/metrics` says.
    pub(crate) async fn metrics(&self) -> String {
        admin::get(self.admin, "/metrics").await.text()
    }

    /// Replaces text in the configuration's file, as a careful editor does: the new file takes the place of the old
    /// one.
    pub(crate) fn edit(&self, from: &str, to: &str) {
        let text = std::fs::read_to_string(self.file()).expect("the configuration");
        assert!(text.contains(from), "no {from} in\n{text}");
        self.replace_file("confgate.toml", text.replace(from, to));
    }

    /// Puts a file in the place of one beside the configuration.
    pub(crate) fn replace_file(&self, name: &str, content: impl AsRef<[u8]>) {
        let new = self.directory.path().join("new");
        std::fs::write(&new, content).expect("a file");
        std::fs::rename(new, self.directory.path().join(name)).expect("a file");
    }

    /// The configuration's file.
    pub(crate) fn file(&self) -> PathBuf {
        self.directory.path().join("confgate.toml")
    }

    /// Where the configuration and its secrets are.
    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Has the configuration read again, as SIGHUP does.
    pub(crate) fn reload(&self) {
        self.running.reload.ask();
    }

    /// Where the trail is kept.
    pub(crate) fn trail_directory(&self) -> PathBuf {
        self.directory.path().join("audit")
    }

    /// Asks the gateway to end in good order, as SIGTERM does.
    pub(crate) fn begin_to_end(&mut self) {
        self.running.stop = None;
    }

    /// Waits until it has ended. Says whether requests were cut off.
    pub(crate) async fn ended(&mut self) -> bool {
        self.begin_to_end();
        let ended = self.running.ended.take().expect("a gateway that was not waited for before");
        within("the gateway to end", ended).await.expect("a gateway that did not panic")
    }
}

/// A gateway on threads of its own.
struct Running {
    address: SocketAddr,
    admin: SocketAddr,
    reload: ReloadHandle,
    /// Dropped to end it.
    stop: Option<oneshot::Sender<()>>,
    ended: Option<oneshot::Receiver<bool>>,
    thread: Option<JoinHandle<()>>,
}

impl Running {
    async fn start(config: Config) -> Self {
        let (stop, stopped) = oneshot::channel::<()>();
        let (started, start) = oneshot::channel();
        let (has_ended, ended) = oneshot::channel();
        let thread = std::thread::spawn(move || {
            let gateway = Gateway::start(&config).expect("the gateway starts");
            let handles = (gateway.address(), gateway.admin_address(), gateway.reload());
            started.send(handles).unwrap_or_else(|_| panic!("a test that waits"));
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            let stop = async {
                let _ = stopped.await;
            };
            let cut_off = runtime.block_on(gateway.run(stop, std::future::pending())).expect("a whole trail");
            let _ = has_ended.send(cut_off);
        });
        let (address, admin, reload) =
            within("the gateway to start", start).await.expect("a gateway that starts");
        Self { address, admin, reload, stop: Some(stop), ended: Some(ended), thread: Some(thread) }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop = None;
        let Some(mut ended) = self.ended.take() else { return };
        // The runtime of the test is blocked from here on, and with it the servers that requests in flight wait for;
        // none should be.
        let deadline = std::time::Instant::now() + PATIENCE;
        while matches!(ended.try_recv(), Err(oneshot::error::TryRecvError::Empty)) {
            if std::time::Instant::now() > deadline {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(2));
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
