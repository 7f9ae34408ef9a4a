//! The gateway as a process, and what the system says about it.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use confgate::devissuer::DevIssuer;
use serde_json::Value;

use crate::callers;
use crate::world::configuration_text;

/// Of a second, in which the system counts (`CONF_CLK_TCK`, 100 on every Linux that there is).
pub(crate) const TICKS: u64 = 100;

/// Ends with it.
pub(crate) struct Gateway {
    child: Child,
    pub(crate) address: SocketAddr,
    admin: SocketAddr,
}

impl Gateway {
    /// Ready to be called.
    pub(crate) fn start(directory: &Path, issuer: &DevIssuer, vendor: &str) -> Self {
        let more = format!(
            r#"
[listen]
address = "127.0.0.1:0"
max_connections = 12000
trusted_proxies = ["127.0.0.1"]
[admin]
address = "127.0.0.1:0"
[apps.other]
base_url = "{vendor}"
org = "org"
app = "other"
client_id = "id"
client_secret_file = "{}"
budget = {{ rate = 1000000, per = "1s", burst = 1000000 }}
[tenants.greedy]
app = "meet"
rate_limit = {{ rate = 100, per = "1s", burst = 100 }}
[tenants.stuck]
app = "other"
rate_limit = {{ rate = 1000000, per = "1s", burst = 1000000 }}
[tenants.neighbour]
app = "meet"
rate_limit = {{ rate = 1000000, per = "1s", burst = 1000000 }}
max_in_flight = 1000
[log]
level = "info"
format = "json"
"#,
            directory.join("secret").display()
        );
        let file = directory.join("confgate.toml");
        std::fs::write(&file, configuration_text(directory, &[issuer], vendor, &more)).expect("a file");
        let mut command = Command::new(env!("CARGO_BIN_EXE_confgate"));
        command.args(["serve", "--config"]).arg(file).stderr(Stdio::piped());
        let mut child = command.spawn().expect("a program that starts");
        let (address, admin) = listens(&mut child);
        let gateway = Self { child, address, admin };
        gateway.until("/readyz", |answer| answer.starts_with("HTTP/1.1 200"));
        gateway
    }

    /// Waits until nobody is connected.
    pub(crate) fn until_alone(&self) {
        self.until("/status", |answer| answer.replace(' ', "").contains("\"connections_open\":0"));
    }

    fn until(&self, path: &str, enough: impl Fn(&str) -> bool) {
        for _ in 0..900 {
            let answer = callers::asked(self.admin, path);
            if enough(&answer) {
                return;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        panic!("{path} does not say what it should: {}", callers::asked(self.admin, path));
    }

    /// Its memory, in KiB.
    pub(crate) fn resident_kib(&self) -> u64 {
        let status = self.proc("status");
        let size = status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.strip_suffix("kB"));
        size.and_then(|size| size.trim().parse().ok()).expect("a resident size")
    }

    /// The CPU time that it took so far (proc(5): the 14th and 15th word of `stat`).
    pub(crate) fn cpu_ticks(&self) -> u64 {
        let stat = self.proc("stat");
        let words = stat.rsplit(") ").next().expect("words after the name").split(' ');
        words.skip(11).take(2).filter_map(|word| word.parse::<u64>().ok()).sum()
    }

    fn proc(&self, file: &str) -> String {
        std::fs::read_to_string(format!("/proc/{}/{file}", self.child.id())).expect("a process that runs")
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What it says at its start: where it serves, and where its admin port is.
fn listens(child: &mut Child) -> (SocketAddr, SocketAddr) {
    let log = BufReader::new(child.stderr.take().expect("standard error"));
    let mut lines = log.lines();
    let found = lines.by_ref().map_while(Result::ok).find_map(|line| {
        let event: Value = serde_json::from_str(&line).ok()?;
        let address = |name: &str| event.get(name)?.as_str()?.parse().ok();
        Some((address("address")?, address("admin")?))
    });
    // A pipe that nobody reads would fill up.
    std::thread::spawn(move || lines.for_each(drop));
    found.expect("a gateway that says where it serves")
}
