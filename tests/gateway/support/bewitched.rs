//! System calls that fail, or take long, as `strace` has them do it to the real program.

use std::path::PathBuf;

use tokio::process::Command;

use super::site::Site;
use super::tools::needs;

/// `confgate serve` with this done to its system calls.
pub(crate) struct Bewitched {
    pub(crate) site: Site,
    log: PathBuf,
}

impl Bewitched {
    pub(crate) async fn new(changes: &[(&str, &str)]) -> Self {
        needs(&["strace"]);
        let site = Site::new(changes).await;
        let log = site.directory().join("strace");
        Self { site, log }
    }

    /// `spell` is for strace's `inject`. Calls are counted for each thread by itself.
    pub(crate) fn command(&self, spell: &str) -> Command {
        let (traced, _) = spell.split_once(':').unwrap();
        let program = self.site.command();
        let program = program.as_std();
        let mut command = Command::new("strace");
        // The tracer is a grandchild, so that the process that the test has is the program, and gets its signals.
        command.args(["--daemonize", "--follow-forks", "--seccomp-bpf", "--output"]).arg(&self.log);
        command
            .args(["--trace", traced, "--inject", spell])
            .arg(program.get_program())
            .args(program.get_args());
        command.env_clear().envs(program.get_envs().filter_map(|(key, value)| Some((key, value?))));
        command.envs(std::env::vars_os().filter(|(name, _)| name == "PATH"));
        command
    }

    /// What was done to which thread, as strace has noted it.
    pub(crate) fn hits(&self) -> usize {
        let log = std::fs::read_to_string(&self.log).unwrap();
        log.lines().filter(|line| line.contains("INJECTED") || line.contains("DELAYED")).count()
    }
}
