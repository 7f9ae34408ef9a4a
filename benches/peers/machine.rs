//! The machine that all this runs on.

use std::fs;

use rustix::fs::{FsWord, statfs};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::process::Cpus;

/// `TMPFS_MAGIC` of statfs(2).
const TMPFS: FsWord = 0x0102_1994;

/// In a few words.
pub(crate) fn describe(cpus: Cpus) -> String {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = text.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let model = model.map_or("unknown CPU", |(_, model)| model.trim());
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let kernel = kernel.split('-').next().unwrap_or_default().trim().to_owned();
    let virtual_machine = if text.contains("hypervisor") { ", virtual" } else { "" };
    format!("{model}, {} CPUs{virtual_machine}, Linux {kernel}", cpus.count())
}

/// What makes every figure doubtful.
pub(crate) fn doubts(cpus: Cpus) -> Vec<String> {
    let mut doubts = Vec::new();
    if cpus.count() < 2 {
        doubts.push("one CPU: the contender shares it with callers and vendor".to_owned());
    }
    if statfs(env!("CARGO_TARGET_TMPDIR")).is_ok_and(|found| found.f_type == TMPFS) {
        doubts.push("the trail is in memory: creates wait for no disk".to_owned());
    }
    doubts
}

/// As many as are allowed, for this process and those that it starts.
pub(crate) fn allow_many_files() {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    // A limit that is low is told by what fails for it.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
}
