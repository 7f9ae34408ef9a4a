//! The limit of open files and sockets, which systems set low at first.

use std::net::SocketAddr;

use serde_json::Value;
use tempfile::TempDir;
use tokio::process::Command;

use crate::support::client::Connection;
use crate::support::configuration::write_configuration;
use crate::support::issuer::Issuer;
use crate::support::program::{Program, serve};
use crate::support::vendor::Vendor;

/// `confgate serve` under a limit, as `ulimit` of a shell sets it.
fn under(ulimit: &str, serve: &Command) -> Command {
    let serve = serve.as_std();
    let mut command = Command::new("sh");
    command.args(["-c", &format!(r#"ulimit {ulimit} && exec "$@""#), "sh"]);
    command.arg(serve.get_program()).args(serve.get_args()).env_clear();
    command.envs(serve.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command
}

fn address(line: &str) -> Option<SocketAddr> {
    let event: Value = serde_json::from_str(line).ok()?;
    event["address"].as_str()?.parse().ok()
}

#[tokio::test]
async fn a_low_limit_is_raised() {
    let (vendor, issuer) = (Vendor::start().await, Issuer::start().await);
    let directory = TempDir::new().expect("a temporary directory");
    let file = write_configuration(directory.path(), &vendor, &issuer);
    let program = Program::start(&mut under("-S -n 64", &serve(&file, &[])));
    let address = program.logged("the gateway to say where it serves", address).await;
    let mut connections = Vec::new();
    for _ in 0..200 {
        let mut connection = Connection::open(address).await;
        assert_eq!(connection.send("GET", "/openapi.json", &[], "").await.status, 200);
        connections.push(connection);
    }
}

#[tokio::test]
async fn a_limit_that_cannot_be_raised_far_enough_is_told() {
    let (vendor, issuer) = (Vendor::start().await, Issuer::start().await);
    let directory = TempDir::new().expect("a temporary directory");
    let file = write_configuration(directory.path(), &vendor, &issuer);
    let serve = serve(&file, &[("LISTEN__MAX_CONNECTIONS", "500")]);
    let program = Program::start(&mut under("-n 600", &serve));
    let warning = |line: &str| {
        let event: Value = serde_json::from_str(line).ok()?;
        (event["allowed"] == 600).then(|| event["wanted"].clone())
    };
    // The callers', 64 to the vendor for each of two workers and two apps, and what there is besides.
    let wanted = 500 + 64 * 2 * 2 + 512;
    assert_eq!(program.logged("a warning about the limit", warning).await, wanted);
}
