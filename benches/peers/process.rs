//! What the system says about a process and about its CPUs (proc(5)).

use std::fs;
use std::time::Duration;

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// A process with its children.
#[derive(Clone, Debug)]
pub(crate) struct Family(Vec<u32>);

impl Family {
    /// As of now.
    pub(crate) fn of(pid: u32) -> Self {
        let mut pids = vec![pid];
        let mut at = 0;
        while let Some(pid) = pids.get(at).copied() {
            for task in tasks(pid) {
                let children = fs::read_to_string(format!("{task}/children")).unwrap_or_default();
                pids.extend(children.split_whitespace().filter_map(|child| child.parse::<u32>().ok()));
            }
            at += 1;
        }
        Self(pids)
    }

    /// This process alone, without what it has started.
    pub(crate) fn ours() -> Self {
        Self(vec![std::process::id()])
    }

    fn tasks(&self) -> impl Iterator<Item = String> {
        self.0.iter().flat_map(|pid| tasks(*pid))
    }

    /// The CPU time of all its threads so far.
    pub(crate) fn cpu(&self) -> Duration {
        self.tasks().map(|task| cpu(&task)).sum()
    }

    /// The same of each thread, under a name that no other has.
    pub(crate) fn cpu_by_thread(&self) -> Vec<(String, Duration)> {
        let one = |task: String| {
            let name = fs::read_to_string(format!("{task}/comm")).unwrap_or_default();
            let id = task.rsplit('/').next().unwrap_or_default();
            (format!("{} {id}", name.trim()), cpu(&task))
        };
        self.tasks().map(one).collect()
    }

    /// How often its threads gave up the CPU by themselves.
    pub(crate) fn switches(&self) -> u64 {
        self.tasks().map(|task| field(&format!("{task}/status"), "voluntary_ctxt_switches:")).sum()
    }

    /// Resident memory, in KiB. What processes share is counted for each.
    pub(crate) fn resident(&self) -> u64 {
        self.0.iter().map(|pid| field(&format!("/proc/{pid}/status"), "VmRSS:")).sum()
    }
}

/// The first word of `schedstat`: ns on a CPU.
fn cpu(task: &str) -> Duration {
    let text = fs::read_to_string(format!("{task}/schedstat")).unwrap_or_default();
    let nanos = text.split(' ').next().and_then(|word| word.parse().ok());
    Duration::from_nanos(nanos.unwrap_or_default())
}

fn tasks(pid: u32) -> Vec<String> {
    let Ok(entries) = fs::read_dir(format!("/proc/{pid}/task")) else { return Vec::new() };
    entries.flatten().map(|entry| entry.path().display().to_string()).collect()
}

/// The number behind a name at the beginning of a line, or 0.
fn field(file: &str, name: &str) -> u64 {
    let text = fs::read_to_string(file).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

/// How long a CPU was at work, and how long it was taken away from this machine, since it started.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Cpu {
    pub(crate) busy: Duration,
    pub(crate) stolen: Duration,
}

impl Cpu {
    /// From `/proc/stat`, which counts in hundredths of a second (`CONF_CLK_TCK` of every Linux that there is).
    pub(crate) fn now(number: usize) -> Self {
        let text = fs::read_to_string("/proc/stat").unwrap_or_default();
        let name = format!("cpu{number} ");
        let line = text.lines().find_map(|line| line.strip_prefix(&name)).unwrap_or_default();
        let ticks: Vec<u64> = line.split_whitespace().filter_map(|word| word.parse().ok()).collect();
        let at = |place: usize| Duration::from_millis(10 * ticks.get(place).copied().unwrap_or(0));
        // user nice system idle iowait irq softirq steal
        Self { busy: at(0) + at(1) + at(2) + at(5) + at(6), stolen: at(7) }
    }

    pub(crate) fn since(self, before: Self) -> Self {
        Self {
            busy: self.busy.saturating_sub(before.busy),
            stolen: self.stolen.saturating_sub(before.stolen),
        }
    }
}

/// The CPUs that this process may use, and which is whose.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cpus(&'static [usize]);

impl Cpus {
    /// As allowed at the start. They are kept for as long as the process lives.
    pub(crate) fn find() -> Self {
        let allowed = sched_getaffinity(None).expect("the CPUs of this process");
        let cpus: Vec<usize> = (0..CpuSet::MAX_CPU).filter(|cpu| allowed.is_set(*cpu)).collect();
        Self(cpus.leak())
    }

    pub(crate) fn count(self) -> usize {
        self.0.len()
    }

    /// The contender's alone.
    pub(crate) fn contender(self) -> usize {
        self.0[0]
    }

    /// That of callers and vendor. The same one where there is no other.
    pub(crate) fn ours(self) -> usize {
        self.0[1.min(self.0.len() - 1)]
    }

    /// The two of a contender with two workers, and those that are left for callers and vendor: none, where there are
    /// fewer than two.
    pub(crate) fn for_two_workers(self) -> ([usize; 2], &'static [usize]) {
        let rest = self.0.get(2..).filter(|rest| rest.len() > 1);
        ([self.contender(), self.ours()], rest.unwrap_or_default())
    }
}

/// Keeps this thread, and what it starts from now on, on these CPUs.
pub(crate) fn stay_on(cpus: &[usize]) {
    let mut set = CpuSet::new();
    for cpu in cpus {
        set.set(*cpu);
    }
    sched_setaffinity(None, &set).expect("a CPU of this machine");
}
