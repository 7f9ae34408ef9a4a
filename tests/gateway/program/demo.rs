//! `confgate demo`: each line that it prints does what the line above it says, copied in any order.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::TempDir;
use tokio::process::Command;

use crate::support::client::{self, Answer};
use crate::support::program::{Program, confgate};
use crate::support::within;

/// What each line is to do, by the comment above it: status and code of each answer.
const PROMISES: &[(&str, &[(u16, &str)])] = &[
    ("# create a conference: 200", &[(200, "")]),
    ("# look at one: 200", &[(200, "")]),
    ("# kick a member: 200", &[(200, "")]),
    ("# dissolve one: 200", &[(200, "")]),
    ("# create without the scope for it: 403 scope_missing", &[(403, "scope_missing")]),
    ("# with an expired token: 401 token_expired", &[(401, "token_expired")]),
    (
        "# a tenant over its limit of 3 at once and 1 each 10 s: 200 three times, then 429 tenant_rate_limited",
        &[(200, ""), (200, ""), (200, ""), (429, "tenant_rate_limited")],
    ),
];

/// A demo that has said all it has to say.
struct Demo {
    program: Program,
    directory: PathBuf,
    _folder: TempDir,
}

impl Demo {
    async fn start() -> Self {
        let folder = TempDir::new().expect("a temporary directory");
        // A path that a shell would take for several words.
        let directory = folder.path().join("the demo's files");
        let mut command = confgate(["demo", "--directory"]);
        command.arg(&directory);
        for option in ["--listen", "--admin", "--sandbox", "--issuer"] {
            command.args([option, "127.0.0.1:0"]);
        }
        let program = Program::start(&mut command);
        program.printed("the end of the screen", |line| line.starts_with("Ctrl-C").then_some(())).await;
        Self { program, directory, _folder: folder }
    }

    /// The lines of commands, each with the comment above it.
    fn lines(&self) -> Vec<(String, String)> {
        let (mut comment, mut lines) = (String::new(), Vec::new());
        for line in self.program.output().lines() {
            if line.starts_with('#') {
                line.clone_into(&mut comment);
            } else if !comment.is_empty() && !line.is_empty() && !line.starts_with("Ctrl-C") {
                lines.push((comment.clone(), line.to_owned()));
            }
        }
        lines
    }

    /// The lines that call the gateway.
    fn calls(&self) -> Vec<(String, String)> {
        let mut calls = self.lines();
        calls.retain(|(_, line)| line.contains("curl "));
        let comments: Vec<_> = calls.iter().map(|(comment, _)| comment.as_str()).collect();
        assert_eq!(comments, PROMISES.iter().map(|(comment, _)| *comment).collect::<Vec<_>>());
        calls
    }

    async fn ends_well(mut self) {
        self.program.signal("INT").await;
        let ended = self.program.ended().await;
        assert_eq!((ended.code, ended.error.as_str()), (Some(0), ""), "{ended:?}");
    }
}

/// What curl would send for one of the lines: the parts of a shell and of curl that they use.
#[derive(Debug, PartialEq, Eq)]
struct Curl {
    method: String,
    address: SocketAddr,
    path: String,
    headers: Vec<(String, String)>,
    body: String,
    times: usize,
}

impl Curl {
    fn parse(line: &str) -> Self {
        let (times, line) = match line.strip_prefix("for i in ") {
            Some(rest) => {
                let (numbers, rest) = rest.split_once("; do ").expect("a loop");
                let command = rest.strip_suffix("; echo; done").expect("the end of the loop");
                (numbers.split(' ').count(), command)
            }
            None => (1, line),
        };
        let mut words = words(line).into_iter();
        assert_eq!(words.next().as_deref(), Some("curl"));
        let (mut method, mut url, mut headers, mut body) = (None, None, Vec::new(), String::new());
        while let Some(word) = words.next() {
            let mut value = || words.next().expect("a value");
            match word.as_str() {
                "-sS" | "-i" => {}
                "-X" => method = Some(value()),
                "-d" => body = value(),
                "-H" => {
                    let field = value();
                    let (name, value) = field.split_once(": ").expect("a header field");
                    headers.push((name.to_owned(), value.to_owned()));
                }
                _ if word.starts_with("http://") => assert_eq!(url.replace(word), None, "two URLs in {line}"),
                _ => panic!("{word:?} in {line}"),
            }
        }
        let url = url.expect("a URL");
        let (address, path) = url["http://".len()..].split_once('/').expect("a path");
        Self {
            method: method.unwrap_or_else(|| if body.is_empty() { "GET" } else { "POST" }.to_owned()),
            address: address.parse().expect("an address"),
            path: format!("/{path}"),
            headers,
            body,
            times,
        }
    }

    async fn send(&self) -> Answer {
        let headers: Vec<_> =
            self.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        client::send(self.address, &self.method, &self.path, &headers, &self.body).await
    }
}

/// The words of a command, with single quotes taken off.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quoted) = (Vec::new(), String::new(), false);
    for character in line.chars() {
        match character {
            '\'' => quoted = !quoted,
            ' ' if !quoted => words.push(std::mem::take(&mut word)),
            _ => word.push(character),
        }
    }
    assert!(!quoted, "an open quote in {line}");
    words.push(word);
    words
}

