//! The configuration that tests start from, and changes to it that several of them make.

use std::path::{Path, PathBuf};

use confgate::config::{self, Config};

use super::issuer::Issuer;
use super::vendor::Vendor;

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

/// Changes after which callers have two seconds for anything: not long to wait for the end of them, and time enough for
/// what is to come through in a test that stands still for a while.
pub(crate) const TWO_SECONDS: [(&str, &str); 5] = [
    ("LISTEN__IDLE_TIMEOUT", "2s"),
    ("LISTEN__REQUEST_TIMEOUT", "2s"),
    ("UPSTREAM__TOTAL_TIMEOUT", "1900ms"),
    ("UPSTREAM__FIRST_BYTE_TIMEOUT", "1900ms"),
    ("UPSTREAM__CONNECT_TIMEOUT", "1900ms"),
];

/// The client secret that the gateway is configured with.
pub(crate) const CLIENT_SECRET: &str = "canary-client-secret";

/// Changes as [`World::with`](super::world::World::with) takes them.
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
