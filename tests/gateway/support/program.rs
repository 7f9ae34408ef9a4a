//! The program itself, as a process: its arguments, its environment, what it prints, its signals and its exit code.

use std::ffi::OsStr;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit};
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::admin;
use super::client::Answer;
use super::configuration::write_configuration;
use super::issuer::Issuer;
use super::trail::Trail;
use super::vendor::Vendor;
use super::within;

/// A command of the program, with an environment that nothing else has got into.
pub(crate) fn confgate<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_confgate"));
    command.args(arguments).env_clear().envs(std::env::vars_os().filter(|(name, _)| name == "PATH"));
    command
}

/// A process that runs; killed when it is dropped.
pub(crate) struct Program {
    child: Child,
    /// Lines of standard output and standard error so far.
    output: Output,
    error: Output,
    readers: [JoinHandle<()>; 2],
}

type Output = Arc<watch::Sender<Vec<String>>>;

/// How a process ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) output: String,
    pub(crate) error: String,
}

impl Program {
    pub(crate) fn start(command: &mut Command) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().expect("a program that starts");
        let (output, error) = (Output::default(), Output::default());
        let readers = [
            read(child.stdout.take().expect("standard output"), &output),
            read(child.stderr.take().expect("standard error"), &error),
        ];
        Self { child, output, error, readers }
    }

    /// Waits for a line on standard output for which `find` finds something.
    pub(crate) async fn printed<T>(&self, what: &str, find: impl Fn(&str) -> Option<T>) -> T {
        found(&self.output, what, find).await
    }

    /// The same, on standard error.
    pub(crate) async fn logged<T>(&self, what: &str, find: impl Fn(&str) -> Option<T>) -> T {
        found(&self.error, what, find).await
    }

    /// Waits until `confgate serve` says where it serves: its address, and that of the admin port.
    pub(crate) async fn serving(&self) -> (SocketAddr, SocketAddr) {
        self.logged("the gateway to say where it serves", addresses).await
    }

    /// The same, of a program that may refuse to start; then how it ended.
    pub(crate) async fn serving_or_ended(&mut self) -> Result<(SocketAddr, SocketAddr), Ended> {
        tokio::select! {
            addresses = found(&self.error, "the gateway to say where it serves", addresses) => Ok(addresses),
            _ = self.child.wait() => Err(self.ended().await),
        }
    }

    /// Standard output so far.
    pub(crate) fn output(&self) -> String {
        self.output.borrow().join("\n")
    }

    /// Standard error so far.
    pub(crate) fn errors(&self) -> String {
        self.error.borrow().join("\n")
    }

    /// Its memory that is not swapped out, in bytes (proc(5)).
    pub(crate) fn resident(&self) -> u64 {
        let status = format!("/proc/{}/status", self.child.id().expect("a process that runs"));
        let status = std::fs::read_to_string(status).expect("the status of a process of ours");
        let kibibytes = status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.strip_suffix("kB"));
        kibibytes.and_then(|text| text.trim().parse::<u64>().ok()).expect("a resident size") * 1024
    }

    /// Sends it a signal: `TERM`, `INT`.
    pub(crate) async fn signal(&self, name: &str) {
        let id = self.child.id().expect("a process that runs");
        let sent = Command::new("sh").args(["-c", &format!("kill -{name} {id}")]).status().await;
        assert!(sent.expect("a shell").success(), "SIG{name} could not be sent");
    }

    /// Ends it as nothing can that it could do something about (SIGKILL), and waits until it is gone.
    pub(crate) async fn kill(&mut self) -> Ended {
        self.child.start_kill().expect("a process of ours");
        self.ended().await
    }

    /// How many files and sockets it has open.
    pub(crate) fn descriptors(&self) -> u64 {
        let open = format!("/proc/{}/fd", self.child.id().expect("a process that runs"));
        std::fs::read_dir(open).expect("the descriptors of a process").count() as u64
    }

    /// How many it may have open from now on.
    pub(crate) fn limit_descriptors(&self, most: u64) {
        let id = self.child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        let limit = Rlimit { current: Some(most), maximum: getrlimit(Resource::Nofile).maximum };
        prlimit(id, Resource::Nofile, limit).expect("a process of ours");
    }

    /// Stops it in its tracks (SIGSTOP). On return none of its threads runs, and none is in the middle of writing or
    /// syncing.
    pub(crate) async fn freeze(&self) {
        self.signal("STOP").await;
        let tasks = format!("/proc/{}/task", self.child.id().expect("a process that runs"));
        let stopped = async {
            while !all_stopped(Path::new(&tasks)) {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        within("every thread to stop", stopped).await;
    }

    /// Waits for its end.
    pub(crate) async fn ended(&mut self) -> Ended {
        let status = within("the program to end", self.child.wait()).await.expect("a process of ours");
        for reader in &mut self.readers {
            within("the end of its output", reader).await.expect("output in Unicode");
        }
        Ended::new(status, self)
    }
}

impl Ended {
    fn new(status: ExitStatus, program: &Program) -> Self {
        let text = |output: &Output| output.borrow().join("\n");
        Self { code: status.code(), output: text(&program.output), error: text(&program.error) }
    }
}

/// The address of `confgate serve` and that of its admin port, if this line of its log has them.
fn addresses(line: &str) -> Option<(SocketAddr, SocketAddr)> {
    let event: Value = serde_json::from_str(line).ok()?;
    let address = |name: &str| event[name].as_str()?.parse().ok();
    Some((address("address")?, address("admin")?))
}

/// Whether every thread has the state "stopped", which stands after the name in parentheses (proc(5)).
fn all_stopped(tasks: &Path) -> bool {
    let mut threads = std::fs::read_dir(tasks).expect("the threads of a process");
    threads.all(|thread| {
        let stat = std::fs::read_to_string(thread.expect("a thread").path().join("stat")).unwrap_or_default();
        stat.rsplit(") ").next().is_some_and(|state| state.starts_with('T'))
    })
}

/// Runs a command to its end.
pub(crate) async fn run(command: &mut Command) -> Ended {
    Program::start(command).ended().await
}

fn read(stream: impl AsyncRead + Unpin + Send + 'static, into: &Output) -> JoinHandle<()> {
    let (mut lines, into) = (BufReader::new(stream).lines(), Arc::clone(into));
    tokio::spawn(async move {
        while let Some(line) = lines.next_line().await.expect("lines in Unicode") {
            into.send_modify(|output| output.push(line));
        }
    })
}

async fn found<T>(output: &Output, what: &str, find: impl Fn(&str) -> Option<T>) -> T {
    let mut changes = output.subscribe();
    let looking = async {
        loop {
            let hit = changes.borrow_and_update().iter().find_map(|line| find(line));
            if let Some(hit) = hit {
                return hit;
            }
            changes.changed().await.expect("output that is collected");
        }
    };
    within(what, looking).await
}

/// `confgate serve` in its world.
pub(crate) struct Served {
    pub(crate) program: Program,
    pub(crate) vendor: Vendor,
    pub(crate) issuer: Issuer,
    pub(crate) trail: Trail,
    pub(crate) address: SocketAddr,
    pub(crate) admin: SocketAddr,
    file: PathBuf,
    directory: TempDir,
}

impl Served {
    /// Ready to be called, with these keys of the configuration changed by the environment.
    pub(crate) async fn with(changes: &[(&str, &str)]) -> Self {
        let (vendor, issuer) = (Vendor::start().await, Issuer::start().await);
        let directory = TempDir::new().expect("a temporary directory");
        let file = write_configuration(directory.path(), &vendor, &issuer);
        let (program, address, admin) = start_serving(&file, changes).await;
        let trail = Trail::new(&directory.path().join("audit"));
        let served = Self { program, vendor, issuer, trail, address, admin, file, directory };
        served.until_readyz(200).await;
        served
    }

    /// The same once more, after the process has ended.
    pub(crate) async fn start_again(&mut self, changes: &[(&str, &str)]) {
        (self.program, self.address, self.admin) = start_serving(&self.file, changes).await;
        self.until_readyz(200).await;
    }

    /// Its configuration.
    pub(crate) fn file(&self) -> &Path {
        &self.file
    }

    pub(crate) fn trail_directory(&self) -> PathBuf {
        self.directory.path().join("audit")
    }

    /// Waits until `/readyz` answers with this status, and returns the answer.
    pub(crate) async fn until_readyz(&self, status: u16) -> Answer {
        admin::until_readyz(self.admin, |answer| answer.status == status).await
    }

    /// Waits until `/status` names this phase.
    pub(crate) async fn until_phase(&self, phase: &str) {
        admin::until_status(self.admin, &format!("the phase {phase}"), |status| status["phase"] == phase)
            .await;
    }
}

/// Waits until it says where it serves.
async fn start_serving(file: &Path, changes: &[(&str, &str)]) -> (Program, SocketAddr, SocketAddr) {
    let program = Program::start(&mut serve(file, changes));
    let (address, admin) = program.serving().await;
    (program, address, admin)
}

/// `confgate serve` with this file, logging as JSON, and these keys changed by the environment.
pub(crate) fn serve(file: &Path, changes: &[(&str, &str)]) -> Command {
    let mut command = confgate(["serve".as_ref(), "--config".as_ref(), file.as_os_str()]);
    command.env("CONFGATE__LOG__LEVEL", "info");
    for (key, value) in changes {
        command.env(format!("CONFGATE__{key}"), value);
    }
    command
}
