//! confgate with everything on, and its defaults but for limits that are high enough.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::Path;
use std::process::Command;

use super::{Contender, Programs, Setting, version};
use crate::requests::{TENANTS, tenant};

pub(super) fn find(programs: &Programs) -> Contender {
    let program = programs.confgate.clone();
    Contender {
        name: "confgate",
        does: "authn, scopes, three limits, trail with hash chain (creates on disk first), metrics",
        authenticates: true,
        version: version(&program, "--version"),
        program,
        configure,
    }
}

const QUOTA: &str = r#"{ rate = 1000000, per = "1s", burst = 1000000 }"#;

fn configure(program: &Path, setting: &Setting<'_>) -> io::Result<Command> {
    let Setting { directory, port, vendor, issuer, workers } = setting;
    let secret = directory.join("secret");
    fs::write(&secret, "secret")?;
    let mut text = format!(
        r#"[listen]
address = "127.0.0.1:{port}"
workers = {workers}
drain_delay = "0s"
drain_timeout = "1s"
[admin]
address = "127.0.0.1:0"
[audit]
directory = "{}"
[[authn.issuers]]
issuer = "{}"
audiences = ["confgate"]
algorithms = ["{}"]
jwks_file = "{}"
[apps.meet]
base_url = "http://{vendor}"
org = "org"
app = "app"
client_id = "id"
client_secret_file = "{}"
budget = {QUOTA}
"#,
        directory.join("audit").display(),
        issuer.name(),
        issuer.algorithm(),
        issuer.jwks().display(),
        secret.display(),
    );
    for number in 0..TENANTS {
        let tenant = tenant(number);
        let limits = format!("rate_limit = {QUOTA}\nuser_rate_limit = {QUOTA}\nmax_in_flight = 1000");
        writeln!(text, "[tenants.{tenant}]\napp = \"meet\"\n{limits}").map_err(io::Error::other)?;
    }
    let file = directory.join("confgate.toml");
    fs::write(&file, text)?;
    let mut command = Command::new(program);
    command.args(["serve", "--config"]).arg(file);
    Ok(command)
}
