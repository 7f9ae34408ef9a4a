//! What the system tells about the process, read when it is asked. `None` where it does not tell: no Linux, or no
//! `/proc`.

use rustix::process::{Resource, getrlimit};
use rustix::time::{ClockId, clock_gettime};

/// CPU time since the start, of the program and of the system for it, in seconds.
#[expect(clippy::cast_precision_loss, reason = "a scrape has floats, and the loss begins at 2⁵³ seconds")]
pub fn cpu_seconds() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// Resident memory in bytes.
pub fn resident_bytes() -> Option<u64> {
    // `/proc` says kB and means KiB.
    Some(1024 * field(&status()?, "VmRSS:")?)
}

/// How many threads there are.
pub fn threads() -> Option<u64> {
    field(&status()?, "Threads:")
}

/// How many descriptors are open.
pub fn open_descriptors() -> Option<u64> {
    // One of them is for looking.
    let open = std::fs::read_dir("/proc/self/fd").ok()?.count().saturating_sub(1);
    Some(open as u64)
}

/// How many may be; `None` where there is no limit.
pub fn max_descriptors() -> Option<u64> {
    getrlimit(Resource::Nofile).current
}

fn status() -> Option<String> {
    std::fs::read_to_string("/proc/self/status").ok()
}

fn field(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_found_by_its_whole_name() {
        let status = "Name:\tconfgate\nVmRSS:\t   20480 kB\nThreads:\t7\n";
        assert_eq!((field(status, "VmRSS:"), field(status, "Threads:")), (Some(20_480), Some(7)));
        assert_eq!(field(status, "Name:"), None);
        assert_eq!(field(status, "VmSwap:"), None);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_process_that_runs_has_all_of_it() {
        let before = cpu_seconds();
        let memory = vec![1_u8; 1 << 20];
        assert!(resident_bytes().unwrap() > memory.len() as u64);
        assert!(threads().unwrap() >= 1);
        let open = open_descriptors().unwrap();
        assert!((3..max_descriptors().unwrap()).contains(&open), "{open}");
        assert!(cpu_seconds() > before);
    }
}
