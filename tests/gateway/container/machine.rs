//! podman, and what Linux says of a process in a container.

use std::ffi::OsStr;
use std::fs;
use std::process::Command;
use std::time::Duration;

use crate::support::tools::needs_root_and;

use super::manifest::Manifest;
use super::told;

/// A command of podman, as `CONFGATE_PODMAN` has it: its words up to the subcommand.
pub(super) fn podman<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> Command {
    needs_root_and(&[]);
    let words = told("CONFGATE_PODMAN");
    let mut words = words.split_whitespace();
    let mut command = Command::new(words.next().expect("a program"));
    command.args(words).args(arguments);
    command
}

/// How long podman may take for anything: it reads and locks its whole store each time, and sets a container up.
const PODMAN: Duration = Duration::from_mins(1);

/// Runs it to its end: standard output and standard error together, if the end was a good one.
pub(super) async fn run(command: Command) -> Result<String, String> {
    run_within(PODMAN, command).await
}

/// The same where another end fails the test.
pub(super) async fn must(command: Command) -> String {
    must_within(PODMAN, command).await
}

/// The same where it may take so long.
pub(super) async fn must_within(limit: Duration, command: Command) -> String {
    let words = format!("{command:?}");
    run_within(limit, command).await.unwrap_or_else(|text| panic!("{words}: {text}"))
}

async fn run_within(limit: Duration, command: Command) -> Result<String, String> {
    let words = format!("{command:?}");
    let running = tokio::process::Command::from(command).kill_on_drop(true).output();
    let ended = tokio::time::timeout(limit, running).await;
    let ended = ended.unwrap_or_else(|_| panic!("waited {limit:?} for {words}")).expect("podman");
    let text = [ended.stdout, ended.stderr].concat();
    let text = String::from_utf8_lossy(&text).into_owned();
    if ended.status.success() { Ok(text) } else { Err(text) }
}

/// A field of `/proc/ID/status` (proc(5)).
pub(super) fn status(process: u32, field: &str) -> String {
    let status = fs::read_to_string(format!("/proc/{process}/status")).expect("a process that runs");
    let value = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    value.unwrap_or_else(|| panic!("no {field} in\n{status}")).trim().to_owned()
}

/// Checks that a process is held to what the manifest says, by the kernel's word and not by podman's.
pub(super) fn is_held_to(manifest: &Manifest, process: u32) {
    let user = manifest.number("runAsUser").expect("a user");
    assert!(user > 0 && manifest.security("runAsNonRoot") == true, "root");
    assert_eq!(status(process, "Uid"), [user.to_string().as_str(); 4].join("\t"));
    for set in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
        assert_eq!(status(process, set), "0000000000000000", "{set}");
    }
    assert_eq!((&*status(process, "NoNewPrivs"), &*status(process, "Seccomp")), ("1", "2"));
    assert!(root_is_read_only(process), "the root directory can be written to");
    assert_eq!(memory(process).limit, manifest.memory());
}

/// Whether its root directory is mounted for reading alone.
fn root_is_read_only(process: u32) -> bool {
    let mounts = fs::read_to_string(format!("/proc/{process}/mounts")).expect("a process that runs");
    let root = mounts.lines().rfind(|line| line.split(' ').nth(1) == Some("/")).expect("a root");
    root.split(' ').nth(3).is_some_and(|options| options.split(',').any(|option| option == "ro"))
}

/// What the kernel holds a container's memory to, in bytes, and the most of it that was in use.
#[derive(Debug)]
pub(super) struct Memory {
    pub(super) limit: u64,
    pub(super) most: u64,
}

/// As the memory controller of the process's control group has it (cgroups(7), version 1 or 2).
pub(super) fn memory(process: u32) -> Memory {
    let groups = fs::read_to_string(format!("/proc/{process}/cgroup")).expect("a process that runs");
    let first = groups.lines().find_map(|line| line.split_once(":memory:")).map(|(_, path)| path);
    let (files, directory) = if let Some(path) = first {
        (["memory.limit_in_bytes", "memory.max_usage_in_bytes"], format!("/sys/fs/cgroup/memory{path}"))
    } else {
        let path = groups.lines().find_map(|line| line.strip_prefix("0::")).expect("a control group");
        (["memory.max", "memory.peak"], format!("/sys/fs/cgroup{path}"))
    };
    let [limit, most] = files.map(|file| {
        let path = format!("{directory}/{file}");
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
        text.trim().parse().unwrap_or_else(|_| panic!("{path} says {text}: there is no limit"))
    });
    Memory { limit, most }
}
