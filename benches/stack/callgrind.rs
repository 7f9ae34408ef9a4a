//! Instructions, as valgrind's callgrind counts them: those of each thread by itself, outside of the kernel.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};

use tempfile::TempDir;

/// What callgrind has counted of a run of this program.
pub(crate) struct Counted {
    /// What the run has printed.
    pub(crate) printed: String,
    totals: BTreeMap<String, u64>,
}

impl Counted {
    /// Of the thread with this number up to the end, or since the last [`dump`].
    pub(crate) fn to_the_end(&self, thread: usize) -> u64 {
        self.totals[&format!("-{thread:02}")]
    }

    /// Of the first thread, from the dump before (they begin with 1) to this one.
    pub(crate) fn to_dump(&self, number: usize) -> u64 {
        self.totals[&format!(".{number}-01")]
    }
}

/// Has callgrind write down what the thread that calls this has needed since the last time.
#[inline(never)]
pub(crate) fn dump() {
    std::hint::black_box(dump as fn());
}

pub(crate) fn is_installed() -> bool {
    let asked =
        Command::new("valgrind").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    asked.is_ok_and(|status| status.success())
}

/// Runs this program with `arguments` under callgrind. None where there is no valgrind.
pub(crate) fn run(arguments: &[&str]) -> Option<Counted> {
    if !is_installed() {
        return None;
    }
    let directory = TempDir::new().expect("a directory");
    let program = std::env::current_exe().expect("this program");
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--quiet", "--separate-threads=yes", "--dump-before=*callgrind*dump*"])
        .arg(format!("--callgrind-out-file={}", directory.path().join("out").display()))
        .arg(program)
        .arg("counted")
        .args(arguments)
        .output()
        .expect("valgrind");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "valgrind, {arguments:?}: {said}");
    Some(Counted {
        printed: String::from_utf8_lossy(&output.stdout).into_owned(),
        totals: totals(directory.path()),
    })
}

/// By the ends of the files' names: `-03` is the third thread's at the end, `.2-01` the second dump of the first.
fn totals(directory: &Path) -> BTreeMap<String, u64> {
    let files = std::fs::read_dir(directory).expect("callgrind's files");
    let total = |path: &Path| {
        let text = std::fs::read_to_string(path).ok()?;
        text.lines().find_map(|line| line.strip_prefix("totals:")?.trim().parse().ok())
    };
    files
        .filter_map(|file| {
            let file = file.expect("a file");
            let suffix = file.file_name().to_str()?.strip_prefix("out")?.to_owned();
            Some((suffix, total(&file.path())?))
        })
        .collect()
}