async fn sh(line: &str) -> (Option<i32>, String, String) {
    let mut shell = Command::new("sh");
    shell.args(["-c", line]).kill_on_drop(true);
    let output = within(line, shell.output()).await.expect("a shell");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

/// Last line first: none depends on another.
#[tokio::test]
async fn every_call_that_is_printed_does_what_it_says() {
    let demo = Demo::start().await;
    for ((comment, line), (_, promised)) in demo.calls().iter().zip(PROMISES).rev() {
        let curl = Curl::parse(line);
        assert_eq!(curl.times, promised.len(), "{comment}");
        for (status, code) in *promised {
            let answer = curl.send().await;
            assert_eq!(answer.status, *status, "{comment}: {}", answer.text());
            assert_eq!(answer.json()["code"].as_str().unwrap_or_default(), *code, "{comment}");
        }
    }
    demo.ends_well().await;
}

#[tokio::test]
async fn a_shell_does_the_same_with_the_lines_as_they_stand() {
    if sh("curl --version").await.0 != Some(0) {
        return;
    }
    let demo = Demo::start().await;
    for ((comment, line), (_, promised)) in demo.calls().iter().zip(PROMISES) {
        let (exit, output, error) = sh(line).await;
        assert_eq!((exit, error.as_str()), (Some(0), ""), "{comment}");
        let starts: Vec<_> = output.lines().filter(|line| line.starts_with("HTTP/1.1 ")).collect();
        assert_eq!(starts.len(), promised.len(), "{comment}: {output}");
        for (start, (status, code)) in starts.iter().zip(*promised) {
            assert!(start.starts_with(&format!("HTTP/1.1 {status} ")), "{comment}: {start}");
            assert!(output.contains(code), "{comment}: {output}");
        }
    }
    demo.ends_well().await;
}

#[tokio::test]
async fn the_lines_for_a_token_and_for_the_trail_can_be_copied_too() {
    let demo = Demo::start().await;
    let mut lines = demo.lines();
    lines.retain(|(_, line)| !line.contains("curl "));
    assert!(lines.iter().all(|(comment, _)| comment == "# a token of your own, and the trail"), "{lines:?}");
    let [(_, token), (_, tail), (_, verify)] = lines.as_slice() else { panic!("{lines:?}") };

    let (exit, minted, error) = sh(token).await;
    assert_eq!((exit, error.as_str()), (Some(0), ""));
    let look = Curl::parse(&demo.calls()[1].1);
    let bearer = format!("Bearer {}", minted.trim_end());
    let answer = client::send(look.address, "GET", &look.path, &[("Authorization", &bearer)], "").await;
    assert_eq!(answer.status, 200, "{}", answer.text());

    let id = answer.header("x-request-id").expect("an id");
    let trail = crate::support::trail::Trail::new(&demo.directory.join("audit"));
    assert_eq!(trail.outcome_of(id).await["subject"], "yangss");
    let (exit, records, error) = sh(tail).await;
    assert_eq!((exit, error.as_str()), (Some(0), ""));
    let last: Value = serde_json::from_str(records.lines().last().expect("a line")).expect("a record");
    assert_eq!(last["request_id"], id);
    let (exit, summary, error) = sh(verify).await;
    assert_eq!((exit, error.as_str()), (Some(0), ""), "{summary}");
    demo.ends_well().await;
}

#[tokio::test]
async fn the_addresses_that_are_printed_answer() {
    let demo = Demo::start().await;
    let screen = demo.program.output();
    for path in ["/openapi.json", "/status", "/_sandbox"] {
        let words = screen.split_whitespace().map(|word| word.trim_matches(['(', ')']));
        let url = words.filter_map(|word| word.strip_prefix("http://")).find(|url| url.ends_with(path));
        let (address, path) =
            url.unwrap_or_else(|| panic!("{path} in {screen}")).split_once('/').expect("a path");
        let address = address.parse().expect("an address");
        let answer = client::send(address, "GET", &format!("/{path}"), &[], "").await;
        assert_eq!(answer.status, 200, "{path}");
    }
    let keys = screen.lines().find_map(|line| line.strip_prefix("issuer")).expect("the issuer").trim();
    let (address, path) = keys.trim_start_matches("http://").split_once('/').expect("a path");
    let answer =
        client::send(address.parse().expect("an address"), "GET", &format!("/{path}"), &[], "").await;
    assert_eq!(answer.json()["keys"].as_array().map(Vec::len), Some(1));
    demo.ends_well().await;
}

#[tokio::test]
async fn a_demo_without_a_directory_leaves_nothing_behind() {
    let folder = TempDir::new().expect("a temporary directory");
    let mut command = confgate(["demo"]);
    for option in ["--listen", "--admin", "--sandbox", "--issuer"] {
        command.args([option, "127.0.0.1:0"]);
    }
    let mut program = Program::start(command.env("TMPDIR", folder.path()));
    program.printed("the end of the screen", |line| line.starts_with("Ctrl-C").then_some(())).await;
    assert_eq!(entries(folder.path()), 1);
    program.signal("TERM").await;
    assert_eq!(program.ended().await.code, Some(0));
    assert_eq!(entries(folder.path()), 0);
}

fn entries(directory: &Path) -> usize {
    std::fs::read_dir(directory).expect("a directory").count()
}
