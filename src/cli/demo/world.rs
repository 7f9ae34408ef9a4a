//! What stands around the gateway: the vendor's sandbox, the issuer, and files for the configuration.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::Context;
use secrecy::SecretString;

use super::DemoArgs;
use crate::devissuer::{Algorithm, DevIssuer, JwksServer};
use crate::domain::{AppName, OrgName};
use crate::sandbox::{Sandbox, SandboxApp, SandboxConfig};

/// The vendor's own example.
const ORG: &str = "1100181023201864";
const APP: &str = "voicechatroom";
const CLIENT_ID: &str = "YXA6demo";
const CLIENT_SECRET: &str = "demo-client-secret";

/// The parts that run, and what is needed to speak with them.
pub(super) struct World {
    pub(super) issuer: DevIssuer,
    pub(super) jwks_url: String,
    pub(super) sandbox: SocketAddr,
    pub(super) config_file: PathBuf,
    pub(super) key_file: PathBuf,
    pub(super) trail: PathBuf,
}

impl World {
    /// Starts sandbox and issuer as tasks, and writes the files.
    pub(super) async fn start(args: &DemoArgs, directory: &Path) -> anyhow::Result<Self> {
        std::fs::create_dir_all(directory)
            .with_context(|| format!("the directory {} cannot be made", directory.display()))?;
        let sandbox = start_sandbox(args.sandbox).await?;
        let server = JwksServer::bind(args.issuer).await?;
        let issuer = DevIssuer::generate(server.base_url(), Algorithm::Es256)?;
        let key_file = directory.join("issuer.pem");
        issuer.save(&key_file)?;
        let jwks_url = server.jwks_url();
        tokio::spawn(server.serve(&issuer, std::future::pending()));

        let world = Self {
            issuer,
            jwks_url,
            sandbox,
            config_file: directory.join("confgate.toml"),
            key_file,
            trail: directory.join("audit"),
        };
        let secret = directory.join("client_secret");
        std::fs::write(&secret, CLIENT_SECRET)
            .and_then(|()| std::fs::write(&world.config_file, world.configuration(args, &secret)))
            .with_context(|| format!("the demo's files cannot be written to {}", directory.display()))?;
        Ok(world)
    }

    fn configuration(&self, args: &DemoArgs, secret: &Path) -> String {
        format!(
            r#"[listen]
address = "{listen}"
drain_delay = "0s"

[admin]
address = "{admin}"

[[authn.issuers]]
issuer = "{issuer}"
audiences = ["confgate"]
algorithms = ["{algorithm}"]
jwks_url = "{jwks_url}"

[apps.meet]
base_url = "http://{sandbox}"
org = "{ORG}"
app = "{APP}"
client_id = "{CLIENT_ID}"
client_secret_file = {secret}

# A company's application.
[tenants.crm]
app = "meet"
rate_limit = {{ rate = 20, per = "1s", burst = 40 }}
user_rate_limit = {{ rate = 5, per = "1s", burst = 20 }}

# One that is soon over its limit.
[tenants.tiny]
app = "meet"
rate_limit = {{ rate = 1, per = "10s", burst = 3 }}

[audit]
directory = {trail}
"#,
            listen = args.listen,
            admin = args.admin,
            issuer = self.issuer.issuer(),
            algorithm = self.issuer.algorithm(),
            jwks_url = self.jwks_url,
            sandbox = self.sandbox,
            secret = quoted(secret),
            trail = quoted(&self.trail),
        )
    }
}

/// A path as a string of TOML, which has JSON's escapes.
fn quoted(path: &Path) -> serde_json::Value {
    path.to_string_lossy().into()
}

async fn start_sandbox(address: SocketAddr) -> anyhow::Result<SocketAddr> {
    let app = SandboxApp {
        org: OrgName::parse(ORG)?,
        app: AppName::parse(APP)?,
        client_id: CLIENT_ID.into(),
        client_secret: SecretString::from(CLIENT_SECRET),
    };
    let sandbox = Sandbox::bind(SandboxConfig::new(address, vec![app])).await?;
    let address = sandbox.local_addr();
    tokio::spawn(sandbox.serve(std::future::pending()));
    Ok(address)
}
