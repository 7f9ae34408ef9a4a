//! What some tests need of the machine. They are ignored unless they are asked for, as `.ci/run` does.

use std::process::Command;

/// Fails the test with a clear message when it does not run as root, or the machine lacks one of these programs.
pub(crate) fn needs_root_and(tools: &[&str]) {
    let root = rustix::process::geteuid().is_root();
    assert!(root, "this test mounts file systems: run it as root, or without --include-ignored");
    needs(tools);
}

/// Fails the test with a clear message when the machine lacks one of these programs.
pub(crate) fn needs(tools: &[&str]) {
    for tool in tools {
        let found = Command::new("sh").args(["-c", &format!("command -v {tool}")]).output().expect("a shell");
        assert!(found.status.success(), "this test needs `{tool}`: .ci/run installs it, on Debian");
    }
}

/// Runs a program to its end, which must be a good one, and gives what it printed.
pub(crate) fn tool(name: &str, arguments: &[&str]) -> String {
    let ended = Command::new(name).args(arguments).output();
    let ended = ended.unwrap_or_else(|error| panic!("cannot run {name}: {error}"));
    let error = String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success(), "{name} {arguments:?}: {error}");
    String::from_utf8_lossy(&ended.stdout).into_owned()
}
