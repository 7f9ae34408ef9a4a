//! Standard output, read or not.

use std::net::SocketAddr;
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::ChildStderr;
use tokio::task::JoinHandle;

use crate::support::CREATE;
use crate::support::client::Connection;
use crate::support::configuration::write_configuration;
use crate::support::issuer::Issuer;
use crate::support::program::{Served, serve};
use crate::support::trail::Trail;
use crate::support::vendor::Vendor;
use crate::support::{admin, within};

const KEYS: [(&str, &str); 3] = [
    ("AUDIT__SHIP__LOGS__SINK", "stdout"),
    ("TENANTS__CRM__RATE_LIMIT__RATE", "1000000"),
    ("TENANTS__CRM__RATE_LIMIT__BURST", "1000000"),
];

/// So many creates on one connection, and the longest that one took.
async fn creates(address: SocketAddr, bearer: &str, count: usize) -> Duration {
    let mut connection = Connection::open(address).await;
    let headers = [("Authorization", bearer), ("Content-Type", "application/json")];
    let mut longest = Duration::ZERO;
    for _ in 0..count {
        let begun = Instant::now();
        let answer = connection.send("POST", "/conferences", &headers, CREATE).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        longest = longest.max(begun.elapsed());
    }
    longest
}

/// Reads a log until it says where the gateway serves: its address, and that of the admin port. What comes after that
/// is read by the task, until it ends.
async fn serving(log: ChildStderr) -> ((SocketAddr, SocketAddr), JoinHandle<()>) {
    let mut log = BufReader::new(log).lines();
    let said = async {
        loop {
            let line = log.next_line().await.unwrap().expect("a gateway that serves");
            let event: Value = serde_json::from_str(&line).unwrap();
            let address = |name: &str| event[name].as_str()?.parse().ok();
            if let (Some(data), Some(admin)) = (address("address"), address("admin")) {
                return (data, admin);
            }
        }
    };
    let addresses = within("the gateway to say where it serves", said).await;
    (addresses, tokio::spawn(async move { while let Ok(Some(_)) = log.next_line().await {} }))
}

#[tokio::test]
async fn standard_output_has_the_trail_and_nothing_else() {
    let mut served = Served::with(&KEYS).await;
    let bearer = served.issuer.token().bearer();
    creates(served.address, &bearer, 20).await;
    served.program.signal("TERM").await;
    let ended = served.program.ended().await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(ended.output.lines().collect::<Vec<_>>(), served.trail.lines());
    assert_eq!(served.vendor.calls().len(), 20);
}

#[tokio::test]
async fn a_pipe_that_nobody_reads_slows_no_request_and_loses_nothing() {
    let (vendor, issuer) = (Vendor::start().await, Issuer::start().await);
    let directory = TempDir::new().unwrap();
    let file = write_configuration(directory.path(), &vendor, &issuer);
    let mut command = serve(&file, &KEYS);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn().unwrap();
    let (mut output, error) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
    let ((address, admin), log) = serving(error).await;
    admin::until_readyz(admin, |answer| answer.status == 200).await;
    let bearer = issuer.token().bearer();
    // Two lines of some hundred bytes each: several times what a pipe holds.
    let longest = creates(address, &bearer, 300).await;
    // Who waited for the reader would wait for ever.
    assert!(longest < Duration::from_secs(5), "a request took {longest:?}");
    let lags = |status: &Value| status["shipping"][0]["lag_records"].as_u64() > Some(100);
    admin::until_status(admin, "a lag", lags).await;
    assert_eq!(vendor.calls().len(), 300);
    let id = child.id().unwrap().to_string();
    let mut read = String::new();
    let reading = async {
        // The reader comes back; the end waits for it.
        let sent = tokio::process::Command::new("kill").args(["-TERM", &id]).status().await;
        assert!(sent.unwrap().success());
        output.read_to_string(&mut read).await.unwrap();
    };
    within("all of the trail", reading).await;
    let status = within("the program to end", child.wait()).await.unwrap();
    assert_eq!(status.code(), Some(0));
    log.await.unwrap();
    let trail = Trail::new(&directory.path().join("audit"));
    assert_eq!(read.lines().collect::<Vec<_>>(), trail.lines());
}

#[tokio::test]
async fn the_end_does_not_wait_for_a_reader_that_never_comes() {
    let (vendor, issuer) = (Vendor::start().await, Issuer::start().await);
    let directory = TempDir::new().unwrap();
    let file = write_configuration(directory.path(), &vendor, &issuer);
    // A pipe that is full from the start: nothing at all can be written to it.
    let (reader, writer) = std::io::pipe().unwrap();
    let flags = rustix::fs::fcntl_getfl(&writer).unwrap();
    rustix::fs::fcntl_setfl(&writer, flags | rustix::fs::OFlags::NONBLOCK).unwrap();
    while rustix::io::write(&writer, &[b'\n'; 4096]).is_ok() {}
    rustix::fs::fcntl_setfl(&writer, flags).unwrap();
    let mut command = serve(&file, &KEYS);
    command.stdin(Stdio::null()).stdout(writer).stderr(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn().unwrap();
    let ((_, admin), log) = serving(child.stderr.take().unwrap()).await;
    admin::until_readyz(admin, |answer| answer.status == 200).await;
    let lags = |status: &Value| status["shipping"][0]["lag_records"].as_u64() > Some(0);
    admin::until_status(admin, "a line that is not taken", lags).await;
    let id = child.id().unwrap().to_string();
    let sent = tokio::process::Command::new("kill").args(["-TERM", &id]).status().await;
    assert!(sent.unwrap().success());
    let status = within("the program to end", child.wait()).await.unwrap();
    assert_eq!(status.code(), Some(0));
    log.await.unwrap();
    assert!(!directory.path().join("audit/consumer-logs.json").exists());
    drop(reader);
}
