//! A container that runs.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

use super::machine::{must, must_within, podman};
use crate::support::client::{self, Answer};
use crate::support::{PATIENCE, admin, patiently};

/// How often its log is looked at.
const INTERVAL: Duration = Duration::from_millis(20);

/// A container with confgate; removed when it goes out of scope, however the test ends.
pub(super) struct Container {
    name: String,
    log: PathBuf,
}

impl Drop for Container {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the log of {}:\n{}", self.name, self.lines().join("\n"));
        }
        let _ = podman(["rm", "--force", "--time=0", &self.name]).output();
    }
}

impl Container {
    /// Runs the image with these flags and arguments, detached. Its log lies in `directory`.
    pub(super) async fn run(name: &str, directory: &Path, flags: &[String], args: &[String]) -> Self {
        let container = Self::known(name, directory.join(format!("{name}.log")));
        let mut command = podman(["run", "--detach", "--name", name, "--log-driver=k8s-file"]);
        command.arg(format!("--log-opt=path={}", container.log.display()));
        // The network is the machine's: the vendor and the issuer are here. Limits that podman would raise by itself it
        // may not, where this machine is a container as well.
        command.args(["--network=host", "--ulimit=nofile=1024:1024", "--ulimit=nproc=1024:1024"]);
        command.args(flags).arg(super::told("CONFGATE_IMAGE")).args(args);
        must(command).await;
        container
    }

    /// One that was started otherwise.
    pub(super) fn known(name: &str, log: PathBuf) -> Self {
        Self { name: name.to_owned(), log }
    }

    /// What it has written so far: `TIME STREAM F TEXT` each, or P for a part of a line.
    pub(super) fn lines(&self) -> Vec<String> {
        let (mut lines, mut part) = (Vec::new(), String::new());
        for line in fs::read_to_string(&self.log).unwrap_or_default().lines() {
            let mut words = line.splitn(4, ' ').skip(2);
            let is_whole = words.next() == Some("F");
            part.push_str(words.next().unwrap_or_default());
            if is_whole {
                lines.push(std::mem::take(&mut part));
            }
        }
        lines
    }

    /// Waits for a line for which `find` finds something.
    pub(super) async fn logged<T>(&self, what: &str, find: impl Fn(&str) -> Option<T>) -> T {
        let looking = async {
            loop {
                if let Some(found) = self.lines().iter().find_map(|line| find(line)) {
                    return found;
                }
                tokio::time::sleep(INTERVAL).await;
            }
        };
        let found = patiently(looking).await;
        found.unwrap_or_else(|| panic!("waited {PATIENCE:?} for {what}:\n{}", self.lines().join("\n")))
    }

    /// Waits for a line with all of these.
    pub(super) async fn says(&self, parts: &[&str]) -> String {
        let all = |line: &str| parts.iter().all(|part| line.contains(part)).then(|| line.to_owned());
        self.logged(&format!("{parts:?}"), all).await
    }

    /// How many lines have this.
    pub(super) fn times(&self, part: &str) -> usize {
        self.lines().iter().filter(|line| line.contains(part)).count()
    }

    /// Waits until it serves.
    pub(super) async fn serving(&self) -> Serving<'_> {
        let event = self.logged("the gateway to say where it serves", |line| {
            let event: Value = serde_json::from_str(line).ok()?;
            (event["message"] == "serving").then_some(event)
        });
        let event = event.await;
        let address =
            |name: &str| event[name].as_str().and_then(|text| text.parse().ok()).expect("an address");
        let (address, admin) = (address("address"), address("admin"));
        Serving { container: self, address, admin, event }
    }

    /// The process, as the machine knows it.
    pub(super) async fn process(&self) -> u32 {
        self.inspect("{{.State.Pid}}").await.parse().expect("a number")
    }

    pub(super) async fn inspect(&self, what: &str) -> String {
        must(podman(["inspect", "--format", what, &self.name])).await.trim().to_owned()
    }

    pub(super) async fn signal(&self, name: &str) {
        must(podman(["kill", "--signal", name, &self.name])).await;
    }

    /// Waits for its end, and gives the exit code.
    pub(super) async fn ended(&self) -> i32 {
        self.ended_within(PATIENCE).await
    }

    /// The same where it may take so long.
    pub(super) async fn ended_within(&self, limit: Duration) -> i32 {
        let ended = must_within(limit, podman(["wait", &self.name])).await;
        ended.trim().parse().expect("an exit code")
    }

    /// Runs the program in it once more, with these arguments.
    pub(super) async fn exec(&self, arguments: &[&str]) -> String {
        let mut command = podman(["exec", &self.name]);
        command.args(arguments);
        must(command).await
    }
}

/// A container that serves.
pub(super) struct Serving<'c> {
    pub(super) container: &'c Container,
    pub(super) address: SocketAddr,
    pub(super) admin: SocketAddr,
    /// What it said of itself.
    pub(super) event: Value,
}

impl Serving<'_> {
    /// Waits until `/readyz` answers with this status, as the kubelet's probe does.
    pub(super) async fn until_readyz(&self, status: u16) -> Answer {
        admin::until_readyz(self.admin, |answer| answer.status == status).await
    }

    /// Waits until it is not ready, and only these checks say why, each with its words: what else it waits for at its
    /// start is there by then.
    pub(super) async fn until_unready(&self, why: &[(&str, &str)]) {
        let says = |answer: &Answer| {
            let checks = answer.json();
            let texts = checks.as_object().expect("checks by name").iter();
            let mut told = texts.filter_map(|(name, text)| Some((name, text.as_str()?)));
            let is_told = |(name, text): (&String, &str)| {
                text == "ok" || why.iter().any(|(check, part)| name == check && text.contains(part))
            };
            let all = why.iter().all(|(check, _)| checks[*check] != "ok");
            answer.status == 503 && all && told.all(is_told)
        };
        admin::until_readyz(self.admin, says).await;
    }

    /// Calls with this token; a body is sent as JSON.
    pub(super) async fn call(&self, bearer: &str, method: &str, path: &str, body: &str) -> Answer {
        let headers = [("Authorization", bearer), ("Content-Type", "application/json")];
        let headers = if body.is_empty() { &headers[..1] } else { &headers[..] };
        client::send(self.address, method, path, headers, body).await
    }

    /// Ends it as the kubelet does: `preStop` first, if the manifest has one, then SIGTERM.
    pub(super) async fn stop(&self, pre_stop: Option<&[String]>) {
        if let Some(command) = pre_stop {
            // The port is another here.
            let admin = self.admin.to_string();
            let is_address = |word: &str| word.parse::<SocketAddr>().is_ok();
            let words: Vec<&str> =
                command.iter().map(|word| if is_address(word) { &*admin } else { word }).collect();
            self.container.exec(&words).await;
        }
        self.container.signal("TERM").await;
    }
}
