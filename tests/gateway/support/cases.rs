//! A gateway with an app and a tenant for each case of a test, so that what one case does to its app can touch no
//! other, and all of them can be tried at the same time.

use serde_json::Value;
use tempfile::NamedTempFile;

use super::account::Account;
use super::client::{self, Answer};
use super::configuration::{CLIENT_SECRET, borrowed};
use super::issuer::Issuer;
use super::tally::Tally;
use super::vendor::Vendor;
use super::world::World;

/// The gateway, and the accounts of what was done to it.
pub(crate) struct Cases {
    pub(crate) world: World,
    pub(crate) tally: Tally,
    account: Account,
    _secret: NamedTempFile,
}

/// Enough of everything never to be in the way.
const LIMITS: [(&str, &str); 4] = [
    ("RATE_LIMIT__RATE", "100000"),
    ("RATE_LIMIT__PER", "1s"),
    ("RATE_LIMIT__BURST", "100000"),
    ("MAX_IN_FLIGHT", "1000"),
];

/// The name of an app, at the vendor as well, and of its tenant.
pub(crate) fn case(number: usize) -> String {
    format!("case{number}")
}

impl Cases {
    /// Ready to be called, with so many cases and these keys of the configuration changed.
    pub(crate) async fn ready(campaign: &'static str, apps: usize, changes: &[(&str, &str)]) -> Self {
        let cases = Self::around(campaign, apps, Vendor::start().await, Issuer::start().await, changes).await;
        cases.world.until_ready().await;
        cases
    }

    /// Around a vendor that may be in trouble; not waited for.
    pub(crate) async fn around(
        campaign: &'static str,
        apps: usize,
        vendor: Vendor,
        issuer: Issuer,
        changes: &[(&str, &str)],
    ) -> Self {
        let secret = NamedTempFile::new().expect("a file for the secret");
        std::fs::write(secret.path(), CLIENT_SECRET).expect("a file for the secret");
        let mut all: Vec<(String, String)> = Vec::new();
        for name in (0..apps).map(case) {
            let app = [
                ("BASE_URL", vendor.base_url()),
                ("ORG", "1100181023201864"),
                ("APP", &name),
                ("CLIENT_ID", "YXA6test"),
                ("CLIENT_SECRET_FILE", secret.path().to_str().expect("a path in Unicode")),
                ("BUDGET__RATE", "10000"),
                ("BUDGET__PER", "1s"),
                ("BUDGET__BURST", "10000"),
            ];
            let section = name.to_uppercase();
            let of_app = app.map(|(key, value)| (format!("APPS__{section}__{key}"), value.to_owned()));
            let of_tenant =
                LIMITS.map(|(key, value)| (format!("TENANTS__{section}__{key}"), value.to_owned()));
            all.extend(of_app.into_iter().chain(of_tenant));
            all.push((format!("TENANTS__{section}__APP"), name));
        }
        let mut all = borrowed(&all);
        all.extend(changes);
        let world = World::around(vendor, issuer, &all).await;
        Self { world, tally: Tally::of(campaign), account: Account::default(), _secret: secret }
    }

    /// A token of this case's tenant.
    pub(crate) fn bearer(&self, number: usize) -> String {
        self.world.issuer.token().claim("tenant", case(number)).bearer()
    }

    /// Calls as this case's tenant, on a connection of its own; a body is sent as JSON.
    pub(crate) async fn call(&self, number: usize, method: &str, path: &str, body: &str) -> Answer {
        self.call_as(&self.bearer(number), method, path, body).await
    }

    /// The same with this value of `Authorization`.
    pub(crate) async fn call_as(&self, bearer: &str, method: &str, path: &str, body: &str) -> Answer {
        let mut headers = vec![("Authorization", bearer)];
        if !body.is_empty() {
            headers.push(("Content-Type", "application/json"));
        }
        self.tally.requests(1);
        let answer = client::send(self.world.address, method, path, &headers, body).await;
        self.account.hear(&answer);
        answer
    }

    /// A caller was answered this on a connection of the test's own.
    pub(crate) fn hear(&self, answer: &Answer) {
        self.account.hear(answer);
    }

    /// The outcome of what was answered like this.
    pub(crate) async fn outcome(&self, answer: &Answer) -> Value {
        self.world.trail.outcome_of(answer.request_id()).await
    }

    /// Waits until `/status` says of this case's app what `enough` looks for.
    pub(crate) async fn until_app(&self, number: usize, what: &str, enough: impl Fn(&Value) -> bool) {
        let name = case(number);
        let is_so = |status: &Value| {
            let apps = status["apps"].as_array().expect("a list of apps");
            apps.iter().any(|app| app["app"] == *name && enough(app))
        };
        self.world.until_status(&format!("{what} of {name}"), is_so).await;
    }

    /// Ends the gateway, and holds what callers were told, what the vendor saw and what the trail says against each
    /// other.
    pub(crate) async fn finish(mut self) {
        let cut_off = self.world.ended().await;
        self.tally.expect(!cut_off, || "requests were cut off".to_owned());
        let calls = self.world.vendor.calls();
        self.account.settle(&self.world.trail, &self.world.trail_directory(), &calls, &self.tally);
        self.tally.finish();
    }
}
