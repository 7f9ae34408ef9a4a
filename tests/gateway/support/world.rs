//! Everything that one test needs: a vendor, an issuer, and the gateway between them, started as `confgate serve` does,
//! on threads of its own.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;

use confgate::assembly::{Gateway, ReloadHandle};
use confgate::config::{self, Config};
use tempfile::TempDir;
use tokio::sync::oneshot;

use super::admin;
use super::client::{self, Answer};
use super::issuer::Issuer;
use super::trail::Trail;
use super::vendor::Vendor;
use super::{PATIENCE, within};

/// What the tests' configuration has, before a test says otherwise: room enough never to be in the way.
const CONFIG: &str = r#"
[listen]
address = "127.0.0.1:0"
workers = 2
max_lag = "0s"
drain_delay = "0s"

[admin]
address = "127.0.0.1:0"

[[authn.issuers]]
issuer = "ISSUER"
audiences = ["confgate"]
algorithms = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA"]
jwks_url = "JWKS_URL"

[apps.meet]
base_url = "BASE_URL"
org = "1100181023201864"
app = "voicechatroom"
client_id = "YXA6test"
client_secret_file = "SECRET_FILE"
budget = { rate = 10000, per = "1s", burst = 10000 }

[apps.other]
base_url = "BASE_URL"
org = "1100181023201864"
app = "other"
client_id = "YXA6other"
client_secret_file = "SECRET_FILE"
budget = { rate = 10000, per = "1s", burst = 10000 }

[tenants.crm]
app = "meet"
rate_limit = { rate = 1000, per = "1s", burst = 1000 }
max_in_flight = 1000

[tenants.acme]
app = "other"
rate_limit = { rate = 1000, per = "1s", burst = 1000 }

[vendor]
min_interval = "10ms"
breaker_failures = 0

[audit]
directory = "TRAIL"

# Each refusal has an outcome of its own, which the tests look for; those about floods set what is the default.
[audit.floods]
individually = 1000000

[log]
level = "off"
"#;

/// Changes after which no limit is in the way of who calls as fast as it can.
pub(crate) const WITHOUT_LIMITS: [(&str, &str); 4] = [
    ("TENANTS__CRM__RATE_LIMIT__RATE", "1000000"),
    ("TENANTS__CRM__RATE_LIMIT__BURST", "1000000"),
    ("APPS__MEET__BUDGET__RATE", "1000000"),
    ("APPS__MEET__BUDGET__BURST", "1000000"),
];

/// Changes after which callers have a second for anything.
pub(crate) const A_SECOND: [(&str, &str); 5] = [
    ("LISTEN__IDLE_TIMEOUT", "1s"),
    ("LISTEN__REQUEST_TIMEOUT", "1s"),
    ("UPSTREAM__TOTAL_TIMEOUT", "900ms"),
    ("UPSTREAM__FIRST_BYTE_TIMEOUT", "900ms"),
    ("UPSTREAM__CONNECT_TIMEOUT", "900ms"),
];

/// The client secret that the gateway is configured with.
pub(crate) const CLIENT_SECRET: &str = "canary-client-secret";

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

/// Changes as [`World::with`] takes them.
pub(crate) fn borrowed(changes: &[(String, String)]) -> Vec<(&str, &str)> {
    changes.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect()
}

/// The tests' configuration for this vendor and issuer, with files in `directory`.
pub(crate) fn configuration(
    directory: &Path,
    vendor: &Vendor,
    issuer: &Issuer,
    changes: &[(&str, &str)],
) -> Config {
    let file = write_configuration(directory, vendor, issuer);
    let changes = changes.iter().map(|(key, value)| (format!("CONFGATE__{key}"), (*value).to_owned()));
    config::load(Some(&file), changes).unwrap_or_else(|problems| panic!("{problems}"))
}

/// Writes the tests' configuration as a file, for `--config`.
pub(crate) fn write_configuration(directory: &Path, vendor: &Vendor, issuer: &Issuer) -> PathBuf {
    let secret = directory.join("client_secret");
    std::fs::write(&secret, format!("{CLIENT_SECRET}\n")).expect("a file for the secret");
    let text = CONFIG
        .replace("ISSUER", issuer.name())
        .replace("JWKS_URL", &issuer.jwks_url())
        .replace("BASE_URL", vendor.base_url())
        .replace("SECRET_FILE", secret.to_str().expect("a path in Unicode"))
        .replace("TRAIL", directory.join("audit").to_str().expect("a path in Unicode"));
    let file = directory.join("confgate.toml");
    std::fs::write(&file, text).expect("a file for the configuration");
    file
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
