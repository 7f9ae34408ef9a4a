//! The manifest's limit of memory, under what fills memory.

use futures_util::stream::{self, StreamExt};

use super::SIDECAR;
use super::machine::{memory, status};
use super::place::Place;
use super::running::Serving;
use crate::support::admin;
use crate::support::client::Connection;

const MIB: u64 = 1 << 20;

/// Connections that are open at once, of the 512 that the manifest allows, and tokens, of which it remembers 10000.
const CONNECTIONS: usize = 480;
const TOKENS: usize = 12_000;

/// Connections that all but the last byte of the largest body has come by.
async fn with_bodies(serving: &Serving<'_>, bearer: &str) -> Vec<Connection> {
    let request = format!(
        "POST /conferences HTTP/1.1\r\nHost: gate.test\r\nAuthorization: {bearer}\r\n\
         Content-Type: application/json\r\nContent-Length: 65536\r\n\r\n{}",
        " ".repeat(65_535)
    );
    let opening = (0..CONNECTIONS).map(|_| async {
        let mut connection = Connection::open(serving.address).await;
        connection.write(&request).await;
        connection
    });
    stream::iter(opening).buffer_unordered(64).collect().await
}

#[tokio::test]
#[ignore = "needs the image, which .ci/deploy image builds"]
async fn the_manifests_limit_holds_under_load() {
    let mut place = Place::new(SIDECAR).await;
    place.change("TENANTS__CRM__MAX_IN_FLIGHT", "1000");
    // Or else a machine with other things to do has it turn calls away, which spares its memory.
    place.change("LISTEN__MAX_LAG", "0s");
    let container = place.start().await;
    let serving = container.serving().await;
    serving.until_readyz(200).await;
    let process = container.process().await;
    let idle = memory(process).most;

    // Each with a subject of its own, and as large as tokens are that name a few groups.
    let calling = (0..TOKENS).map(|number| {
        let token = place.issuer.token().claim("sub", format!("user-{number}")).claim("x", "x".repeat(1000));
        let (bearer, address) = (token.bearer(), serving.address);
        async move {
            let mut connection = Connection::open(address).await;
            let answer = connection.send("GET", "/conferences/IM3", &[("Authorization", &bearer)], "").await;
            assert_eq!(answer.status, 200, "{}", answer.text());
        }
    });
    stream::iter(calling).buffer_unordered(64).collect::<Vec<()>>().await;
    admin::until_connections(serving.admin, 0).await;
    let bearer = place.issuer.token().bearer();
    let connections = with_bodies(&serving, &bearer).await;
    admin::until_connections(serving.admin, CONNECTIONS).await;
    // Whoever holds that much is still answered.
    let answer = serving.call(&bearer, "GET", "/conferences/IM3", "").await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let (resident, reached) = (status(process, "VmRSS"), memory(process));
    drop(connections);
    println!(
        "of {} MiB: {} MiB at rest, {} MiB at most, {resident} resident with all of it at once",
        reached.limit / MIB,
        idle / MIB,
        reached.most / MIB
    );
    assert_eq!(reached.limit, place.manifest.memory());
    assert!(reached.most < reached.limit * 9 / 10, "{reached:?}");
    assert_eq!(container.inspect("{{.State.OOMKilled}} {{.RestartCount}}").await, "false 0");
}
